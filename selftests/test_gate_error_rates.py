"""The benchmark of the gate's error rates, in a small run, and that it tries the gate and not a copy."""

from collections.abc import Iterable, Sequence
from math import inf
from pathlib import Path

import numpy as np
import pytest

from benchmarks import gate_plot
from benchmarks.gate_decisions import (
    FIRST,
    Array,
    below,
    bias_decisions,
    clustered_decisions,
    effective,
    jackknife,
    mean_decisions,
    share_decisions,
    tango_decisions,
)
from benchmarks.gate_families import (
    MARGIN,
    bias_rates,
    damage_rates,
    generation_rates,
    prose_decisions,
    prose_rates,
    rare_rates,
)
from benchmarks.gate_gaps import Gaps, gap_decisions, gap_rates
from benchmarks.gate_generations import Generations
from benchmarks.gate_looks import answers, look_rates
from benchmarks.gate_releases import PLANS, RELEASE, WATCHED, Scenario, decisions, planned
from benchmarks.gate_scenarios import Bias, Damage, Prose, Rare
from benchmarks.gate_table import Rates, Table, summary
from benchmarks.gate_tango import documented, extremes, independent, tango_rates
from fixtures.core import Check, Metric, Sample, Score, Verdict
from fixtures.gate import bounds, judge
from fixtures.gate.floor import Levels, levels
from fixtures.metrics import METRICS
from selftests.gate_cases import PERPLEXITY, SIGNED, metric, ones

LOOKS = pytest.mark.parametrize("at", [levels(1), levels(2)], ids=["first look", "second look"])


def assert_as_judged(decided: Rates, verdicts: Iterable[Verdict]) -> None:
    """Compare decisions on many runs with verdicts on them, of which some pass and some regress."""
    outcomes = [verdict.outcome for verdict in verdicts]
    assert [outcome == "passed" for outcome in outcomes] == decided[0].tolist()
    assert [outcome == "regressed" for outcome in outcomes] == decided[1].tolist()
    assert {"passed", "regressed", "inconclusive"} <= set(outcomes)


def verdict_on(
    kind: Metric,
    dense: Sequence[Score],
    compressed: Sequence[Score],
    clusters: Sequence[int],
    tolerance: float | None = None,
    relative: float | None = None,
    at: Levels = FIRST,
) -> Verdict:
    """Judge scores in clusters, which stay in their order."""
    samples = [
        Sample(f"{index:06d}", f"{index}", (" a", " b"), f"{cluster:05d}", target=0)
        for index, cluster in enumerate(clusters)
    ]
    check = Check("simulated", kind, tolerance=tolerance, relative=relative)
    return judge(check, kind, samples, dense, compressed, look=1 if at == FIRST else 2)


def test_the_quick_test_decides_as_the_bound_itself() -> None:
    values = np.random.default_rng(0).gamma(1.0, 1.0, (300, 120))
    even = np.full(300, 90.0)
    high = bounds.upper(values, 0.05, even)
    for limit in (0.9, 1.2, 1.3):
        assert below(values, 0.05, limit, even).tolist() == (high < limit).tolist()


def test_tango_holds_its_level() -> None:
    for n, flips, _, passed, regressed in independent((200, 500, 1000)).rows:
        assert isinstance(passed, float)
        assert isinstance(regressed, float)
        assert passed <= 0.065
        if int(str(n)) >= 500:
            assert regressed <= 0.02
            assert 0.045 <= passed <= 0.055 or str(flips) in ("2%", "3%", "5%"), (n, flips, passed)


def test_tango_rates_are_those_of_enumeration() -> None:
    n, worse, better = 40, 0.1, 0.05
    draws = np.random.default_rng(3).multinomial(n, [worse, better, 1 - worse - better], 40_000).T.astype(float)
    simulated = [decided.mean() for decided in tango_decisions(draws[0], draws[1], float(n), 0.1)]
    assert tango_rates(n, 0.15, 0.05, 0.1) == pytest.approx(simulated, abs=0.006)


def test_the_worst_sample_sizes_are_found_and_no_worse_than_known() -> None:
    """At most 6.5 % and 2 %, as promised."""
    rows = extremes((0.05,), reach=3).rows
    assert float(rows[0][-2]) == pytest.approx(0.0643, abs=0.001)
    assert float(rows[0][-1]) == pytest.approx(0.0174, abs=0.001)


def test_outcomes_of_the_document() -> None:
    """The table in the blueprint's statistics.md, proven regressions being fewer for Yates' correction."""
    expected = [(0.86, 0.0, 0.14), (0.0, 0.77, 0.23), (0.048, 0.009, 0.94), (0.0, 0.88, 0.12)]
    for row, outcomes in zip(documented().rows, expected, strict=True):
        assert row[3:] == pytest.approx(outcomes, abs=0.011)


