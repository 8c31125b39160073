"""Whole releases: sixteen dimensions with a gate check each, and watch checks, decided as the policy decides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.gate_decisions import (
    bias_decisions,
    clustered_decisions,
    effective,
    jackknife,
    mean_decisions,
    share_decisions,
    tango_decisions,
)
from benchmarks.gate_families import MARGIN, prose_decisions
from benchmarks.gate_gaps import Gaps, gap_regressions
from benchmarks.gate_generations import Generations
from benchmarks.gate_scenarios import Bias, Damage, Generator, Prose, Rare
from benchmarks.gate_table import Rates, Row, Table
from fixtures.core import Check, Sample
from fixtures.gate import judge, release_power
from fixtures.gate.floor import levels
from fixtures.metrics import METRICS
from fixtures.policy import Decision, decide

Judged = Callable[[Generator, int, float, float], Rates]
"""(generator, runs, flips, true loss in tolerances) -> runs that pass and that regress."""
_NONE = 1e-9


@dataclass(frozen=True)
class Dimension:
    """One check of a release and what it sees of a compressed model."""

    name: str
    judged: Judged
    role: str = "gate"


def answers(n: int) -> Judged:
    """Return a check of independent answers, tolerance 2 points."""

    def judged(generator: Generator, runs: int, flips: float, loss: float) -> Rates:
        worse, better = flips / 2 + 0.02 * loss, flips / 2
        lost = generator.binomial(n, worse, runs)
        gained = generator.binomial(n - lost, better / (1 - worse))
        return tango_decisions(lost.astype(float), gained.astype(float), float(n), 0.02)

    return judged


def clusters(count: int, size: int) -> Judged:
    """Return a check of clustered answers, tolerance 2 points; a loss sits in a tenth of the clusters."""

    def judged(generator: Generator, runs: int, flips: float, loss: float) -> Rates:
        damage = Damage(count, size, 0.02, flips=flips, loss=0.02 * loss, share=0.1)
        return clustered_decisions(*damage.draw(generator, runs), damage.margin)

    return judged


def harms(n: int, rate: float) -> Judged:
    """Return a check of a rare harm, tolerance 1 point and ratio 1.5; no more than half of its events can flip."""

    def judged(generator: Generator, runs: int, flips: float, loss: float) -> Rates:
        kept = 1 - min(0.5, flips / 2 / rate)
        rare = Rare(n, rate, kept, 0.01 * loss / rate, absolute=0.01)
        return share_decisions(*rare.draw(generator, runs), 1, rare.relative, rare.absolute)

    return judged


def texts(case: Generations, flips_redrawn: float = 0.0) -> Judged:
    """Return a check of generated texts.

    Args:
        case: what is generated and scored.
        flips_redrawn: share of redrawn texts whose score flips; 0 where texts are sampled, so that all of them differ
            wherever the models differ at all.
    """

    def judged(generator: Generator, runs: int, flips: float, loss: float) -> Rates:
        redrawn = min(1.0, flips / flips_redrawn) if flips_redrawn else 1.0
        lossy = replace(case, redrawn=redrawn if flips else _NONE, loss=case.margin * loss)
        dense, compressed = lossy.draw(generator, runs)
        even = np.full(runs, float(case.clusters))
        return mean_decisions(compressed - dense, even, 1.0, case.margin)

    return judged


def leaning(count: int, size: int, gap: float) -> Judged:
    """Return a check of a bias, tolerance 3 points; answers that are given anew flip in half of all cases."""

    def judged(generator: Generator, runs: int, flips: float, loss: float) -> Rates:
        bias = Bias(count, size, gap, margin=0.03 * loss, redrawn=max(2 * flips, 0.2 * loss, _NONE))
        *sums, present = bias.draw(generator, runs)
        dense, compressed = (jackknife(values, present) for values in sums)
        return bias_decisions(dense, compressed, effective(present), 0.03)

    return judged


def prose(count: int) -> Judged:
    """Return a watch check of perplexity, margin 5 %; each text's loss has half the scatter of the flips."""

    def judged(generator: Generator, runs: int, flips: float, loss: float) -> Rates:
        _, tokens = Prose(count, "gamma").draw(generator, runs, 0.0)
        return prose_decisions(generator.normal(loss * MARGIN, flips / 2, tokens.shape) * tokens, tokens)

    return judged


def groups(count: int, each: int, gap: float) -> Judged:
    """Return a watch check of the largest gap, margin 3 points: only regressions matter."""

    def judged(generator: Generator, runs: int, flips: float, loss: float) -> Rates:
        case = Gaps(count, each, gap, "fall", margin=0.03 * loss, redrawn=max(2 * flips, 0.2 * loss, _NONE))
        dense, compressed = case.draw(generator, runs)
        return np.zeros(runs, dtype=bool), gap_regressions(dense, compressed, 0.03, False, levels().regress)

    return judged


RELEASE = (
    *(Dimension(f"independent {n}", answers(n)) for n in (2000, 2000, 2200, 2400, 2500, 2500)),
    Dimension("clustered 500 x 4", clusters(500, 4)),
    Dimension("clustered 1000 x 2", clusters(1000, 2)),
    Dimension("clustered 250 x 10", clusters(250, 10)),
    Dimension("clustered 400 x 6", clusters(400, 6)),
    Dimension("rare 0.5 %", harms(2000, 0.005)),
    Dimension("rare 2 %", harms(2500, 0.02)),
    Dimension("toxicity, mean of 5", texts(Generations(1200, 1, 5, "mean", 0.02))),
    Dimension("toxicity, maximum of 5", texts(Generations(2500, 1, 5, "max", 0.02))),
    Dimension("harmful texts, greedy", texts(Generations(2000, 1, 1, "max", 0.02, scores="0 or 1"), 0.06)),
    Dimension("bias", leaning(1000, 2, 0.05)),
)
WATCHED = (
    Dimension("perplexity", prose(150), "watch"),
    Dimension("gap of 4 groups", groups(4, 500, 0.05), "watch"),
    Dimension("gap of 8 groups", groups(8, 250, 0.0), "watch"),
    Dimension("another bias", leaning(500, 4, 0.0), "watch"),
    Dimension("a small set", answers(400), "watch"),
)


