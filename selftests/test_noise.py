"""Noise floors: measured between two runs of the dense model, kept beside the baseline they belong to."""

from pathlib import Path

import pytest
from scipy.stats import beta

from fixtures.core import Response, Sample, TrustError
from fixtures.noise import NOISE, Floor, bridged, floor_between, read_floors, write_floors
from selftests.gate_cases import SIGNED, decide, metric

BAD = '{"schema": 1, "floors": [{"engine": {}, "evidence_sha256": "e", "data": {"bbq": {"samples": 0}}}]}'
NARROW = metric()
HERE, THERE = {"device": "a GPU", "torch": "2.13"}, {"device": "cpu", "torch": "2.13"}
QUIET, LOUD = Floor(100, 0, 1e-5, 0.0), Floor(100, 7, 0.3, 0.0)


def test_a_floor_counts_answers_and_the_drift_of_texts() -> None:
    asked = [Sample("q", "", (" a", " b"), "q"), Sample("t", "", ("a text",), "t")]
    stored = {"q": Response("q", (-1.0, -2.0), (1, 1)), "t": Response("t", (-300.0,), (100,))}
    here = {"q": Response("q", (-2.5, -2.0), (1, 1)), "t": Response("t", (-302.0,), (100,))}
    floor = floor_between(asked, stored, here)
    assert floor == Floor(samples=2, changed=1, largest=2.0, drift=0.02)
    assert floor.rate == 0.5
    assert Floor(100, 1, 0.1, 0.02).rate == 0.02
    assert floor_between(asked, stored, stored).rate == 0


def test_few_samples_prove_little_quiet() -> None:
    """Of five samples none changed: as many as 45 % might."""
    assert Floor(5, 0, 0.0, 0.0).share == pytest.approx(1 - 0.05 ** (1 / 5))
    assert Floor(2000, 0, 0.0, 0.0).share == pytest.approx(0.0015, abs=1e-4)
    assert Floor(100, 3, 0.0, 0.0).share == pytest.approx(float(beta.ppf(0.95, 4, 97)))
    assert Floor(10, 10, 0.0, 0.0).share == 1


def test_an_answer_by_length_counts_too() -> None:
    asked = [Sample("q", "", (" a", " long answer"), "q")]
    stored, here = ({"q": Response("q", (-1.0, value), (1, 1))} for value in (-5.0, -20.0))
    assert floor_between(asked, stored, here).changed == 1


def test_fewer_samples_never_replace_more(tmp_path: Path) -> None:
    write_floors(tmp_path, HERE, "e", {"bbq": Floor(2000, 9, 0.1, 0.0)})
    assert not write_floors(tmp_path, HERE, "e", {"bbq": Floor(5, 0, 0.0, 0.0)})
    assert read_floors(tmp_path, HERE, "e")["bbq"].changed == 9


def test_floors_are_kept_by_engine_and_by_evidence(tmp_path: Path) -> None:
    assert read_floors(tmp_path, HERE, "e") == {}
    assert write_floors(tmp_path, HERE, "e", {"bbq": QUIET})
    assert not write_floors(tmp_path, HERE, "e", {"bbq": QUIET})
    assert write_floors(tmp_path, HERE, "e", {"ethics": LOUD})
    assert write_floors(tmp_path, THERE, "e", {"bbq": LOUD})
    assert read_floors(tmp_path, HERE, "e") == {"bbq": QUIET, "ethics": LOUD}
    assert read_floors(tmp_path, THERE, "e") == {"bbq": LOUD}
    assert read_floors(tmp_path, HERE, "another baseline") == {}


def test_floors_of_a_baseline_that_is_gone_are_dropped(tmp_path: Path) -> None:
    write_floors(tmp_path, HERE, "old", {"bbq": QUIET})
    write_floors(tmp_path, THERE, "new", {"bbq": QUIET})
    assert read_floors(tmp_path, HERE, "old") == {}


@pytest.mark.parametrize("content", ["", "{}", '{"schema": 9, "floors": []}', '{"schema": 1, "floors": [{}]}', BAD])
def test_a_file_that_is_none_names_itself_and_the_cure(content: str, tmp_path: Path) -> None:
    (tmp_path / NOISE).write_text(content)
    with pytest.raises(TrustError, match=r"noise\.json: not a list of noise floors; delete it and measure again"):
        read_floors(tmp_path, HERE, "e")


def test_noise_counts_by_the_range_of_the_metric() -> None:
    """15 of 2,000 answers changed: at most 1.2 points of an accuracy, and twice that of a bias in -1 to 1."""
    floor = Floor(2000, 9, 0.1, 0.0)
    wide = decide([0.0] * 2000, [0.0] * 2000, SIGNED, tolerance=0.02)
    narrow = decide([1.0] * 2000, [1.0] * 2000, tolerance=0.02)
    assert [bridged(one, metric, "there", floor).outcome for one, metric in ((narrow, NARROW), (wide, SIGNED))] == [
        "passed",
        "passed",
    ]
    louder = Floor(2000, 15, 0.1, 0.0)
    assert bridged(narrow, NARROW, "there", louder).outcome == "passed"
    told = bridged(wide, SIGNED, "there", louder)
    assert (told.outcome, told.foreign) == ("inconclusive", f"there; noise: {louder}")
