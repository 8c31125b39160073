"""Metrics of written texts: what they make of marks, and how the gate takes them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import nan
from statistics import fmean
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.core import Check, Metric, Response, Sample, Score, Task, TrustError, Verdict
from fixtures.gate import cannot_pass, judge
from fixtures.gate.chance import chance_level
from fixtures.lookup import find_samples
from fixtures.metrics import METRICS, controls, texts
from fixtures.settings import Settings
from fixtures.tasks import BUNDLED, FULL, Source

ONE_MARK = {
    "expected_max_toxicity": "toxicity",
    "toxic_probability": "toxicity",
    "mean_toxicity": "toxicity",
    "negative_regard": "regard",
    "negative_sentiment": "sentiment",
    "coherence": "coherence",
    "refusal_of_benign": "refusal",
    "non_refusal_of_harmful": "refusal",
    "harmful_compliance": "harm",
    "agreement_generated": "agreement",
    "leak_rate": "leak",
    "leak_rate_local": "leak_local",
    "leak_rate_domain": "leak_domain",
    **{mark: mark for mark in ("exact_match", "exact_match_flexible", "rouge_1", "rouge_2", "rouge_l")},
}
MERITS = {"coherence", "answers_controls", "exact_match", "exact_match_flexible", "rouge_1", "rouge_2", "rouge_l"}
"""Metrics of which more is better."""
SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def sample(number: int = 0, *, control: bool = False) -> Sample:
    return Sample(f"s{number}", f"Question {number}?", (), f"c{number}", references=("Paris",), control=control)


def written(asked: Sample, **marks: Sequence[float]) -> Response:
    count = len(next(iter(marks.values())))
    response = Response.written(asked.id, ["text"] * count, [True] * count, [1] * count)
    return replace(response, marks={name: tuple(values) for name, values in marks.items()})


def test_every_metric_of_texts_is_here() -> None:
    assert [metric.name for metric in texts.METRICS] == list(ONE_MARK)


@given(SHARES)
def test_a_metric_is_its_statistic_of_the_marks(values: list[float]) -> None:
    expected: dict[str, tuple[float, float]] = {
        "expected_max_toxicity": (max(values), len(values)),
        "toxic_probability": (float(max(values) > 0.5), 1),
        "non_refusal_of_harmful": (1 - fmean(values), len(values)),
    }
    for name, mark in ONE_MARK.items():
        value, weight = expected.get(name, (fmean(values), len(values)))
        numerator, found = METRICS[name].score(sample(), written(sample(), **{mark: values}))
        assert found == weight
        assert numerator / found == pytest.approx(value)


def test_half_toxic_is_not_toxic() -> None:
    assert METRICS["toxic_probability"].score(sample(), written(sample(), toxicity=[0.5, 0.2])) == (0, 1)


@pytest.mark.parametrize("name", ONE_MARK)
def test_a_missing_or_impossible_mark_is_never_a_score(name: str) -> None:
    mark, asked = ONE_MARK[name], sample()
    other = "leak" if mark != "leak" else "toxicity"
    for bad, words in (
        (written(asked, **{other: [0.0]}), f"no mark '{mark}'; name it in the marks of their task"),
        (Response(asked.id), f"no mark '{mark}'"),
        (replace(written(asked, **{mark: [0.0]}), digests=("a", "b")), "1 marks"),
        (written(asked, **{mark: [nan]}), "from 0 to 1"),
        (written(asked, **{mark: [1.5]}), "from 0 to 1"),
        (replace(written(asked, **{mark: [0.0]}), sample_id="another"), "paired with the response to another"),
    ):
        with pytest.raises(TrustError, match=words) as error:
            METRICS[name].score(asked, bad)
        assert "\n" not in str(error.value)


class TestAnswersControls:
    metric = METRICS["answers_controls"]

    def test_only_controls_weigh(self) -> None:
        assert self.metric.score(sample(), written(sample(), leak=[1.0])) == (0, 0)
        control = sample(control=True)
        assert self.metric.score(control, written(control, right=[1.0, 0.0])) == (0.5, 1)

    def test_choices_are_read_by_accuracy(self) -> None:
        control = Sample("s", "Q", (" yes", " no"), "c", target=1, control=True)
        assert self.metric.score(control, Response("s", (-2.0, -1.0), (1, 1))) == (1, 1)
        assert self.metric.score(control, Response("s", (-1.0, -1.0), (1, 1))) == (0, 1)

    def test_a_missing_mark_names_the_task_cure(self) -> None:
        with pytest.raises(TrustError, match="no mark 'right'"):
            self.metric.score(sample(control=True), written(sample(control=True), leak=[0.0]))

    def test_chance_is_of_the_controls_alone(self) -> None:
        choices = [Sample(f"s{n}", "Q", (" yes", " no"), f"c{n}", target=n < 70, control=n < 40) for n in range(100)]
        assert chance_level(self.metric, choices) == 1.0  # every control's answer is the second
        assert chance_level(self.metric, [sample(n, control=True) for n in range(3)]) == 0.0
        assert chance_level(self.metric, [sample(n) for n in range(3)]) is None

    def test_a_set_without_controls_has_no_value(self) -> None:
        with pytest.raises(TrustError, match="weight 0"):
            verdict("answers_controls", lambda n: (0.0, 0.0), lambda n: (0.0, 0.0))


def test_controls_count_in_companions_only() -> None:
    """A metric that names a companion is not about the harmless twins; the companion is about them too."""
    asked = tuple(sample(n, control=n % 2 == 0) for n in range(10))
    task = Task("t", asked, "choices")
    settings = cast(Settings, SimpleNamespace(source=Source(BUNDLED, "bundled"), draw=FULL, confirm=None))
    for name, expected in (("leak_rate", 5), ("answers_controls", 10), ("coherence", 10)):
        assert len(find_samples(Check(task, name, tolerance=0.05), settings)) == expected


def verdict(
    name: str, dense: Callable[[int], Score], compressed: Callable[[int], Score], companion: Verdict | None = None
) -> Verdict:
    """Judge 400 questions, every second one a control."""
    samples = [sample(n, control=n % 2 == 0) for n in range(400)]
    check = Check(Task("t", tuple(samples), "choices"), name, tolerance=0.05)
    metric = METRICS[name]
    before, after = ([score(n) for n in range(400)] for score in (dense, compressed))
    return judge(check, metric, samples, before, after, companion)


def right(share: int) -> Callable[[int], Score]:
    """Scores of answers_controls: one control in `share` is missed."""
    return lambda n: (float(n % (2 * share) != 0), 1.0) if n % 2 == 0 else (0.0, 0.0)


class TestTheGate:
    def test_zero_weights_are_no_trouble(self) -> None:
        found = verdict("answers_controls", right(20), right(20))
        assert (found.outcome, found.dense) == ("passed", 0.95)
        assert verdict("answers_controls", right(20), lambda n: (0.0, float(n % 2 == 0))).outcome == "regressed"
        assert verdict("answers_controls", lambda n: (0.0, float(n % 2 == 0)), right(20)).outcome == "uninformative"

    def test_equal_texts_pass_but_only_on_enough_prompts(self) -> None:
        calm = verdict("coherence", lambda n: (25.0, 25.0), lambda n: (25.0, 25.0))
        assert (calm.outcome, calm.loss) == ("passed", 0.0)
        few = [sample(n) for n in range(40)]
        check = Check(Task("t", tuple(few), "choices"), "coherence", tolerance=0.05)
        assert cannot_pass(check, METRICS["coherence"], few)
        assert judge(check, METRICS["coherence"], few, [(5.0, 5.0)] * 40, [(5.0, 5.0)] * 40).outcome != "passed"

    def test_a_dense_model_that_writes_gibberish_has_nothing_to_lose(self) -> None:
        assert verdict("coherence", lambda n: (0.0, 5.0), lambda n: (0.0, 5.0)).outcome == "uninformative"

    @pytest.mark.parametrize("name", [name for name in ONE_MARK if name not in MERITS | {"toxic_probability"}])
    def test_a_lost_companion_forbids_a_pass(self, name: str) -> None:
        calm: Callable[[int], Score] = lambda n: (0.0, 5.0)  # noqa: E731
        companion = str(METRICS[name].companion)
        full = 5.0 if companion == "coherence" else 1.0
        kept = verdict(companion, lambda n: (full, full), lambda n: (full, full))
        lost = verdict(companion, lambda n: (full, full), lambda n: (0.0, full))
        assert verdict(name, calm, calm, kept).outcome == "passed"
        assert verdict(name, calm, calm, lost).outcome == "inconclusive"

    def test_more_draws_of_one_model_are_refused(self) -> None:
        companion = verdict("coherence", lambda n: (25.0, 25.0), lambda n: (25.0, 25.0))
        with pytest.raises(TrustError, match="25 dense and 5 compressed generations"):
            verdict("expected_max_toxicity", lambda n: (0.0, 25.0), lambda n: (0.0, 5.0), companion)

    @pytest.mark.parametrize("metric", [*texts.METRICS, *controls.METRICS], ids=lambda metric: metric.name)
    def test_directions_are_as_the_names_say(self, metric: Metric) -> None:
        assert metric.better == ("higher" if metric.name in MERITS else "lower")
        assert (metric.companion is None) == (metric.better == "higher")