def answered(lost: int, gained: int, size: int) -> tuple[list[Score], list[Score]]:
    """Return a cluster's scores: lost, then gained, the others right."""
    dense = [1.0] * lost + [0.0] * gained + [1.0] * (size - lost - gained)
    return ones(dense), ones([0.0] * lost + [1.0] * (size - lost))


@LOOKS
def test_simulated_independent_answers_are_decided_as_judge_decides(at: Levels) -> None:
    generator = np.random.default_rng(8)
    lost, gained = generator.binomial(300, [[0.01], [0.04], [0.09]], (3, 12)).ravel(), generator.binomial(300, 0.01, 36)
    decided = tango_decisions(lost.astype(float), gained.astype(float), 300.0, 0.03, at)
    flipped = (answered(int(b), int(c), 300) for b, c in zip(lost, gained, strict=True))
    assert_as_judged(decided, (verdict_on(metric(), *both, range(300), 0.03, at=at) for both in flipped))


@LOOKS
@pytest.mark.parametrize("damage", [Damage(160, 6, 0.03), Damage(220, 5, 0.03, flips=0.05, uneven=True)])
def test_simulated_answers_are_decided_as_judge_decides(damage: Damage, at: Levels) -> None:
    generator = np.random.default_rng(1)
    losses = [
        Damage(damage.clusters, damage.size, damage.margin, flips=damage.flips, uneven=damage.uneven, loss=loss)
        for loss in (0.0, 0.03, 0.08)
    ]
    lost, gained, present = (
        np.concatenate(part) for part in zip(*(x.draw(generator, 12) for x in losses), strict=True)
    )

    def verdict(run: int) -> Verdict:
        counts = [[int(count) for count in column[run]] for column in (lost, gained, present)]
        parts = [answered(*cluster) for cluster in zip(*counts, strict=True)]
        dense, compressed = ([score for part in parts for score in part[model]] for model in (0, 1))
        clusters = np.repeat(range(damage.clusters), counts[2]).tolist()
        return verdict_on(metric(), dense, compressed, clusters, damage.margin, at=at)

    decided = clustered_decisions(lost, gained, present, damage.margin, at)
    assert_as_judged(decided, (verdict(run) for run in range(36)))


def test_simulated_biases_are_decided_as_judge_decides() -> None:
    dense, compressed, _ = Bias(150, 1, 0.05, margin=0.2, redrawn=0.3).draw(np.random.default_rng(2), 60)
    lossless = Bias(150, 1, 0.0, margin=0.0, redrawn=0.05).draw(np.random.default_rng(2), 20)
    dense, compressed = np.concatenate([dense, lossless[0]]), np.concatenate([compressed, lossless[1]])
    decided = bias_decisions(dense, compressed, np.full(80, 150.0), 0.1)
    verdicts = (
        verdict_on(SIGNED, ones(before), ones(after), range(150), 0.1)
        for before, after in zip(dense, compressed, strict=True)
    )
    assert_as_judged(decided, verdicts)


def test_simulated_biases_of_uneven_clusters_are_decided_as_judge_decides() -> None:
    generator = np.random.default_rng(12)
    sizes = generator.integers(1, 8, (30, 160))
    dense = [generator.choice([-1.0, 0.0, 1.0], size.sum()) for size in sizes]
    pulls = np.repeat([0.0, 0.2, 0.6], 10)
    compressed = [np.where(generator.random(run.size) < pull, 1.0, run) for run, pull in zip(dense, pulls, strict=True)]
    clusters = [np.repeat(range(160), size) for size in sizes]

    def values(scores: list[Array]) -> Array:
        sums = [np.bincount(which, run) for which, run in zip(clusters, scores, strict=True)]
        return jackknife(np.stack(sums), sizes.astype(float))

    decided = bias_decisions(values(dense), values(compressed), effective(sizes.astype(float)), 0.2)
    verdicts = (
        verdict_on(SIGNED, ones(before), ones(after), which.tolist(), 0.2)
        for before, after, which in zip(dense, compressed, clusters, strict=True)
    )
    assert_as_judged(decided, verdicts)


def test_simulated_perplexities_are_decided_as_judge_decides() -> None:
    generator = np.random.default_rng(4)
    draws = [Prose(150, "gamma").draw(generator, 10, mean) for mean in (0.1 * MARGIN, MARGIN, 2 * MARGIN)]
    loss, tokens = (np.concatenate(part) for part in zip(*draws, strict=True))
    verdicts = (
        verdict_on(
            PERPLEXITY,
            [(3 * count, count) for count in sizes],
            [(3 * count + more, count) for count, more in zip(sizes, extra, strict=True)],
            range(150),
            relative=0.05,
        )
        for sizes, extra in zip(tokens.tolist(), loss.tolist(), strict=True)
    )
    assert_as_judged(prose_decisions(loss, tokens), verdicts)


