"""How often the gate errs: `python -m benchmarks.gate_error_rates` writes gate_error_rates.md beside this file.

Where a table plants a true loss exactly as large as the margin, a pass is an error wanted in at most 5 % of runs and
a proven regression one wanted in at most 1 %. Where it plants none, a pass is what should happen.
"""

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import log, log1p
from pathlib import Path
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from benchmarks.gate_scenarios import (
    BIASES,
    HARDER,
    HARMLESS,
    PROMISED,
    PROSE,
    RELEASES,
    Array,
    Bias,
    Damage,
    Generator,
    Prose,
)
from fixtures.core import Check, Sample
from fixtures.gate import bounds, judge, release_power, samples_for, tango, toward
from fixtures.gate.floor import LEAST_TO_PASS, PASS_ALPHA, REGRESS_ALPHA, rule_of_three
from fixtures.gate.planning import binomial
from fixtures.metrics import METRICS

Row = Sequence[str | float]
Rates = Sequence[npt.NDArray[np.bool_]]
_PASS, _REGRESS = NormalDist().inv_cdf(PASS_ALPHA), -NormalDist().inv_cdf(REGRESS_ALPHA)
_CHUNK = 500


@dataclass(frozen=True)
class Table:
    """One table of the report; numbers are shares."""

    title: str
    note: str
    header: Sequence[str]
    rows: Sequence[Row]

    def markdown(self) -> str:
        lines = [f"## {self.title}", self.note, "", f"| {' | '.join(self.header)} |", "|---" * len(self.header) + "|"]
        for row in self.rows:
            lines.append(
                f"| {' | '.join(f'{100 * cell:.1f} %' if isinstance(cell, float) else cell for cell in row)} |"
            )
        return "\n".join(lines) + "\n"


def tango_rates(n: int, flips: float, loss: float, margin: float) -> tuple[float, float]:
    """Return the exact chances of a pass and of a regression, of `n` samples of which a share `flips` changes."""
    worse, better = (flips + loss) / 2, (flips - loss) / 2
    chances = binomial(n, np.arange(n + 1), worse)
    passed = regressed = 0.0
    for lost in np.flatnonzero(chances > 1e-12):
        gained = np.arange(n - lost + 1)
        weights = chances[lost] * binomial(n - lost, gained, better / (1 - worse))
        score = tango.statistic(lost, gained, n, margin)
        passed += float(weights @ (score < _PASS))
        regressed += float(weights @ (score > _REGRESS))
    return (passed if rule_of_three(n, PASS_ALPHA, 1.0) < margin else 0.0), regressed


def independent(sizes: Iterable[int]) -> Table:
    """Tabulate errors of independent 0/1 samples at the margin."""
    rows = [
        (f"{n}", f"{flips:.0%}", f"{margin:.0%}", *tango_rates(n, flips, margin, margin))
        for margin, shares in ((0.02, (0.02, 0.03, 0.05, 0.1, 0.2)), (0.05, (0.05, 0.1, 0.3)))
        for n in sizes
        for flips in shares
    ]
    header = "n", "flips", "margin", "passed", "regressed"
    return Table("0/1 scores, independent, loss = margin: Tango", "Exact, by enumeration.", header, rows)


def documented() -> Table:
    """Tabulate the outcomes that the blueprint's statistics.md gives as examples."""
    rows = []
    for flips, n, loss in ((0.05, 1000, 0.0), (0.05, 1000, 0.04), (0.1, 1000, 0.02), (0.1, 3000, 0.04)):
        passed, regressed = tango_rates(n, flips, loss, 0.02)
        rows.append((f"{flips:.0%}", f"{n}", f"{loss:.0%}", passed, regressed, 1 - passed - regressed))
    header = "flips", "n", "true loss", "passed", "regressed", "inconclusive"
    return Table("0/1 scores, independent, margin 2 points: outcomes", "Exact, by enumeration.", header, rows)


def jackknife(sums: Array, sizes: Array) -> Array:
    """Return delete-one-cluster pseudo-values of ratios by row, moved so that their mean is the ratio."""
    count, total, size = sums.shape[-1], sums.sum(-1, keepdims=True), sizes.sum(-1, keepdims=True)
    pseudo = count * total / size - (count - 1) * (total - sums) / (size - sizes)
    return np.asarray(pseudo - pseudo.mean(-1, keepdims=True) + total / size)


def effective(sizes: Array) -> Array:
    """Return by row how many even clusters clusters of these sizes are worth."""
    return np.asarray(sizes.sum(-1) ** 2 / (sizes**2).sum(-1))


def hidden(sizes: Array, width: Array | float) -> Array:
    """Return the rule of three by row; infinite where the clusters are worth less than a pass takes."""
    even = effective(sizes)
    return np.asarray(np.where(even < LEAST_TO_PASS, np.inf, -np.expm1(log(PASS_ALPHA) / even) * width))


