"""Five responders through every metric that a table uses, with the values that the data sets' papers give them."""

from collections.abc import Iterable
from math import sqrt
from pathlib import Path

import pytest

from fixtures.core import Check, TrustError
from fixtures.lookup import find_metric
from fixtures.metrics import METRICS
from fixtures.metrics.texts import NAMED
from fixtures.tasks import TASKS, absent
from selftests.conftest import SHARED
from selftests.responder_cases import SOURCES, asked, checks, has_value, hypothetical, placed, rows_of, value, verdict
from selftests.responder_formulas import Near, Refused, distinct
from selftests.responder_scores import EXPECTED
from selftests.responders import BROKEN, RESPONDERS

SEEDS = (0, 1, 2)
SPREAD = 4
"""Standard errors that a random responder may be off: one sample in 16,000, and the seeds are fixed."""

FEW = ("wikitext", "wikitext_pages")
"""The 62 articles as published: a watch check of so few can regress, and not pass."""


def key(check: Check) -> tuple[str, str]:
    return check.task_name, check.metric_name


def cases() -> list[Check]:
    """Return the tables' checks, then the expectations for metrics that no table uses."""
    found = list(checks())
    used = {key(check) for check in found}
    return found + [hypothetical(*pair) for pair in EXPECTED if pair not in used]


def without_expectation(found: Iterable[tuple[str, str]], metrics: Iterable[str]) -> list[str]:
    """Return what the table lacks, as a person would say it."""
    lacks = [f"metric {metric} on task {task}" for task, metric in sorted(set(found) - EXPECTED.keys())]
    reached = {metric for _, metric in EXPECTED}
    return lacks + [f"metric {metric} on any task" for metric in metrics if metric not in reached]


def test_every_metric_of_every_table_states_what_the_responders_score() -> None:
    lacks = without_expectation(map(key, checks()), METRICS)
    assert not lacks, f"add to EXPECTED, from the data set's paper, what the five responders score: {'; '.join(lacks)}"
    for pair, row in EXPECTED.items():
        assert row.keys() == RESPONDERS.keys(), f"{pair}: state a value for each of {', '.join(RESPONDERS)}"


def test_a_metric_without_expectations_is_named() -> None:
    assert without_expectation([("bbq", "parity_gap")], ["accuracy", "kindness"]) == [
        "metric parity_gap on task bbq",
        "metric kindness on any task",
    ]


@pytest.mark.parametrize("responder", RESPONDERS)
@pytest.mark.parametrize(("check", "source"), placed(cases()))
def test_a_responder_scores_what_the_paper_says(check: Check, responder: str, source: str) -> None:
    if key(check) not in EXPECTED:
        pytest.fail(f"{check}: add a row to EXPECTED, from the data set's paper")
    expected = EXPECTED[key(check)][responder]
    samples = distinct(asked(check, source))
    if isinstance(expected, Refused):
        with pytest.raises(TrustError, match=expected.message):
            value(check, source, responder)
        return
    if isinstance(expected, Near):
        variance = expected.variance(samples) if callable(expected.variance) else expected.variance
        error = sqrt(variance / len(samples))
        mean = expected.value(samples) if callable(expected.value) else expected.value
        for seed in SEEDS:
            assert value(check, source, responder, seed) == pytest.approx(mean, abs=SPREAD * error)
        return
    exact = expected(samples) if callable(expected) else expected
    assert value(check, source, responder) == pytest.approx(exact, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("dense", ["oracle", "skilled"])
@pytest.mark.parametrize(("check", "source"), placed(checks()))
def test_a_skilled_model_passes_against_itself(check: Check, source: str, dense: str) -> None:
    """Else it would say nothing that a broken one does not pass."""
    assert asked(check, source)
    few = source == "real" and check.task_name in FEW
    assert verdict(check, source, dense, dense).outcome == ("inconclusive" if few else "passed")


@pytest.mark.parametrize("dense", ["oracle", "skilled"])
@pytest.mark.parametrize(("check", "source"), placed(checks()))
def test_a_broken_model_never_passes(check: Check, source: str, dense: str) -> None:
    assert asked(check, source)
    assert has_value(check, source, dense)
    for broken, seed in ((broken, seed) for broken in BROKEN for seed in SEEDS):
        assert outcome(check, source, dense, broken, seed) != "passed", f"{broken} (seed {seed}) passed {check}"


@pytest.mark.parametrize("responder", ["always-unknown", "always-stereotype"])
@pytest.mark.parametrize(
    ("check", "source"), placed(check for check in cases() if find_metric(check).companion not in (None, "coherence"))
)
def test_one_answer_for_everything_passes_no_check_that_needs_a_companion(
    check: Check, source: str, responder: str
) -> None:
    """Always "unknown" is perfect on the ambiguous half: the companion looks at the whole data set.

    Coherence cannot see it: one harmless sentence is a text, and harmless. Such a model fails where answers count.
    """
    assert asked(check, source)
    assert outcome(check, source, "oracle", responder) != "passed"


@pytest.mark.parametrize("metric", METRICS)
def test_a_broken_model_would_not_pass_a_row_that_no_table_has(metric: str) -> None:
    """Every metric on every task that it can be read on."""
    if metric in NAMED:
        pytest.skip(f"{metric}: only a judge that the run names can tell")
    source = "bundled" if rows_of(metric) else "real"
    rows = rows_of(metric, source)
    if not rows and not (SHARED / "data").is_dir():
        pytest.skip("needs ../shared/data, which is not part of a clone")
    if not rows and all(TASKS[task].optional for task, named in EXPECTED if named == metric):
        pytest.skip(f"{metric}: only who has files of their own asks for it")
    assert rows, f"{metric} can be read on no task"
    for check in rows:
        for dense in ("oracle", "skilled"):
            for broken in BROKEN:
                found = outcome(check, source, dense, broken)
                assert found != "passed", f"{broken} passed {check} against {dense}"


def outcome(check: Check, source: str, dense: str, broken: str, seed: int = 0) -> str:
    """Return the verdict's outcome; an error is no pass."""
    try:
        return verdict(check, source, dense, broken, seed).outcome
    except TrustError:
        return "error"


def test_the_machine_with_the_real_files_judges_every_task_on_them(real_data: Path) -> None:
    for task in TASKS.keys() - set(absent(SOURCES["real"])):
        assert asked(Check(task, "accuracy", tolerance=0.05), "real")
