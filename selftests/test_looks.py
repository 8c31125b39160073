"""Looks: the same sample size has the same number, a new one after an unsettled result a higher one."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.core import TrustError
from fixtures.gate.floor import levels
from fixtures.looks import Looks, read_earlier

OUTCOMES = st.sampled_from(["passed", "regressed", "inconclusive", "uninformative"])


def row(asked: int, outcome: str, look: int, test: str = "t", artefact: str = "a") -> dict[str, object]:
    return {
        "test": test,
        "artefact_sha256": artefact,
        "samples_sha256": f"{asked} samples",
        "asked": asked,
        "look": look,
        "outcome": outcome,
    }


def test_a_larger_sample_after_an_inconclusive_one_is_a_second_look() -> None:
    looks = Looks().after([row(500, "inconclusive", 1)])
    assert looks.number("t", "a", "2000 samples") == 2
    assert looks.after([row(2000, "inconclusive", 2)]).number("t", "a", "5000 samples") == 3


def test_a_rerun_is_no_new_look() -> None:
    looks = Looks().after([row(500, "inconclusive", 1)]).after([row(2000, "passed", 2)])
    assert (looks.number("t", "a", "500 samples"), looks.number("t", "a", "2000 samples")) == (1, 2)


def test_going_back_to_a_smaller_sample_is_a_look_too() -> None:
    assert Looks().after([row(2000, "regressed", 1)]).number("t", "a", "500 samples") == 2


def test_other_samples_of_the_same_number_are_a_look_too() -> None:
    assert Looks().after([row(500, "inconclusive", 1)]).number("t", "a", "500 others") == 2


def test_a_pass_is_no_reason_to_be_stricter() -> None:
    assert Looks().after([row(500, "passed", 1)]).number("t", "a", "2000 samples") == 1


def test_another_artefact_or_test_starts_anew() -> None:
    looks = Looks().after([row(500, "inconclusive", 1)])
    assert looks.number("t", "b", "2000 samples") == looks.number("u", "a", "2000 samples") == 1


def test_tests_that_did_not_run_keep_their_looks() -> None:
    looks = Looks().after([row(500, "inconclusive", 1), row(500, "inconclusive", 1, test="u")])
    assert looks.after([row(2000, "passed", 2)]).number("u", "a", "2000 samples") == 2


@given(st.lists(st.tuples(st.integers(1, 9), OUTCOMES), max_size=8))
def test_all_looks_together_keep_their_levels(runs: list[tuple[int, str]]) -> None:
    looks, seen = Looks(), set()
    for asked, outcome in runs:
        number = looks.number("t", "a", f"{asked} samples")
        looks = looks.after([row(asked, outcome, number)])
        seen.add((asked, number))
    assert len(seen) == len({asked for asked, _ in runs})
    unsettled = {look.look for look in looks.looks if look.outcome in ("inconclusive", "regressed")}
    assert sum(levels(look).passing for look in unsettled) <= 0.0625
    assert sum(levels(look).regress for look in unsettled) <= 0.0125


def test_they_are_read_back_from_results(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    assert read_earlier(path).looks.looks == ()
    looks = Looks().after([row(500, "inconclusive", 1)])
    path.write_text(json.dumps({"decision": "ship", "looks": looks.rows, "verdicts": [], "provenance": {}}))
    assert read_earlier(path).looks == looks
    path.write_text(json.dumps({"decision": "ship", "verdicts": []}))
    assert read_earlier(path).looks.looks == ()


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"looks": [{"n": 1}], "verdicts": []}', '{"looks": 3}', '{"looks": [], "verdicts": [1]}'],
)
def test_an_unreadable_file_is_no_first_look(content: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(TrustError, match=r"results\.json: not a results\.json of this suite; delete it"):
        read_earlier(path)