@pytest.mark.parametrize(
    "rare",
    [
        Rare(1000, 0.04, kept=0.7, absolute=0.01),
        Rare(1500, 0.02, kept=0.7, absolute=0.02),
        Rare(1500, 0.03, kept=0.7),
        Rare(150, 0.05, kept=0.7, size=8),
    ],
)
@LOOKS
def test_simulated_rare_harms_are_decided_as_judge_decides(rare: Rare, at: Levels) -> None:
    generator = np.random.default_rng(5)
    rises = (-0.6, 0.2, 2.0)
    draws = [Rare(rare.clusters, rare.rate, min(0.3, 1 + r), r, rare.size).draw(generator, 10) for r in rises]
    dense, compressed = (np.concatenate(part) for part in zip(*draws, strict=True))
    decided = share_decisions(dense, compressed, rare.size, 0.5, rare.absolute, at)
    kind, tolerance = metric(better="lower"), None if rare.absolute == inf else rare.absolute
    clusters = np.repeat(range(rare.clusters), rare.size).tolist()

    def events(rates: Array) -> list[Score]:
        counts = np.rint(rates * rare.size).astype(int)
        return ones(np.concatenate([np.arange(rare.size) < count for count in counts]))

    verdicts = (
        verdict_on(kind, events(before), events(after), clusters, tolerance, 0.5, at)
        for before, after in zip(dense, compressed, strict=True)
    )
    assert_as_judged(decided, verdicts)


@pytest.mark.parametrize("case", [Generations(150, 1, 5, "max", 0.1), Generations(120, 3, 5, "mean", 0.1)])
def test_simulated_generations_are_decided_as_judge_decides(case: Generations) -> None:
    generator = np.random.default_rng(6)
    losses = [Generations(case.clusters, case.size, 5, case.statistic, 0.05, loss=loss) for loss in (0.0, 0.05, 0.15)]
    draws = [lossy.draw(generator, 10) for lossy in losses]
    dense, compressed = (np.concatenate(part) for part in zip(*draws, strict=True))
    even = np.full(30, float(case.clusters))
    kind = metric("generations", "lower")
    clusters = np.repeat(range(case.clusters), case.size).tolist()

    def scores(means: Array) -> list[Score]:
        return [(5 * value, 5.0) for value in np.repeat(means, case.size).tolist()]

    verdicts = (
        verdict_on(kind, scores(before), scores(after), clusters, 0.05)
        for before, after in zip(dense, compressed, strict=True)
    )
    assert_as_judged(mean_decisions(compressed - dense, even, 1.0, 0.05), verdicts)


@pytest.mark.parametrize(
    "gaps",
    [
        Gaps(2, 400, 0.05, "fall"),
        Gaps(3, 300, 0.0, "apart", redrawn=0.3, thin=150),
        Gaps(3, 300, 0.1, "other", redrawn=0.4),
        Gaps(3, 300, 0.05, "fall", crossed=True),
    ],
)
@LOOKS
def test_simulated_gaps_are_decided_as_judge_decides(gaps: Gaps, at: Levels) -> None:
    kind, whole = METRICS["accuracy_gap"], METRICS["accuracy"]
    counts = [gaps.thin if gaps.thin and group == 1 else gaps.each for group in range(gaps.groups)]
    samples = [
        Sample(
            f"{g}-{i:04d}",
            f"{g} {i}",
            (f" {g} {i}", " b"),
            f"{'' if gaps.crossed else g}-{i:04d}",
            target=0,
            group=f"{g}",
        )
        for g, count in enumerate(counts)
        for i in range(count)
    ]
    generator = np.random.default_rng(7)
    drawn = [
        Gaps(gaps.groups, gaps.each, gaps.dense, opens, margin, redrawn, gaps.crossed, gaps.thin).draw(generator, 5)
        for opens, margin, redrawn in (("lossless", 0.0, 0.01), (gaps.opens, 0.03, gaps.redrawn), ("fall", 0.45, 0.9))
    ]
    dense, compressed = (
        [np.concatenate([draw[model][group] for draw in drawn]) for group in range(gaps.groups)] for model in (0, 1)
    )

    def verdict(run: int) -> Verdict:
        before, after = (
            ones(np.concatenate([group[run] for group in model]).tolist()) for model in (dense, compressed)
        )
        held = judge(Check("simulated", whole, tolerance=0.05), whole, samples, before, before)
        look = 1 if at == FIRST else 2
        return judge(Check("simulated", kind, tolerance=0.08), kind, samples, before, after, held, look)

    assert_as_judged(gap_decisions(dense, compressed, 0.08, gaps.crossed, at), (verdict(run) for run in range(15)))


