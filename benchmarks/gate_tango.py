"""Independent 0/1 samples, by exact enumeration: Tango's test at and off the margin, harms as rare as can be."""

from collections.abc import Iterable

import numpy as np

from benchmarks.gate_decisions import tango_decisions
from benchmarks.gate_table import PASSED, REGRESSED, Row, Table
from fixtures.gate import samples_for
from fixtures.gate.floor import LEAST_INDEPENDENT, clusters_for
from fixtures.gate.planning import binomial

_NEGLIGIBLE = 1e-13
_RARE = 0.002, 0.005, 0.01, 0.03
_LOSSLESS = 299, 500, 1000, 2000


def tango_rates(n: int, flips: float, loss: float, margin: float) -> tuple[float, float]:
    """Return the exact chances of a pass and of a regression, of `n` samples of which a share `flips` changes."""
    worse, better = (flips + loss) / 2, max(0.0, (flips - loss) / 2)
    every = np.arange(n + 1)
    lost = np.flatnonzero(binomial(n, every, worse) > _NEGLIGIBLE)[:, None]
    gained = np.flatnonzero(binomial(n, every, better) > _NEGLIGIBLE)[None, :]
    possible = gained <= n - lost
    chances = binomial(n, lost, worse) * binomial(n - lost, np.minimum(gained, n - lost), better / (1 - worse))
    passed, regressed = tango_decisions(lost.astype(float), gained.astype(float), float(n), margin)
    return float((chances * possible)[passed].sum()), float((chances * possible)[regressed].sum())


def independent(sizes: Iterable[int]) -> Table:
    """Tabulate errors of independent 0/1 samples at the margin."""
    rows = [
        (f"{n}", f"{flips:.0%}", f"{margin:.0%}", *tango_rates(n, flips, margin, margin))
        for margin, shares in ((0.02, (0.02, 0.03, 0.05, 0.1, 0.2)), (0.05, (0.05, 0.1, 0.3)))
        for n in sizes
        for flips in shares
    ]
    header = "n", "flips", "margin", "passed", "regressed"
    return Table("0/1 scores, independent, loss = margin: Tango", "Exact, by enumeration.", header, rows, "independent")


def extremes(margins: Iterable[float] = (0.01, 0.02, 0.03, 0.05, 0.1), reach: int = 6) -> Table:
    """Tabulate the largest errors over every n from the smallest that can pass to `reach` times it."""
    rows: list[Row] = []
    for margin in margins:
        first = max(LEAST_INDEPENDENT, clusters_for(margin, 1.0))
        flips = [min(0.9, margin * times) for times in (1, 1.03, 1.1, 1.2, 1.4, 2, 5)]
        cases = [(n, share) for n in range(first, reach * first) for share in flips]
        rates = np.array([tango_rates(n, share, margin, margin) for n, share in cases])
        worst = [cases[index] for index in rates.argmax(axis=0)]
        over = (rates > (PASSED, REGRESSED)).mean(axis=0)
        where = [f"n = {n}, {share:.1%} flips" for n, share in worst]
        shares: list[float] = [*over.tolist(), *rates.max(axis=0).tolist()]
        rows.append((f"{margin:.0%}", f"{first} to {reach * first - 1}", *where, *shares))
    header = (
        "margin", "n", "most passed at", "most regressed at", f"share above {100 * PASSED:g} %",
        f"share above {100 * REGRESSED:g} %", "passed", "regressed",
    )  # fmt: skip
    note = (
        "Exact, every n, at 1, 1.03, 1.1, 1.2, 1.4, 2 and 5 times as many flips as the loss takes. The largest errors "
        "are where all flips go one way and so few are expected that single counts show."
    )
    return Table("0/1 scores, independent, loss = margin: the worst of every n", note, header, rows, "independent")


def rare_absolute() -> Table:
    """Tabulate rare harms with a margin of one point: at the margin."""
    cases = [("any", 0.0, 1.0)] + [(f"{rate:.1%}", rate, kept) for rate in _RARE for kept in (0.5, 0.0)]
    rows = [
        (name, f"{kept:.0%}", f"{n}", *tango_rates(n, 0.01 + 2 * rate * (1 - kept), 0.01, 0.01))
        for name, rate, kept in cases
        for n in (299, 500, 1000, 2000, 5000)
    ]
    header = "dense rate", "events kept", "n", "passed", "regressed"
    note = "Exact. Of the dense model's events the compressed one keeps a share; others come instead, and one point."
    return Table("Rare harms, margin 1 point, loss = margin", note, header, rows, "rare harms")


def rare_lossless() -> Table:
    """Tabulate rare harms with a margin of one point: nothing lost."""
    rows: list[Row] = [
        (f"{rate:.1%}", f"{kept:.0%}", *(tango_rates(n, 2 * rate * (1 - kept), 0.0, 0.01)[0] for n in _LOSSLESS))
        for rate in _RARE
        for kept in (0.5, 0.0)
    ]
    header = "dense rate", "events kept", *(f"n = {n}" for n in _LOSSLESS)
    return Table("Rare harms, margin 1 point, no loss: passes", "Exact, by enumeration.", header, rows)


def documented() -> Table:
    """Tabulate the outcomes that the blueprint's statistics.md gives as examples."""
    rows = []
    for flips, n, loss in ((0.05, 1000, 0.0), (0.05, 1000, 0.04), (0.1, 1000, 0.02), (0.1, 3000, 0.04)):
        passed, regressed = tango_rates(n, flips, loss, 0.02)
        rows.append((f"{flips:.0%}", f"{n}", f"{loss:.0%}", passed, regressed, 1 - passed - regressed))
    header = "flips", "n", "true loss", "passed", "regressed", "inconclusive"
    return Table("0/1 scores, independent, margin 2 points: outcomes", "Exact, by enumeration.", header, rows)


def sizes() -> Table:
    """Tabulate the samples that a release takes."""
    rows = [
        (f"{checks}", *(f"{samples_for(0.8 ** (1 / checks), flips, 0.02)}" for flips in (0.01, 0.02, 0.05)))
        for checks in (12, 16)
    ]
    header = "checks", "1 % flips", "2 % flips", "5 % flips"
    title = "Samples a check for a release that passes with 80 %, margin 2 points"
    return Table(title, "Exact, from `samples_for`: no larger sample has less power.", header, rows)
