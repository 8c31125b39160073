"""The gate's decisions on many simulated runs at once: what `judge` decides one by one (the self-tests compare them).

Arrays hold one row a run and one column a cluster. Decisions are (runs that pass, runs that regress).
"""

from math import inf
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from benchmarks.gate_table import Rates
from fixtures.gate import bounds, tango
from fixtures.gate.floor import LEAST_INDEPENDENT, LEAST_TO_PASS, Levels, levels
from fixtures.gate.margins import LEAST_EVENTS

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
FIRST = levels()


def jackknife(sums: Array, sizes: Array) -> Array:
    """Return delete-one-cluster pseudo-values of ratios by row, moved so that their mean is the ratio."""
    count, total, size = sums.shape[-1], sums.sum(-1, keepdims=True), sizes.sum(-1, keepdims=True)
    pseudo = count * total / size - (count - 1) * (total - sums) / (size - sizes)
    return np.asarray(pseudo - pseudo.mean(-1, keepdims=True) + total / size)


def effective(sizes: Array) -> Array:
    """Return by row how many even clusters clusters of these sizes are worth."""
    return np.asarray(sizes.sum(-1) ** 2 / (sizes**2).sum(-1))


def hidden(even: Array | float, width: Array | float, alpha: float, least: int = LEAST_TO_PASS) -> Array:
    """Return the rule of three by row; infinite where the clusters are worth less than a pass takes."""
    return np.asarray(np.where(np.asarray(even) < least, inf, -np.expm1(np.log(alpha) / even) * width))


def below(values: Array, alpha: float, limit: Array | float, even: Array | None = None) -> Mask:
    """Return where `bounds.upper` is below the limit; it is computed only where Student's t leaves that open."""
    found = student_below(values, alpha, limit, even)
    rest = np.flatnonzero(found)
    limits = np.broadcast_to(limit, found.shape)
    if rest.size:
        found[rest] = bounds.upper(values[rest], alpha, None if even is None else even[rest]) < limits[rest]
    return found


def student_below(values: Array, alpha: float, limit: Array | float, even: Array | None = None) -> Mask:
    """Return where `bounds.upper` could be below the limit: it is no less than this, its narrowest part."""
    count, mean = values.shape[-1], values.mean(axis=-1)
    error = values.std(axis=-1) / np.sqrt(max(1, count - 1))
    unseen = (values.max(axis=-1) - mean) / ((count if even is None else even) + 1)
    return np.asarray(mean + bounds.student_quantile(count - 1, alpha) * error * (1 - 1e-9) + unseen < limit)


def above(values: Array, alpha: float, limit: Array | float, even: Array | None = None) -> Mask:
    """Return where `bounds.lower` is above the limit."""
    return below(-values, alpha, -limit, even)


def tango_decisions(lost: Array, gained: Array, n: Array | float, margin: float, at: Levels = FIRST) -> Rates:
    """Decide independent 0/1 samples."""
    enough = hidden(np.asarray(n, dtype=np.float64), 1.0, at.passing, LEAST_INDEPENDENT) < margin
    passed, regressed = _tango(lost, gained, n, margin, at)
    return passed & enough, regressed


def _tango(lost: Array, gained: Array, n: Array | float, margin: float, at: Levels) -> Rates:
    low, high = (NormalDist().inv_cdf(alpha) for alpha in at)
    proven = tango.statistic(np.maximum(lost - 0.5, 0), gained, n, margin) > -high
    return tango.statistic(lost, gained, n, margin) < low, proven


def clustered_decisions(lost: Array, gained: Array, present: Array, margin: float, at: Levels = FIRST) -> Rates:
    """Decide clustered 0/1 samples: Tango with a design effect, and the bounds of means."""
    harm = jackknife(lost - gained, present)
    n, loss = present.sum(-1), (lost - gained).sum(-1) / present.sum(-1)
    single = ((lost + gained).sum(-1) - n * loss**2) / (n - 1) / n
    effect = np.maximum(harm.var(-1, ddof=1) / harm.shape[-1] / np.where(single > 0, single, inf), 1.0)
    scores = _tango(lost.sum(-1) / effect, gained.sum(-1) / effect, n / effect, margin, at)
    means = mean_decisions(harm, effective(present), 1.0, margin, at)
    return scores[0] & means[0], scores[1] & means[1]


def mean_decisions(harm: Array, even: Array, width: Array | float, margin: float, at: Levels = FIRST) -> Rates:
    """Decide means of one value a cluster, clusters being worth `even` and losing `width` at most."""
    enough = hidden(even, width, at.passing) < margin
    return below(harm, at.passing, margin, even) & enough, above(harm, at.regress, margin, even)


def share_decisions(
    dense: Array, compressed: Array, size: int, relative: float, absolute: float = inf, at: Levels = FIRST
) -> Rates:
    """Decide a rare harm whose events, as shares of clusters of one size, may grow by a share, and by so much.

    An absolute limit is for independent samples only.
    """
    count = dense.shape[-1]
    even = np.full(len(dense), float(count))
    # Rounded, as `judge` counts events.
    counted = (np.rint(dense.sum(-1) * size) >= LEAST_EVENTS) | (absolute == inf)
    share = np.where(counted, relative * dense.mean(-1), inf)
    excess = compressed - (1 + relative) * dense
    least = LEAST_INDEPENDENT if size == 1 else LEAST_TO_PASS
    passed = hidden(even, 1.0, at.passing, least) < np.minimum(share, absolute)
    passed[counted] &= below(excess[counted], at.passing, 0.0, even[counted])
    regressed = counted & (share < absolute)
    regressed[regressed] = above(excess[regressed], at.regress, 0.0, even[regressed])
    if absolute < inf:
        worse, better = ((compressed - dense) * sign > 0 for sign in (1, -1))
        fixed = tango_decisions(worse.sum(-1), better.sum(-1), count, absolute, at)
        passed &= fixed[0]
        regressed |= (share >= absolute) & fixed[1]
    return passed, regressed


def bias_decisions(dense: Array, compressed: Array, even: Array, margin: float, at: Levels = FIRST) -> Rates:
    """Decide jackknife values in -1 to 1 of which nearer 0 is better."""
    passed, regressed = hidden(even, 2.0, at.passing) < margin, np.zeros(len(dense), dtype=bool)
    for sign in (-1, 1):
        signed = [sign * compressed - other * dense for other in (-1, 1)]
        passed = passed & np.logical_or(*(below(values, at.passing / 2, margin, even) for values in signed))
        regressed = regressed | np.logical_and(*(above(values, at.regress / 2, margin, even) for values in signed))
    return passed, regressed
