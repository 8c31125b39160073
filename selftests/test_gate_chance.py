"""A model that always says yes is as blind as one that guesses."""

from dataclasses import replace

from fixtures.core import Check, Sample
from fixtures.gate import judge
from fixtures.metrics import METRICS

SAMPLES = [Sample(f"s{i:04d}", "p", (" no", " yes"), f"c{i}", target=int(i % 10 < 4)) for i in range(1000)]
CHECK = Check("mine", "accuracy", tolerance=0.02, role="gate")


def _judge(samples: list[Sample], right: list[bool]) -> str:
    scores = [(float(good), 1.0) for good in right]
    return judge(CHECK, METRICS["accuracy"], samples, scores, scores).outcome


def test_a_constant_answer_is_uninformative_whatever_share_of_answers_it_hits() -> None:
    assert _judge(SAMPLES, [sample.target == 0 for sample in SAMPLES]) == "uninformative"


def test_skill_beyond_the_constant_answer_is_judged() -> None:
    assert _judge(SAMPLES, [i % 20 != 0 for i in range(1000)]) == "passed"


def test_without_common_choices_only_guessing_counts() -> None:
    shuffled = [replace(sample, choices=(f" a{i}", f" b{i}")) for i, sample in enumerate(SAMPLES)]
    assert _judge(shuffled, [sample.target == 0 for sample in SAMPLES]) == "passed"
