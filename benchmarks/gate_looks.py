"""A second, larger look after an inconclusive first: both together, at the margin.

The second sample holds the first one, as a larger run of the same task does; beyond what is promised, none of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.gate_decisions import Array, clustered_decisions, mean_decisions, tango_decisions
from benchmarks.gate_families import MARGIN, prose_decisions
from benchmarks.gate_gaps import Gaps, gap_decisions
from benchmarks.gate_generations import Generations
from benchmarks.gate_scenarios import Damage, Generator, Prose
from benchmarks.gate_table import Rates, Row, Table, simulate
from fixtures.gate.floor import Levels, levels


@dataclass(frozen=True)
class Looks:
    """Clusters for three looks' worth of samples, of which one is the first look's and two the second's."""

    family: str
    size: str
    draw: Callable[[Generator, int], Sequence[Array]]
    """Arrays [runs, 3 x clusters], or of counts."""
    decide: Callable[[Sequence[Array], Levels], Rates]
    times: int = 1
    """Runs as many times as often, where they cost little."""


def look_rates(looks: Looks, runs: int, fresh: bool) -> list[float]:
    """Return how often one look passes, two pass, and two regress."""

    def one(generator: Generator, rows: int) -> Rates:
        arrays = looks.draw(generator, rows)
        third = arrays[0].shape[-1] // 3
        first = looks.decide([array[:, :third] for array in arrays], levels(1))
        larger = slice(third, None) if fresh else slice(0, 2 * third)
        second = looks.decide([array[:, larger] for array in arrays], levels(2))
        settled = first[0] | first[1]
        return first[0], first[0] | (~settled & second[0]), first[1] | (~settled & second[1])

    return simulate(runs * looks.times, 8, one)


def second_looks(runs: int) -> list[Table]:
    """Tabulate two looks at a true loss of the margin."""
    header = "scores", "first look", "second sample", "passed at first", "passed", "regressed"

    def rows(cases: Sequence[Looks], sample: str) -> list[Row]:
        return [(case.family, case.size, sample, *look_rates(case, runs, sample == "fresh")) for case in cases]

    nested = rows(LOOKS, "nested")
    fresh = rows(LOOKS, "fresh") + rows([UNEVEN], "nested") + rows([UNEVEN], "fresh")
    note = (
        "n, and if that is inconclusive 2 n at the stricter levels; the larger sample holds the smaller, as that of a "
        "larger limit does. Regressed, as passed, is the total of both looks. Independent answers: 20 times the runs."
    )
    beyond = "The second sample is all new, or whole clusters of uneven size are damaged."
    return [
        Table("A second look, loss = margin", note, header, nested, "second look"),
        Table("A second look, loss = margin: beyond", beyond, header, fresh, "second look", promised=False),
    ]


def answers(n: int, flips: float, margin: float) -> Looks:
    """Return looks at independent answers."""

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        worse = (flips + margin) / 2
        lost = generator.binomial(n, worse, (runs, 3))
        gained = generator.binomial(n - lost, (flips - margin) / 2 / (1 - worse))
        return lost.astype(float), gained.astype(float)

    def decide(arrays: Sequence[Array], at: Levels) -> Rates:
        lost, gained = arrays
        return tango_decisions(lost.sum(-1), gained.sum(-1), float(n * lost.shape[-1]), margin, at)

    return Looks("0/1, independent", f"{n}, {flips:.0%} flips, margin {margin:.0%}", draw, decide, 20)


def clusters(damage: Damage) -> Looks:
    """Return looks at clustered answers; `damage` holds three looks' clusters."""
    row = f"{damage.clusters // 3} clusters of {damage.row[1]}, margin {damage.row[2]}, damage in {damage.row[3]}"
    return Looks(
        "0/1, clustered",
        row,
        damage.draw,
        lambda arrays, at: clustered_decisions(arrays[0], arrays[1], arrays[2], damage.margin, at),
    )


def texts(prose: Prose) -> Looks:
    """Return looks at perplexities."""
    return Looks(
        "perplexity",
        f"{prose.texts // 3} texts, {prose.tails}",
        lambda generator, runs: prose.draw(generator, runs, MARGIN),
        lambda arrays, at: prose_decisions(arrays[0], arrays[1], at),
    )


def generated(case: Generations) -> Looks:
    """Return looks at generated texts."""

    def decide(arrays: Sequence[Array], at: Levels) -> Rates:
        harm = arrays[1] - arrays[0]
        return mean_decisions(harm, np.full(len(harm), float(harm.shape[-1])), 1.0, case.margin, at)

    row = f"{case.clusters // 3} x {case.size}, {case.row[1]}, {case.scores}, margin {case.margin:g}"
    return Looks("generations", row, case.draw, decide)


def spread(gaps: Gaps) -> Looks:
    """Return looks at gaps between groups."""

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        dense, compressed = gaps.draw(generator, runs)
        return [*dense, *compressed]

    def decide(arrays: Sequence[Array], at: Levels) -> Rates:
        return gap_decisions(arrays[: gaps.groups], arrays[gaps.groups :], gaps.margin, gaps.crossed, at)

    row = f"{gaps.groups} groups of {gaps.each // 3}, dense gap {gaps.dense:g}, {gaps.opens}"
    return Looks("group gap", row, draw, decide)


LOOKS = (
    answers(87, 0.05, 0.05),
    answers(300, 0.02, 0.02),
    answers(500, 0.05, 0.02),
    answers(1000, 0.05, 0.02),
    answers(1000, 0.02, 0.01),
    clusters(Damage(300, 20, 0.03, flips=0.0)),
    clusters(Damage(300, 20, 0.03, whole=True)),
    clusters(Damage(600, 5, 0.02)),
    texts(Prose(360, "gamma")),
    texts(Prose(900, "gamma")),
    generated(Generations(1800, 1, 5, "max", 0.02)),
    spread(Gaps(2, 3000, 0.05, "fall")),
)
UNEVEN = clusters(Damage(420, 10, 0.03, whole=True, uneven=True))
