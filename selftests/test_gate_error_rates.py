"""The benchmark of the gate's error rates, in a small run, and that it tries the gate and not a copy."""

import numpy as np
import pytest

from benchmarks.gate_error_rates import (
    bias_decisions,
    bias_rates,
    clustered_decisions,
    damage_rates,
    documented,
    independent,
    prose_rates,
    releases,
)
from benchmarks.gate_scenarios import RELEASES, Bias, Damage, Prose
from fixtures.core import Check, Sample
from fixtures.gate import judge
from selftests.gate_cases import SIGNED, metric


def test_tango_holds_its_level() -> None:
    for n, flips, _, passed, regressed in independent((200, 500, 1000)).rows:
        assert isinstance(passed, float)
        assert isinstance(regressed, float)
        assert passed <= 0.065
        if int(str(n)) >= 500:
            assert regressed <= 0.02
            assert 0.045 <= passed <= 0.055 or str(flips) in ("2%", "3%", "5%"), (n, flips, passed)


def test_outcomes_of_the_document() -> None:
    """The table in the blueprint's statistics.md, from 40,000 simulated runs."""
    expected = [(0.86, 0.0, 0.14), (0.0, 0.80, 0.20), (0.048, 0.011, 0.94), (0.0, 0.89, 0.11)]
    for row, outcomes in zip(documented().rows, expected, strict=True):
        assert row[3:] == pytest.approx(outcomes, abs=0.011)


@pytest.mark.parametrize("damage", [Damage(120, 6, 0.03), Damage(200, 5, 0.03, flips=0.05, uneven=True)])
def test_simulated_answers_are_decided_as_judge_decides(damage: Damage) -> None:
    lost, gained, present = damage.draw(np.random.default_rng(1), 60)
    passed, regressed = clustered_decisions(lost, gained, present, damage.margin)
    kind = metric()
    for run in range(60):
        samples, dense, compressed = [], [], []
        for cluster, counts in enumerate(zip(lost[run], gained[run], present[run], strict=True)):
            worse, better, size = (int(count) for count in counts)
            samples += [Sample(f"{cluster}-{i}", f"{i}", (" a", " b"), f"{cluster}", target=0) for i in range(size)]
            dense += [(1.0, 1.0)] * worse + [(0.0, 1.0)] * better + [(1.0, 1.0)] * (size - worse - better)
            compressed += [(0.0, 1.0)] * worse + [(1.0, 1.0)] * (size - worse)
        verdict = judge(Check("simulated", kind, tolerance=damage.margin), kind, samples, dense, compressed)
        assert (verdict.outcome == "passed", verdict.outcome == "regressed") == (passed[run], regressed[run])


def test_simulated_biases_are_decided_as_judge_decides() -> None:
    bias = Bias(150, 1, 0.05, margin=0.2, redrawn=0.3)
    dense, compressed = bias.draw(np.random.default_rng(2), 100)
    passed, regressed = bias_decisions(dense, compressed, 0.1)
    samples = [Sample(f"{index:03d}", "", (" a", " b"), cluster=f"{index:03d}") for index in range(150)]
    outcomes = []
    for run in range(100):
        scores = [[(float(value), 1.0) for value in model[run]] for model in (dense, compressed)]
        verdict = judge(Check("simulated", SIGNED, tolerance=0.1), SIGNED, samples, scores[0], scores[1])
        outcomes.append((verdict.outcome == "passed", verdict.outcome == "regressed"))
    assert outcomes == list(zip(passed.tolist(), regressed.tolist(), strict=True))
    assert 0 < sum(regressed) < 100


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


def test_releases_pass_as_often_as_planned() -> None:
    for checks, n, flips, shipped, predicted in releases(400, RELEASES[:2]).rows:
        assert shipped == pytest.approx(predicted, abs=0.075), (checks, n, flips)