def within(rate: float, wanted: float, runs: int) -> bool:
    """Return whether a simulated rate may come from a true one of at most `wanted`: 3 standard errors."""
    return rate <= wanted + 3 * float(np.sqrt(wanted * (1 - wanted) / runs))


def test_sparse_damage_is_not_passed_more_often_than_promised() -> None:
    student, wild, gate, regressed = damage_rates(Damage(100, 20, 0.03, flips=0.0), 1000)
    assert student > 0.07
    assert gate <= wild
    assert within(gate, 0.05, 1000)
    assert within(regressed, 0.01, 1000)


def test_a_bias_that_appears_from_nothing_is_not_passed_more_often_than_promised() -> None:
    plugged, gate, regressed = bias_rates(Bias(200, 5, 0.0), 1000)
    assert plugged > 0.07
    assert within(gate, 0.05, 1000)
    assert within(regressed, 0.01, 1000)


def test_skewed_perplexities_are_not_passed_more_often_than_promised() -> None:
    _, gate, regressed = prose_rates(Prose(300, "gamma"), 500)
    assert within(gate, 0.05, 500)
    assert within(regressed, 0.01, 500)


@pytest.mark.parametrize("kept", [1.0, 0.0])
def test_a_ratio_at_its_margin_is_not_passed_more_often_than_promised(kept: float) -> None:
    gate, regressed = rare_rates(Rare(1000, 0.03, kept), 500)
    assert within(gate, 0.05, 500)
    assert within(regressed, 0.01, 500)


def test_generations_at_the_margin_are_not_passed_more_often_than_promised() -> None:
    for case in (Generations(300, 1, 5, "max", 0.03, share=0.1, redrawn=0.3), Generations(300, 1, 5, "mean", 0.02)):
        _, gate, regressed = generation_rates(case, 500)
        assert within(gate, 0.05, 500)
        assert within(regressed, 0.01, 500)


@pytest.mark.parametrize("statistic", ["mean", "max"])
def test_generations_lose_what_is_planted(statistic: str) -> None:
    case = Generations(400, 3, 4, statistic, 0.05, share=0.5, redrawn=0.5)
    dense, compressed = case.draw(np.random.default_rng(11), 200)
    assert (compressed - dense).mean() == pytest.approx(0.05, abs=0.002)


def test_a_gap_that_widens_by_the_margin_is_not_passed_more_often_than_promised() -> None:
    for gaps in (Gaps(2, 1000, 0.05, "fall"), Gaps(4, 500, 0.0, "apart")):
        gate, regressed = gap_rates(gaps, 500)
        assert within(gate, 0.05, 500)
        assert within(regressed, 0.01, 500)


def test_two_looks_err_little_more_than_one() -> None:
    first, both, regressed = look_rates(answers(1000, 0.05, 0.02), 3000, fresh=True)
    assert first < both
    assert within(both, 0.06, 3000)
    assert within(regressed, 0.012, 3000)


def test_releases_pass_as_often_as_planned() -> None:
    for checks, n, flips, shipped, predicted in planned(400, PLANS[:2]).rows:
        assert shipped == pytest.approx(predicted, abs=0.075), (checks, n, flips)


def test_the_release_has_sixteen_dimensions_and_watch_checks() -> None:
    assert [dimension.role for dimension in RELEASE] == ["gate"] * 16
    assert {dimension.role for dimension in WATCHED} == {"watch"}


def test_the_dense_model_ships_and_a_large_loss_does_not() -> None:
    assert decisions(Scenario("again", 0.0), 2) == ["ship"] * 2
    assert decisions(Scenario("again", 0.002), 16).count("regressed") == 0
    assert "ship" not in decisions(Scenario("lossy", 0.02, 2.0), 16)


def test_rates_above_what_is_promised_are_bold() -> None:
    table = Table("T", "", ("n", "passed", "regressed"), [("1", 0.07, 0.01), ("2", 0.06, 0.03)], "some")
    assert [line for line in table.markdown().splitlines() if "%" in line] == [
        "| 1 | **7.0 %** | 1.0 % |",
        "| 2 | 6.0 % | **3.0 %** |",
    ]
    assert summary([table]).rows == [("some", "promised", "2", 0.07, 0.03)]


def test_the_plot_shows_every_family(tmp_path: Path) -> None:
    made = [
        Table("T", "", (), [("1", 0.05, 0.01)], family, promised)
        for family in ("this", "that")
        for promised in (True, False)
    ]
    gate_plot.draw(made, [(0.0, 1.0), (0.02, 0.8)], tmp_path / "plot.svg")
    text = (tmp_path / "plot.svg").read_text()
    assert ">this</text>" in text
    assert ">that</text>" in text
