"""The largest gap between groups: scenarios, the gate's decisions on many runs at once, and their tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from benchmarks.gate_decisions import FIRST, Array, Mask, above, below, hidden, student_below
from benchmarks.gate_table import Rates, Table, rates_of, simulate
from fixtures.gate.floor import Levels

_BASE = 0.6


@dataclass(frozen=True)
class Gaps:
    """Groups of 0/1 samples whose largest gap widens."""

    groups: int
    each: int
    """Clusters of a group; where `crossed`, clusters in all, each with a sample of every group."""
    dense: float
    """Dense gap: the first group is ahead by it, the second last, the others between the two."""
    opens: str
    """lossless; fall: the second group loses it all; apart: the first gains half, the second loses half; other: a
    third group falls behind the second; all: every group but the first loses it."""
    margin: float = 0.03
    redrawn: float = 0.1
    """Share of answers that the compressed model gives anew."""
    crossed: bool = False
    thin: int = 0
    """Clusters of the second group where it is smaller than the others."""

    @property
    def moves(self) -> Array:
        """By how much each group's rate rises."""
        moves = np.zeros(self.groups)
        if self.opens == "fall":
            moves[1] = -self.margin
        elif self.opens == "apart":
            moves[:2] = self.margin / 2, -self.margin / 2
        elif self.opens == "other":
            moves[2] = self.rates[1] - self.margin - self.rates[2]
        elif self.opens == "all":
            moves[1:] = -self.margin
        return moves

    @property
    def rates(self) -> Array:
        rates = np.full(self.groups, _BASE + self.dense / 2)
        rates[:2] = _BASE + self.dense, _BASE
        return rates

    def draw(self, generator: np.random.Generator, runs: int) -> tuple[list[Array], list[Array]]:
        """Return the answers of the dense and the compressed model, one array [runs, clusters] a group."""
        dense, compressed = [], []
        if not all(0 <= rate <= 1 for rate in self.rates + self.moves / self.redrawn):
            raise ValueError(f"{self}: too much for so few answers anew")
        for group, (rate, move) in enumerate(zip(self.rates, self.moves, strict=True)):
            shape = runs, self.thin if self.thin and group == 1 else self.each
            before = generator.random(shape) < rate
            anew = generator.random(shape) < rate + move / self.redrawn
            dense.append(before.astype(float))
            compressed.append(np.where(generator.random(shape) < self.redrawn, anew, before).astype(float))
        return dense, compressed

    @property
    def row(self) -> tuple[str, ...]:
        each = f"{self.each}, crossed" if self.crossed else f"{self.each}"
        each = f"{each}, one {self.thin}" if self.thin else each
        return f"{self.groups}", each, f"{self.dense:g}", self.opens, f"{self.redrawn:.0%}"


def contrast(parts: dict[int, Array], counts: Sequence[int], crossed: bool) -> Array:
    """Return one value a cluster whose mean is the sum of the groups' means, scattered as its sampling error asks.

    Args:
        parts: signed values by group.
        counts: clusters of every group.
        crossed: whether all groups are of the same clusters.
    """
    if crossed:
        return np.asarray(sum(parts.values()))
    together = sum(counts[group] for group in parts)
    centres = {group: values.mean(-1, keepdims=True) for group, values in parts.items()}
    pulls = [(parts[group] - centres[group]) * (together / counts[group]) for group in sorted(parts)]
    return np.asarray(np.concatenate(pulls, axis=-1) + sum(centres.values()))


def gap_decisions(
    dense: Sequence[Array], compressed: Sequence[Array], margin: float, crossed: bool = False, at: Levels = FIRST
) -> Rates:
    """Decide the change of the largest gap; one array a group, of clusters of one size, in the order of groups."""
    arrays = dense, compressed, margin, crossed
    return gap_passes(*arrays, at.passing), gap_regressions(*arrays, at.regress)


def gap_passes(dense: Sequence[Array], compressed: Sequence[Array], margin: float, crossed: bool, alpha: float) -> Mask:
    """Return which runs pass: no couple of groups may have moved apart by the margin."""
    counts = [group.shape[-1] for group in dense]
    changes = [after - before for before, after in zip(dense, compressed, strict=True)]
    alive = np.full(len(changes[0]), bool(hidden(float(min(counts)), 1.0, alpha) < margin))
    # The quick test of every couple first: most runs at the margin fail it somewhere.
    for test in (student_below, below):
        for g, h in permutations(range(len(counts)), 2):
            rows = np.flatnonzero(alive)
            values = contrast({g: changes[g][rows], h: -changes[h][rows]}, counts, crossed)
            alive[rows] = test(values, alpha, margin, np.full(rows.size, float(min(counts[g], counts[h]))))
    return alive


