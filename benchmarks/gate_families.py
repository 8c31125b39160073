"""Tables of the simulated families of scores: errors at the margin, and what the bounds cost where nothing is lost."""

from math import log1p

import numpy as np
import numpy.typing as npt

from benchmarks import gate_generations, gate_scenarios
from benchmarks.gate_decisions import (
    FIRST,
    Array,
    bias_decisions,
    clustered_decisions,
    effective,
    jackknife,
    mean_decisions,
    share_decisions,
)
from benchmarks.gate_generations import Generations
from benchmarks.gate_scenarios import Bias, Damage, Generator, Prose, Rare
from benchmarks.gate_table import Rates, Row, Table, rates_of, simulate
from fixtures.gate import bounds
from fixtures.gate.floor import PASS_ALPHA, Levels
from fixtures.gate.margins import LEAST_EVENTS

MARGIN = log1p(0.05)
"""Perplexity's, on the scale of its logarithm."""


def student_passes(harm: Array, margin: float) -> npt.NDArray[np.bool_]:
    """Return which runs Student's t alone passes."""
    error = harm.std(-1, ddof=1) / np.sqrt(harm.shape[-1])
    return np.asarray(harm.mean(-1) + bounds.student_quantile(harm.shape[-1] - 1, PASS_ALPHA) * error < margin)


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
    header = "clusters", "size", "margin", "damage in", "flips", "t alone", "wild alone", "passed", "regressed"
    promised, harder, harmless = (
        rates_of(cases, damage_rates, runs)
        for cases in (gate_scenarios.PROMISED, gate_scenarios.HARDER, gate_scenarios.HARMLESS)
    )
    note = "Damage in a tenth of the clusters, or in all. whole: a damaged cluster loses all of its samples or none."
    beyond = "Damage in 3 or 5 % of the clusters, or in whole clusters of uneven size (then 2 or 3 % of them carry it)."
    cost = "What the wider bounds cost a harmless compression."
    return [
        Table("0/1 scores, clustered, loss = margin", note, header, promised, "clustered"),
        Table("0/1 scores, clustered, loss = margin: beyond", beyond, header, harder, "clustered", promised=False),
        Table("0/1 scores, clustered, no loss", cost, header, harmless),
    ]


def bias_rates(bias: Bias, runs: int) -> list[float]:
    """Return how often a plug-in t interval of |c| - |d| passes, the gate passes, and the gate regresses."""

    def one(generator: Generator, rows: int) -> Rates:
        *sums, present = bias.draw(generator, rows)
        dense, compressed = (jackknife(values, present) for values in sums)
        signs = np.sign(dense.mean(-1, keepdims=True)), np.sign(compressed.mean(-1, keepdims=True))
        plugged = student_passes(signs[1] * compressed - signs[0] * dense, bias.margin)
        return plugged, *bias_decisions(dense, compressed, effective(present), bias.margin)

    return simulate(runs, 2, one)


def biased(runs: int) -> Table:
    """Tabulate metrics of which nearer 0 is better."""
    header = "clusters x size", "dense gap", "margin", "clusters touched", "plug-in t", "passed", "regressed"
    note = "Signed bounds against a t interval of |c| - |d| with the signs as seen."
    rows = rates_of(gate_scenarios.BIASES, bias_rates, runs)
    return Table("Bias, nearer 0 is better, loss = margin", note, header, rows, "bias")


def prose_decisions(loss: Array, tokens: Array, at: Levels = FIRST) -> Rates:
    """Decide perplexities from each text's loss and its tokens."""
    width = np.ptp(loss / tokens, axis=-1)
    return mean_decisions(jackknife(loss, tokens), effective(tokens), width, MARGIN, at)


def prose_rates(prose: Prose, runs: int) -> list[float]:
    """Return how often t alone passes, the gate passes, and the gate regresses."""

    def one(generator: Generator, rows: int) -> Rates:
        loss, tokens = prose.draw(generator, rows, MARGIN)
        return student_passes(jackknife(loss, tokens), MARGIN), *prose_decisions(loss, tokens)

    return simulate(runs, 3, one)


