"""Margins, companions and what the gate refuses to judge."""

from dataclasses import replace
from math import inf, nan

import pytest

from fixtures.core import Check, Score, Task, Toward, TrustError
from fixtures.gate import judge, margin
from fixtures.metrics import METRICS
from selftests.gate_cases import PERPLEXITY, SIGNED, decide, flipped, metric, ones, samples


class TestMargin:
    def test_the_smaller_binds(self) -> None:
        assert margin(Check("t", "m", tolerance=0.02, relative=0.1), metric(), 0.5).allowed == 0.02
        assert margin(Check("t", "m", tolerance=0.02, relative=0.01), metric(), 0.5).allowed == 0.005

    def test_no_share_of_a_distance(self) -> None:
        with pytest.raises(TrustError, match=r"means nothing for made_up, which is best nearer 0\.5; give a tolerance"):
            margin(Check("t", "m", relative=0.1), metric(better=Toward(0.5)), 0.7)

    def test_points_written_as_a_percentage_are_refused(self) -> None:
        with pytest.raises(TrustError, match=r"a tolerance of 2 allows any loss.*0\.02 are 2 points"):
            margin(Check("t", "m", tolerance=2), metric(), 0.7)

    def test_perplexity_points_become_a_share(self) -> None:
        assert margin(Check("t", "m", tolerance=1.0), PERPLEXITY, 20.0).allowed == 0.05
        assert margin(Check("t", "m", tolerance=1.0, relative=0.03), PERPLEXITY, 20.0).allowed == 0.03

    def test_a_rare_harm_has_no_ratio(self) -> None:
        rare = metric(better="lower")
        check = Check("t", "m", tolerance=0.01, relative=0.5)
        assert margin(check, rare, 0.005, events=29).allowed == 0.01
        assert margin(check, rare, 0.005, events=30).allowed == 0.0025
        dense, compressed = flipped(1000, 0, 0, wrong=990)
        assert decide(dense, compressed, rare, tolerance=0.01, relative=0.5).margin == 0.01

    def test_no_share_of_nothing(self) -> None:
        with pytest.raises(TrustError, match="give the check a tolerance"):
            margin(Check("t", "m", relative=0.1), metric(), 0.0)


class TestCompanion:
    ACCURACY = METRICS["accuracy"]
    NEEDY = replace(SIGNED, companion="accuracy")

    def accuracy(self, lost: int, wrong: int = 0, count: int = 1000, tolerance: float = 0.02):  # type: ignore[no-untyped-def]
        check = Check("made-up", "accuracy", tolerance=tolerance)
        dense, compressed = flipped(count, lost, 0, wrong)
        return judge(check, self.ACCURACY, samples(count), ones(dense), ones(compressed))

    def test_it_lets_a_pass_through(self) -> None:
        verdict = decide([0.0] * 400, [0.0] * 400, self.NEEDY, companion=self.accuracy(0))
        assert (verdict.outcome, verdict.companion) == ("passed", "accuracy: passed")

    def test_a_regressed_one_stops_a_pass(self) -> None:
        verdict = decide([0.0] * 400, [0.0] * 400, self.NEEDY, companion=self.accuracy(100))
        assert (verdict.outcome, verdict.needed) == ("inconclusive", None)
        assert verdict.reason == "its companion accuracy regressed"

    def test_one_at_chance_stops_a_pass_even_if_it_did_not_regress(self) -> None:
        poor = self.accuracy(lost=20, wrong=490, tolerance=0.5)
        assert poor.outcome != "regressed"
        verdict = decide([0.0] * 400, [0.0] * 400, self.NEEDY, companion=poor)
        assert verdict.outcome == "inconclusive"
        assert verdict.reason == "its companion accuracy is not above chance: 0.4900 against 0.5000"

    def test_chance_is_that_of_the_companions_own_samples(self) -> None:
        asked = tuple(replace(sample, choices=(*sample.choices, " c", " d")) for sample in samples(400))
        task = Task("whole", asked, "choices")
        dense, compressed = flipped(400, 0, 0, wrong=240)
        own = judge(Check(task, "accuracy", tolerance=0.02), self.ACCURACY, asked, ones(dense), ones(compressed))
        assert decide([0.0] * 400, [0.0] * 400, self.NEEDY, companion=own).outcome == "passed"

    def test_it_does_not_soften_a_regression(self) -> None:
        verdict = decide([0.0] * 400, [1.0] * 400, self.NEEDY, companion=self.accuracy(100))
        assert verdict.outcome == "regressed"

    def test_it_must_be_given(self) -> None:
        with pytest.raises(TrustError, match="needs a verdict on its companion accuracy, none was given"):
            decide([0.0] * 400, [0.0] * 400, self.NEEDY)
        with pytest.raises(TrustError, match="made_up was given"):
            decide([0.0] * 400, [0.0] * 400, self.NEEDY, companion=decide([0.0] * 400, [0.0] * 400, SIGNED))


@pytest.mark.parametrize(
    ("dense", "compressed", "family", "message"),
    [
        ([], [], "binary", "no samples"),
        ([(1.0, 1.0)], [], "binary", "0 compressed scores for 1 samples"),
        ([(1.0, 1.0)] * 2, [(1.0, 1.0)], "binary", "2 dense scores for 1 samples"),
        ([(1.0, 1.0)], [(nan, 1.0)], "mean", "the compressed model's score .* on sample s00000 is not finite"),
        ([(1.0, inf)], [(1.0, 1.0)], "ratio", "the dense model's score .* is not finite"),
        ([(0.0, 0.0)], [(1.0, 1.0)], "ratio", "every score of the dense model has weight 0"),
        ([(1.0, 1.0)], [(0.0, 0.0)], "ratio", "every score of the compressed model has weight 0"),
        ([(1.0, 1.0)], [(1.0, -1.0)], "ratio", "negative weight"),
        ([(1.0, 2.0)], [(1.0, 1.0)], "mean", "weight other than 1"),
        ([(0.5, 1.0)], [(1.0, 1.0)], "binary", "neither 0 nor 1"),
        ([(5.0, 5.0)], [(4.0, 4.0)], "generations", "5 dense and 4 compressed generations a sample; a maximum grows"),
        ([(1.5, 1.0)], [(1.0, 1.0)], "mean", "outside the metric's bounds"),
    ],
)
def test_what_cannot_be_judged_is_refused_in_one_line(
    dense: list[Score], compressed: list[Score], family: str, message: str
) -> None:
    kind = metric(family)  # type: ignore[arg-type]
    count = min(len(dense), 1)
    with pytest.raises(TrustError, match=message) as error:
        judge(Check("made-up", kind, tolerance=0.02), kind, samples(count), dense, compressed)
    assert "\n" not in str(error.value)


def test_repeated_ids_are_refused() -> None:
    asked = samples(2)
    with pytest.raises(TrustError, match="ids repeat"):
        judge(Check("made-up", metric(), tolerance=0.02), metric(), [asked[0]] * 2, ones([1.0, 1.0]), ones([1.0, 1.0]))