def clustered_decisions(lost: Array, gained: Array, present: Array, margin: float) -> Rates:
    """Return which runs pass and which regress, as `judge` decides them one by one."""
    harm = jackknife(lost - gained, present)
    n, loss = present.sum(-1), (lost - gained).sum(-1) / present.sum(-1)
    single = ((lost + gained).sum(-1) - n * loss**2) / (n - 1) / n
    effect = np.maximum(harm.var(-1, ddof=1) / harm.shape[-1] / np.where(single > 0, single, np.inf), 1.0)
    score = tango.statistic(lost.sum(-1) / effect, gained.sum(-1) / effect, n / effect, margin)
    even = effective(present)
    high = np.maximum(bounds.upper(harm, PASS_ALPHA, even), hidden(present, 1.0))
    return (score < _PASS) & (high < margin), (score > _REGRESS) & (bounds.lower(harm, REGRESS_ALPHA, even) > margin)


def bias_decisions(dense: Array, compressed: Array, margin: float) -> Rates:
    """Return which runs pass and which regress, of cluster means."""
    high = np.maximum(toward.upper(dense, compressed, PASS_ALPHA), hidden(np.ones_like(dense), 2.0))
    return high < margin, toward.lower(dense, compressed, REGRESS_ALPHA) > margin


def student_passes(harm: Array, margin: float) -> npt.NDArray[np.bool_]:
    """Return which runs Student's t alone passes."""
    error = harm.std(-1, ddof=1) / np.sqrt(harm.shape[-1])
    return np.asarray(harm.mean(-1) + bounds.student_quantile(harm.shape[-1] - 1, PASS_ALPHA) * error < margin)


def simulate(runs: int, seed: int, one: Callable[[Generator, int], Rates]) -> list[float]:
    """Return the mean of each array that `one` gives, over `runs` runs."""
    generator = np.random.default_rng(seed)
    parts = [one(generator, min(_CHUNK, runs - start)) for start in range(0, runs, _CHUNK)]
    return [float(np.concatenate(column).mean()) for column in zip(*parts, strict=True)]


def damage_rates(damage: Damage, runs: int) -> list[float]:
    """Return how often t alone, the wild bootstrap alone and the gate pass, and how often the gate regresses."""

    def one(generator: Generator, rows: int) -> Rates:
        lost, gained, present = damage.draw(generator, rows)
        harm = jackknife(lost - gained, present)
        error = np.maximum(harm.std(-1, ddof=1) / np.sqrt(damage.clusters), 1e-12)
        spread = (harm - harm.mean(-1, keepdims=True)) / error[:, None]
        wild = harm.mean(-1) + bounds.wild(spread, PASS_ALPHA) * error < damage.margin
        decided = clustered_decisions(lost, gained, present, damage.margin)
        return student_passes(harm, damage.margin), wild, *decided

    return simulate(runs, 1, one)


def clustered(runs: int) -> list[Table]:
    """Tabulate clustered 0/1 samples: what is promised, what is not, and what it costs."""
    header = "clusters", "size", "margin", "damage in", "flips", "t alone", "wild alone", "gate", "gate regressed"
    parts = (
        ("0/1 scores, clustered, loss = margin: passes", "Promised: at most 6.5 %.", PROMISED),
        (
            "0/1 scores, clustered, loss = margin: beyond what is promised",
            "Damage in 3 or 5 % of the clusters, or in whole clusters of uneven size (then 3 % of them carry it).",
            HARDER,
        ),
        ("0/1 scores, clustered, no loss: passes", "What the wider bounds cost a harmless compression.", HARMLESS),
    )
    tables = []
    for title, note, cases in parts:
        rows: list[Row] = [(*damage.row, *damage_rates(damage, runs)) for damage in cases]
        tables.append(Table(title, note, header, rows))
    return tables


def bias_rates(bias: Bias, runs: int) -> list[float]:
    """Return how often a plug-in t interval of |c| - |d| passes, the gate passes, and the gate regresses."""

    def one(generator: Generator, rows: int) -> Rates:
        dense, compressed = bias.draw(generator, rows)
        signs = np.sign(dense.mean(-1, keepdims=True)), np.sign(compressed.mean(-1, keepdims=True))
        plugged = student_passes(signs[1] * compressed - signs[0] * dense, bias.margin)
        return plugged, *bias_decisions(dense, compressed, bias.margin)

    return simulate(runs, 2, one)


def biased(runs: int) -> Table:
    """Tabulate metrics of which nearer 0 is better."""
    header = "clusters x size", "dense gap", "margin", "clusters touched", "plug-in t", "gate", "gate regressed"
    note = "Signed bounds against a t interval of |c| - |d| with the signs as seen."
    rows: list[Row] = [(*bias.row, *bias_rates(bias, runs)) for bias in BIASES]
    return Table("Bias, nearer 0 is better, loss = margin: passes", note, header, rows)