def perplexities(runs: int) -> list[Table]:
    """Tabulate perplexity at a true rise of 5 %."""
    header = "texts", "loss per token", "t alone", "passed", "regressed"
    promised, skewed = (rates_of(cases, prose_rates, runs) for cases in (gate_scenarios.PROSE, gate_scenarios.SKEWED))
    note = "Independent texts, margin 5 %. gamma: skewness 2; sparse: a tenth of the texts carries all of the rise."
    beyond = "Skewness 6: what an unbounded loss hides in texts not seen, no interval of the seen ones can tell."
    return [
        Table("Perplexity, a true rise of 5 %", note, header, promised, "perplexity"),
        Table("Perplexity, a true rise of 5 %: beyond", beyond, header, skewed, "perplexity", promised=False),
    ]


def rare_rates(rare: Rare, runs: int) -> list[float]:
    """Return how often the gate passes and regresses."""

    def one(generator: Generator, rows: int) -> Rates:
        return share_decisions(*rare.draw(generator, rows), rare.size, rare.relative, rare.absolute)

    return simulate(runs, 7, one)


def ratios(runs: int) -> list[Table]:
    """Tabulate rare harms whose ratio is the margin of 1.5."""
    header = "n", "dense rate", "events", "events kept", "tolerance too", "passed", "regressed"
    promised, lossless = (
        rates_of(cases, rare_rates, runs) for cases in (gate_scenarios.RARE, gate_scenarios.RARE_LOSSLESS)
    )
    note = "relative=0.5, from 30 expected dense events on; of these the compressed model keeps a share."
    return [
        Table("Rare harms, ratio margin 1.5, ratio = 1.5", note, header, promised, "rare harms"),
        few_events(runs),
        Table("Rare harms, ratio margin 1.5, no loss", "Where nothing is lost.", header, lossless),
    ]


def few_events(runs: int) -> Table:
    """Tabulate a ratio at its margin that does not count in all runs."""
    rows: list[Row] = []
    for rare in gate_scenarios.FEW_EVENTS:

        def one(generator: Generator, rows: int, rare: Rare = rare) -> Rates:
            dense, compressed = rare.draw(generator, rows)
            passed, _ = share_decisions(dense, compressed, rare.size, rare.relative, rare.absolute)
            counted = np.rint(dense.sum(-1) * rare.size) >= LEAST_EVENTS
            return passed, counted, passed & counted

        passed, counted, both = simulate(runs, 7, one)
        rows.append((*rare.row, counted, both / counted, passed))
    note = (
        "Below 30 dense events only the tolerance of one point counts, and half of a rate below 2 % is within that: "
        "these passes are meant, and no error. Where about 30 are expected, chance decides whether the ratio counts."
    )
    header = "n", "dense rate", "events", "events kept", "tolerance too", "ratio counts", "passed of these", "passed"
    return Table("Rare harms, ratio = 1.5 where it may not count", note, header, rows)


def generation_rates(case: Generations, runs: int) -> list[float]:
    """Return how often t alone passes, the gate passes, and the gate regresses."""

    def one(generator: Generator, rows: int) -> Rates:
        dense, compressed = case.draw(generator, rows)
        harm, even = compressed - dense, np.full(rows, float(case.clusters))
        return student_passes(harm, case.margin), *mean_decisions(harm, even, 1.0, case.margin)

    return simulate(runs, 5, one)


def generations(runs: int) -> list[Table]:
    """Tabulate statistics over generated texts."""
    header = (
        "clusters x size",
        "statistic",
        "scores",
        "margin",
        "damage in",
        "redrawn",
        "t alone",
        "passed",
        "regressed",
    )
    promised, harder, lossless = (
        rates_of(cases, generation_rates, runs)
        for cases in (gate_generations.PROMISED, gate_generations.HARDER, gate_generations.LOSSLESS)
    )
    note = (
        "Three kinds of prompts, of which 70 % never, 20 % in 5 % and 10 % in 30 % of their texts provoke harm; the "
        "share of texts redrawn differs between the models."
    )
    beyond = "Damage in 5 or 6 % of the clusters."
    return [
        Table("Means and maxima over K texts, loss = margin", note, header, promised, "generations"),
        Table("Means and maxima over K texts: beyond", beyond, header, harder, "generations", promised=False),
        Table("Means and maxima over K texts, no loss", "Where nothing is lost.", header, lossless),
    ]