def gap_regressions(
    dense: Sequence[Array], compressed: Sequence[Array], margin: float, crossed: bool, alpha: float
) -> Mask:
    """Return which runs regress: the widest compressed couple exceeds every dense couple by more than the margin."""
    counts = [group.shape[-1] for group in dense]
    couples = list(permutations(range(len(counts)), 2))
    rates = np.stack([group.mean(-1) for group in compressed], axis=-1)
    widest = np.stack([rates[:, g] - rates[:, h] for g, h in couples], axis=-1).argmax(axis=-1)
    found = np.zeros(len(rates), dtype=bool)
    for index, (g, h) in enumerate(couples):
        rows = np.flatnonzero(widest == index)
        for r, s in sorted(couples, key=lambda couple: couple != (g, h)):
            if not rows.size:
                break
            parts = {g: compressed[g][rows]}
            parts[h] = -compressed[h][rows]
            for group, sign in ((r, -1), (s, 1)):
                parts[group] = parts.get(group, 0) + sign * dense[group][rows]
            thinnest = min(counts[group] for group in parts)
            kept = above(
                contrast(parts, counts, crossed), alpha / len(couples), margin, np.full(rows.size, float(thinnest))
            )
            rows = rows[kept]
        found[rows] = True
    return found


def gap_rates(gaps: Gaps, runs: int) -> list[float]:
    """Return how often the gate passes and how often it regresses."""

    def one(generator: np.random.Generator, rows: int) -> Rates:
        return gap_decisions(*gaps.draw(generator, rows), gaps.margin, gaps.crossed)

    return simulate(runs, 6, one)


def gaps(runs: int) -> list[Table]:
    """Tabulate gaps between groups that widen by the margin, and that do not."""
    header = "groups", "clusters each", "dense gap", "opens", "redrawn", "passed", "regressed"
    rows = rates_of(WIDENING, gap_rates, runs)
    note = (
        "3 points. fall: one group loses it all; apart: one gains half, one loses half; other: a third group falls "
        "behind the dense model's last one, by more than the gap widens; all: every group but the first loses it. "
        "crossed: a cluster has one sample of every group. The companion's veto, which only takes passes, is left out."
    )
    lossless = rates_of(LOSSLESS, gap_rates, runs // 4)
    return [
        Table("Largest gap between groups, loss = margin", note, header, rows, "group gaps"),
        Table("Largest gap between groups, no loss", "From a quarter of the runs.", header, lossless),
    ]


WIDENING = (
    Gaps(2, 100, 0.0, "fall", redrawn=0.05),
    Gaps(2, 1000, 0.0, "fall"),
    Gaps(2, 1000, 0.0, "apart"),
    Gaps(2, 1000, 0.05, "fall"),
    Gaps(2, 2000, 0.05, "fall", redrawn=0.05),
    Gaps(2, 1000, 0.2, "apart"),
    Gaps(2, 2000, 0.05, "fall", thin=500),
    Gaps(2, 1000, 0.05, "fall", crossed=True),
    Gaps(4, 500, 0.0, "fall"),
    Gaps(4, 2000, 0.0, "apart"),
    Gaps(4, 1000, 0.05, "fall", redrawn=0.05),
    Gaps(4, 1000, 0.05, "other"),
    Gaps(4, 1000, 0.05, "all"),
    Gaps(4, 2000, 0.2, "fall", redrawn=0.05),
    Gaps(4, 1000, 0.0, "fall", crossed=True),
    Gaps(8, 250, 0.0, "fall"),
    Gaps(8, 1000, 0.0, "apart", redrawn=0.05),
    Gaps(8, 1000, 0.05, "fall", redrawn=0.05),
    Gaps(8, 1000, 0.05, "other"),
    Gaps(8, 1000, 0.2, "fall", redrawn=0.05),
)
LOSSLESS = (
    Gaps(2, 1000, 0.05, "lossless", redrawn=0.05),
    Gaps(2, 1000, 0.0, "lossless"),
    Gaps(4, 500, 0.0, "lossless", redrawn=0.05),
    Gaps(4, 1000, 0.05, "lossless", redrawn=0.05),
    Gaps(4, 1000, 0.2, "lossless"),
    Gaps(8, 250, 0.2, "lossless", redrawn=0.05),
    Gaps(8, 1000, 0.0, "lossless", redrawn=0.05),
)
