"""What each family of scores makes of the same rule."""

from dataclasses import fields, replace
from math import exp, inf, log1p

import numpy as np
import pytest

from fixtures.core import Check, GroupLoss, Metric, Outcome, Score, Toward
from fixtures.gate import bounds, judge, tango
from selftests.gate_cases import PERPLEXITY, SIGNED, decide, metric, ones, samples


@pytest.mark.parametrize("kind", [metric(), metric("mean"), metric(better="lower"), SIGNED, metric(better=Toward(0.5))])
@pytest.mark.parametrize("clusters", [None, 150])
def test_identical_responses_leave_room_for_doubt(kind: Metric, clusters: int | None) -> None:
    answers = [float(index % 3 == 0) for index in range(600)]
    verdict = decide(answers, answers, kind, clusters=clusters, tolerance=0.05)
    assert (verdict.outcome, verdict.loss, verdict.lost, verdict.gained) == ("passed", 0, 0, 0)
    assert verdict.lower < 0 < verdict.upper


def test_the_same_change_everywhere_is_not_certainty() -> None:
    dense = [0.5] * 200
    verdict = decide(dense, [0.49] * 200, metric("mean"), tolerance=0.03)
    assert verdict.loss == pytest.approx(0.01)
    assert verdict.lower < 0.01 < 0.02 < verdict.upper


def test_uneven_clusters_are_worth_fewer_even_ones() -> None:
    """150 clusters, of which one holds half of the samples: worth four."""
    asked = [replace(sample, cluster="c00000") if index >= 150 else sample for index, sample in enumerate(samples(300))]
    kind, same = metric(), ones([1.0] * 300)
    verdict = judge(Check("made-up", kind, tolerance=0.1), kind, asked, same, same)
    assert (verdict.clusters, verdict.outcome) == (150, "inconclusive")
    assert "150 clusters of uneven size, worth 4 even ones," in verdict.reason


def test_clusters_that_move_together_widen_the_interval() -> None:
    dense, compressed = np.ones(2000), np.ones(2000)
    compressed[:60] = 0
    scattered = decide(dense, compressed, clusters=200)
    gathered = decide(dense, [float(index % 200 >= 6) for index in range(2000)], clusters=200)
    assert scattered.loss == gathered.loss == pytest.approx(0.03)
    assert gathered.upper > scattered.upper
    assert gathered.lower < scattered.lower
    assert "design effect 10." in gathered.interval or "design effect 9." in gathered.interval


def test_clustered_answers_are_bounded_by_the_wider_of_tango_and_their_clusters() -> None:
    for seed in range(12):
        generator = np.random.default_rng(seed)
        hit = generator.random(120) < 0.2
        lost = generator.random((120, 5)) < np.where(hit, 0.4, 0.0)[:, None]
        gained = (generator.random((120, 5)) < 0.01) & ~lost
        verdict = decide(1.0 - gained.T.ravel(), 1.0 - lost.T.ravel(), clusters=120)
        harm = (lost.astype(float) - gained).mean(axis=1)
        scores = lost.astype(float) - gained
        effect = max(1.0, harm.var(ddof=1) / 120 / (scores.var(ddof=1) / 600))
        score = tango.upper(lost.sum() / effect, gained.sum() / effect, 600 / effect, 0.05)
        assert verdict.upper == pytest.approx(max(score, float(bounds.upper(harm, 0.05, 120))), rel=1e-6)


def test_bias_counts_the_distance_from_its_ideal() -> None:
    generator = np.random.default_rng(8)
    dense = generator.choice([-1.0, 0.0, 1.0], 3000, p=[0.10, 0.80, 0.10])
    across = -dense
    assert decide(dense, across, SIGNED, tolerance=0.05).outcome == "passed"
    leaning = np.where(generator.random(3000) < 0.15, 1.0, dense)
    for sign in (1, -1):
        verdict = decide(dense, sign * leaning, SIGNED, tolerance=0.05)
        assert verdict.outcome == "regressed"
        assert verdict.loss == pytest.approx(abs(leaning.mean()) - abs(dense.mean()))
        assert verdict.lost > verdict.gained
        assert verdict.better == "nearer 0"


def perplexities(rise: float, texts: int = 300, noise: float = 0.02) -> tuple[list[Score], list[Score]]:
    generator = np.random.default_rng(9)
    tokens = generator.integers(100, 400, texts).astype(float)
    dense = tokens * generator.normal(3.0, 0.4, texts)
    compressed = dense + tokens * generator.normal(log1p(rise), noise, texts)
    pair = [list(zip(sums.tolist(), tokens.tolist(), strict=True)) for sums in (dense, compressed)]
    return pair[0], pair[1]