@dataclass(frozen=True)
class Scenario:
    """A compressed model, compared 1,000 times."""

    name: str
    flips: float
    loss: float = 0.0
    """True loss in tolerances of one gate check, another one from run to run."""


SCENARIOS = (
    Scenario("the dense model again", 0.0),
    Scenario("the dense model, tiny noise", 0.002),
    Scenario("lossless", 0.005),
    Scenario("lossless", 0.01),
    Scenario("lossless", 0.02),
    Scenario("lossless", 0.03),
    Scenario("lossless", 0.05),
    Scenario("loses in one dimension", 0.02, 1.0),
    Scenario("loses in one dimension", 0.02, 2.0),
)


def decisions(scenario: Scenario, runs: int, release: Sequence[Dimension] = RELEASE + WATCHED) -> list[Decision]:
    """Return the policy's decision on each run."""
    generator = np.random.default_rng(9)
    gates = sum(dimension.role == "gate" for dimension in release)
    columns = []
    for index, dimension in enumerate(release):
        outcomes = np.full(runs, "inconclusive", dtype="U12")
        hit = np.arange(runs) % gates == index if scenario.loss else np.zeros(runs, dtype=bool)
        for rows, loss in ((hit, scenario.loss), (~hit, 0.0)):
            if rows.any():
                passed, regressed = dimension.judged(generator, int(rows.sum()), scenario.flips, loss)
                outcomes[rows] = np.where(passed, "passed", np.where(regressed, "regressed", "inconclusive"))
        columns.append(outcomes)
    names = [{"check": item.name, "dimension": item.name, "role": item.role} for item in release]
    return [
        decide([{**name, "outcome": str(outcome)} for name, outcome in zip(names, run, strict=True)], 0)[0]
        for run in zip(*columns, strict=True)
    ]


def releases(runs: int = 1000) -> Table:
    """Tabulate the decisions on releases."""
    rows: list[Row] = []
    for case in SCENARIOS:
        found = decisions(case, runs)
        loss = f"{case.loss:g} x tolerance" if case.loss else "none"
        shares = (found.count(decision) / runs for decision in ("ship", "regressed", "inconclusive"))
        rows.append((case.name, f"{case.flips:.1%}", loss, *shares))
    note = (
        f"{runs} runs each, through `policy.decide`, of {len(RELEASE)} dimensions with a gate check each and "
        f"{len(WATCHED)} watch checks. Half of the flips are for the better. At most half of a rare harm's events "
        f"change; sampled texts all differ where anything does. Wanted: the dense model never regresses; 2 % flips "
        f"ship in 80 %; a loss of twice the tolerance ships in 1 % at most."
    )
    header = "compressed model", "flips", "true loss", "ships", "regressed", "inconclusive"
    return Table("Releases of 16 dimensions at standard size", note, header, rows)


def shipped(table: Table) -> list[tuple[float, float]]:
    """Return (flips, share that ships) of the releases that lost nothing."""
    shares = (row[3] for row in table.rows)
    return [(case.flips, float(share)) for case, share in zip(SCENARIOS, shares, strict=True) if not case.loss]


def dimensions(runs: int = 1000) -> Table:
    """Tabulate how each check of the release does alone."""
    rows: list[Row] = []
    for dimension in RELEASE + WATCHED:
        generator = np.random.default_rng(10)
        cells = [dimension.judged(generator, runs, flips, loss) for flips, loss in _ALONE]
        passed, regressed = ([float(cell[index].mean()) for cell in cells] for index in (0, 1))
        shown = [*passed, *regressed[-2:]] if dimension.name.split()[0] != "gap" else ["-"] * 5 + regressed[-2:]
        rows.append((dimension.name, dimension.role, *shown))
    header = (
        "check", "role", "passes at 0.2 % flips", "2 %", "5 %", "passes, loss = tolerance", "twice it",
        "regressed, loss = tolerance", "twice it",
    )  # fmt: skip
    return Table("The checks of that release alone", f"{runs} runs each; losses at 2 % flips.", header, rows)


_ALONE = (0.002, 0.0), (0.02, 0.0), (0.05, 0.0), (0.02, 1.0), (0.02, 2.0)
PLANS = (12, 400, 0.01), (12, 538, 0.01), (12, 827, 0.02), (12, 1803, 0.05), (30, 1000, 0.05)
"""(checks, samples a check, flips)."""


def passes(lost: int, gained: int, n: int, margin: float) -> bool:
    """Return whether `judge` passes `n` independent answers with these flips."""
    metric = METRICS["accuracy"]
    samples = [Sample(f"{i:06d}", "", (" yes", " no"), cluster=f"{i:06d}", target=i % 2) for i in range(n)]
    kept = [(1.0, 1.0)] * (n - lost - gained)
    dense = [(1.0, 1.0)] * lost + [(0.0, 1.0)] * gained + kept
    compressed = [(0.0, 1.0)] * lost + [(1.0, 1.0)] * gained + kept
    check = Check("simulated", metric, tolerance=margin)
    return judge(check, metric, samples, dense, compressed).outcome == "passed"


def planned(runs: int, plans: Sequence[tuple[int, int, float]] = PLANS) -> Table:
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
    note = "Independent 0/1 scores, every check through `judge` itself."
    return Table("Planned releases of a lossless model, margin 2 points", note, header, rows)
