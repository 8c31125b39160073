"""What the gate says of a synthetic responder, on the path that a real model takes, and which checks there are."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import cast

import pytest
from _pytest.mark.structures import ParameterSet

from fixtures.core import Check, Response, Sample, TrustError, Verdict
from fixtures.lookup import find_root, find_samples
from fixtures.metrics import METRICS
from fixtures.metrics.texts import NAMED
from fixtures.session import TrustSession
from fixtures.settings import Settings
from fixtures.tables import read_tables
from fixtures.tasks import BUNDLED, TASKS, Draw, Source, absent
from selftests.conftest import SHARED
from selftests.responders import EXTREMES, RESPONDERS, answers, skilled

SOURCES = {"bundled": Source(BUNDLED, "bundled"), "real": Source(SHARED / "data", "real")}
MODELS = {**RESPONDERS, **EXTREMES, "skilled": skilled}
STANDARD = Draw("standard")
"""All of the bundled data but for free answers, of which the full tier draws 25 each: minutes a responder to score."""
MANY = 12
"""Groups of which no gap is taken here: every pair is bounded, so that a pool of 57 groups takes minutes."""
LOOSE = 0.05
"""The largest of statistics.md's default tolerances, for metrics that no table uses."""


def checks() -> tuple[Check, ...]:
    """Return every check of the tables in trust_tests/, once; not those that a run must name a judge for."""
    return tuple(dict.fromkeys(row.check for row in read_tables() if row.check.metric_name not in NAMED))


def bundled() -> tuple[Check, ...]:
    """Return those checks whose samples are bundled."""
    return tuple(check for check in checks() if check.task_name not in _unbundled())


def placed(found: Iterable[Check]) -> list[ParameterSet]:
    """Return (check, source) for pytest: the real files take long, and are for `slow` where something is bundled."""
    cases = []
    for check in found:
        real = pytest.param(check, "real", id=f"real-{check}")
        if check.task_name not in _unbundled():
            cases.append(pytest.param(check, "bundled", id=f"bundled-{check}"))
            real = pytest.param(check, "real", id=f"real-{check}", marks=pytest.mark.slow)
        cases.append(real)
    return cases


@cache
def _unbundled() -> frozenset[str]:
    return frozenset(absent(SOURCES["bundled"]))


def hypothetical(task: str, metric: str) -> Check:
    """Return a row that no table has."""
    exponential = METRICS[metric].exponential
    return Check(task, metric, tolerance=None if exponential else LOOSE, relative=LOOSE if exponential else None)


def rows_of(metric: str, source: str = "bundled") -> list[Check]:
    """Return a row for every task on which right answers have a value of the metric; real: of those not bundled."""
    tasks = TASKS if source == "bundled" else _unbundled()
    rows = (hypothetical(task, metric) for task in tasks)
    return [check for check in rows if has_value(check, source, "oracle") and not _too_many(check, source)]


def _too_many(check: Check, source: str) -> bool:
    groups = {sample.group for sample in asked(check, source)}
    return METRICS[check.metric_name].family == "gap" and len(groups) > MANY


def asked(check: Check, source: str) -> tuple[Sample, ...]:
    """Return the check's samples; the test is skipped where they are not had."""
    if source == "real" and not (SHARED / "data").is_dir():
        pytest.skip("needs ../shared/data, which is not part of a clone")
    if check.task_name in absent(SOURCES[source]):
        pytest.skip(f"{check.task_name}: only who has its files asks for it")
    return find_samples(check, _settings(source))


@cache
def verdict(check: Check, source: str, dense: str, compressed: str, seed: int = 0) -> Verdict:
    """Judge one responder against another; each answers the whole data set, companion included.

    Raises:
        TrustError: they cannot be scored or judged.
    """
    return _verdict(check, source, _answers(check, source, dense, 0), _answers(check, source, compressed, seed))


@cache
def value(check: Check, source: str, responder: str, seed: int = 0) -> float:
    """Return a responder's value as the gate computes it.

    Raises:
        TrustError: it has none.
    """
    return _verdict(check, source, *[_answers(check, source, responder, seed)] * 2).dense


@cache
def has_value(check: Check, source: str, responder: str) -> bool:
    """Return whether the responder can be scored and judged at all."""
    try:
        value(check, source, responder)
    except TrustError:
        return False
    return True


def _verdict(check: Check, source: str, dense: dict[str, Response], compressed: dict[str, Response]) -> Verdict:
    # The session's own rule for companions, not a copy of it.
    session = TrustSession(_settings(source), "run", lambda line: None)
    return session._judge(check, dense, compressed)[0]


def responses(check: Check, source: str, responder: str, seed: int = 0) -> dict[str, Response]:
    """Return what a responder answers to the check's whole data set, marked."""
    return _answers(check, source, responder, seed)


def _answers(check: Check, source: str, responder: str, seed: int) -> dict[str, Response]:
    return _answers_to(find_root(check, _settings(source))[0], source, responder, seed)


@cache
def _answers_to(root: str, source: str, responder: str, seed: int) -> dict[str, Response]:
    task = find_root(Check(root, "accuracy", tolerance=LOOSE), _settings(source))[1]
    if task.generation and task.generation.samples > 2:  # they write the same at every draw: two tell as much as 25
        task = replace(task, generation=replace(task.generation, samples=2))
    return answers(MODELS[responder], task, seed)


def _settings(source: str) -> Settings:
    """Return all that looking up samples takes of the settings."""
    return cast(Settings, SimpleNamespace(source=SOURCES[source], draw=STANDARD, confirm=None))