@pytest.mark.parametrize(("rise", "outcome"), [(0.0, "passed"), (0.04, "passed"), (0.08, "regressed")])
def test_perplexity_is_a_relative_rise(rise: float, outcome: Outcome) -> None:
    dense, compressed = perplexities(rise)
    check = Check("made-up", PERPLEXITY, relative=0.05)
    verdict = judge(check, PERPLEXITY, samples(300), dense, compressed)
    total = sum(weight for _, weight in dense)
    assert verdict.dense == pytest.approx(exp(sum(value for value, _ in dense) / total))
    assert verdict.loss == pytest.approx(verdict.compressed / verdict.dense - 1)
    assert verdict.loss == pytest.approx(rise, abs=0.005)
    assert (verdict.outcome, verdict.margin, verdict.relative) == (outcome, 0.05, True)
    assert verdict.lower < verdict.loss < verdict.upper


def test_perplexity_needs_a_hundred_texts_and_doubts_identical_ones() -> None:
    dense, _ = perplexities(0.0, texts=99)
    check = Check("made-up", PERPLEXITY, relative=0.5)
    assert judge(check, PERPLEXITY, samples(99), dense, dense).outcome == "inconclusive"
    dense, _ = perplexities(0.0, texts=200)
    verdict = judge(check, PERPLEXITY, samples(200), dense, dense)
    assert verdict.outcome == "passed"
    assert verdict.lower < 0 < verdict.upper


def test_a_collapsed_model_is_measured_not_an_overflow() -> None:
    dense, _ = perplexities(0.0)
    verdict = judge(
        Check("made-up", PERPLEXITY, relative=0.05),
        PERPLEXITY,
        samples(300),
        dense,
        [(value * 1e4, weight) for value, weight in dense],
    )
    assert verdict.outcome == "regressed"
    assert verdict.upper < inf


def test_a_ratio_weighs_what_each_model_answered() -> None:
    kind = metric("ratio", Toward(0.0), (-1.0, 1.0))
    dense: list[Score] = [(0.0, 0.0)] * 300 + [(1.0, 1.0), (-1.0, 1.0)] * 300
    compressed: list[Score] = [(1.0, 1.0)] * 300 + dense[300:]
    verdict = judge(Check("made-up", kind, tolerance=0.03), kind, samples(900), dense, compressed)
    assert verdict.dense == 0
    assert verdict.compressed == pytest.approx(1 / 3)
    assert (verdict.outcome, verdict.lost, verdict.gained) == ("regressed", 300, 0)


def test_groups_are_worst_first() -> None:
    dense, compressed = np.ones(600), np.ones(600)
    compressed[1:300:3] = 0
    verdict = decide(dense, compressed, groups=("old", "poor", "tall"))
    worst = verdict.groups[0]
    assert replace(worst, lower=None, upper=None) == GroupLoss("poor", 200, 1.0, 0.5, 0.5)
    assert [group.group for group in verdict.groups] == ["poor", "old", "tall"]
    assert decide(dense, compressed, groups=("old",)).groups == ()


@pytest.mark.parametrize("kind", [metric(), metric("mean"), PERPLEXITY], ids=lambda kind: kind.family)
def test_a_verdict_holds_plain_numbers_only(kind: Metric) -> None:
    """Numpy's do not cross from a worker of xdist."""
    rng = np.random.default_rng(3)
    dense = rng.integers(0, 2, 900).astype(float)
    compressed = np.where(rng.random(900) < 0.2, 1 - dense, dense)
    verdict = decide(dense, compressed, kind, groups=("old", "poor"))
    assert verdict.groups
    groups = [getattr(group, field.name) for group in verdict.groups for field in fields(group)]
    values = [*groups, *(getattr(verdict, field.name) for field in fields(verdict))]
    assert [value for value in values if isinstance(value, np.generic)] == []


def test_a_group_without_weight_is_left_out() -> None:
    kind = metric("ratio", Toward(0.0), (-1.0, 1.0))
    scores: list[Score] = [(0.0, 0.0), (1.0, 1.0), (-1.0, 1.0)] * 100
    verdict = judge(
        Check("made-up", kind, tolerance=0.3), kind, samples(300, groups=("none", "for", "against")), scores, scores
    )
    assert {group.group for group in verdict.groups} == {"for", "against"}