def prose_rates(prose: Prose, runs: int) -> list[float]:
    """Return how often t alone passes, the gate passes, and the gate regresses."""
    margin = log1p(0.05)

    def one(generator: Generator, rows: int) -> Rates:
        loss, tokens = prose.draw(generator, rows, margin)
        harm = jackknife(loss, tokens)
        even = effective(tokens)
        high = np.maximum(bounds.upper(harm, PASS_ALPHA, even), hidden(tokens, np.ptp(loss / tokens, axis=-1)))
        return student_passes(harm, margin), high < margin, bounds.lower(harm, REGRESS_ALPHA, even) > margin

    return simulate(runs, 3, one)


def perplexities(runs: int) -> Table:
    """Tabulate perplexity at a true rise of 5 %."""
    rows: list[Row] = [(f"{prose.texts}", prose.tails, *prose_rates(prose, runs)) for prose in PROSE]
    header = "texts", "loss per token", "t alone", "gate", "gate regressed"
    note = (
        "Independent texts. Skewness: gamma 2, lognormal 6; sparse has all of the rise in a tenth of the texts. "
        "Promised, at most 6.5 %, up to a skewness of 2: what an unbounded loss hides in texts not seen, no interval "
        "of the seen ones can tell."
    )
    return Table("Perplexity, a true rise of 5 % at a margin of 5 %: passes", note, header, rows)


def passes(lost: int, gained: int, n: int, margin: float) -> bool:
    """Return whether `judge` passes `n` independent answers with these flips."""
    metric = METRICS["accuracy"]
    samples = [Sample(f"{i:06d}", "", (" yes", " no"), cluster=f"{i:06d}", target=i % 2) for i in range(n)]
    kept = [(1.0, 1.0)] * (n - lost - gained)
    dense = [(1.0, 1.0)] * lost + [(0.0, 1.0)] * gained + kept
    compressed = [(0.0, 1.0)] * lost + [(1.0, 1.0)] * gained + kept
    check = Check("simulated", metric, tolerance=margin)
    return judge(check, metric, samples, dense, compressed).outcome == "passed"


def releases(runs: int, plans: Sequence[tuple[int, int, float]] = RELEASES) -> Table:
    """Tabulate how often all checks of a lossless model pass, against what `release_power` says."""
    generator = np.random.default_rng(4)
    rows = []
    for checks, n, flips in plans:
        changed = generator.binomial(n, flips, (runs, checks))
        lost = generator.binomial(changed, 0.5)
        kinds, kind = np.unique(np.stack([lost, changed - lost]).reshape(2, -1), axis=1, return_inverse=True)
        outcomes = np.array([passes(int(b), int(c), n, 0.02) for b, c in kinds.T])
        shipped = float(outcomes[kind].reshape(runs, checks).all(axis=1).mean())
        rows.append((f"{checks}", f"{n}", f"{flips:.0%}", shipped, release_power([(n, flips, 0.02)] * checks)))
    header = "checks", "n", "flips", "all passed", "release_power"
    return Table("Releases of a lossless model, margin 2 points", "Every check through `judge` itself.", header, rows)


def sizes() -> Table:
    """Tabulate the samples that a release takes."""
    rows = [
        (f"{checks}", *(f"{samples_for(0.8 ** (1 / checks), flips, 0.02)}" for flips in (0.01, 0.02, 0.05)))
        for checks in (12, 16)
    ]
    header = "checks", "1 % flips", "2 % flips", "5 % flips"
    title = "Samples a check for a release that passes with 80 %, margin 2 points"
    return Table(title, "Exact, from `samples_for`: no larger sample has less power.", header, rows)


def tables(runs: int) -> list[Table]:
    """Return every table, of `runs` simulated runs a row."""
    return [
        independent((200, 400, 1000, 3000)),
        documented(),
        *clustered(runs),
        biased(runs),
        perplexities(runs),
        releases(runs),
        sizes(),
    ]


def main() -> None:
    """Run everything and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=6000, help="simulated runs a row (default: 6000)")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()
    start = time.process_time()
    found = tables(options.runs)
    error = 100 * (0.05 * 0.95 / options.runs) ** 0.5
    head = (
        "# Error rates of the gate\n\n"
        f"`python -m benchmarks.gate_error_rates --runs={options.runs}`, {time.process_time() - start:.0f} s of one "
        f"core. Simulated rates come from {options.runs} runs: 5 % has a standard error of {error:.2f} points.\n\n"
    )
    options.out.write_text(head + "\n".join(table.markdown() for table in found), "utf-8")


if __name__ == "__main__":
    main()
