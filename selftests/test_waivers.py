"""--waivers: when an entry applies, and every way in which the file can be wrong."""

from dataclasses import replace
from datetime import date
from math import inf, nan
from pathlib import Path

import pytest

from fixtures.core import Check, TrustError, Verdict
from fixtures.tables import TableRow
from fixtures.waivers import Waivers, read_waivers
from selftests.test_explain import VERDICT

ROWS = (
    TableRow("test_harm.py", "test_a", Check("bbq", "accuracy", tolerance=0.02, role="gate")),
    TableRow("test_harm.py", "TestB::test_b", Check("bbq", "accuracy", tolerance=0.02)),
)
TEST = "test_harm.py::test_a[rtn-4bit-bbq-accuracy]"
TODAY = date(2027, 1, 31)


def entry(test: str = TEST, **changes: str) -> str:
    keys = {
        "test": f'"{test}"',
        "reason": '"drafts only"',
        "owner": '"ana"',
        "expires": "2027-01-31",
        "max_loss": "0.05",
        **changes,
    }
    return "[[waiver]]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items() if value)


def read(tmp_path: Path, text: str, *, complete: bool = True) -> Waivers:
    (tmp_path / "waivers.toml").write_text(text)
    return read_waivers(tmp_path / "waivers.toml", ROWS, ("rtn-4bit", "dense"), complete=complete)


def lost(loss: float = 0.04, **changes: object) -> Verdict:
    return replace(VERDICT, loss=loss, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("outcome", ["regressed", "inconclusive"])
@pytest.mark.parametrize("role", ["gate", "watch"])
def test_it_applies_to_regressed_and_inconclusive_alike(tmp_path: Path, outcome: str, role: str) -> None:
    verdict = lost(outcome=outcome, check=replace(VERDICT.check, role=role))  # type: ignore[arg-type]
    ruling = read(tmp_path, entry()).ruling(TEST, verdict, TODAY)
    assert ruling is not None
    assert ruling.row == {
        "reason": "drafts only",
        "owner": "ana",
        "expires": "2027-01-31",
        "max_loss": 0.05,
        "applied": True,
        "why_not": "",
    }
    assert ruling.line == "  waiver     until 2027-01-31 by ana: drafts only"


@pytest.mark.parametrize(
    ("judged", "today", "why_not"),
    [
        (lost(), date(2027, 2, 1), "it expired on 2027-01-31"),
        (lost(0.05), TODAY, ""),
        (lost(0.0500001), TODAY, "loss 0.0500001 is above max_loss 0.0500000"),
        (lost(inf), TODAY, "loss inf is above max_loss 0.0500"),
        (lost(nan), TODAY, "loss nan is above max_loss 0.0500"),
        (lost(outcome="passed"), TODAY, "the verdict is passed, it is not needed"),
        (lost(outcome="uninformative"), TODAY, "an uninformative verdict cannot be waived"),
        (
            lost(outcome="uninformative", check=Check("bbq", "accuracy", tolerance=0.02)),
            TODAY,
            "the verdict is uninformative, it is not needed",
        ),
    ],
)
def test_why_it_does_not_apply(tmp_path: Path, judged: Verdict, today: date, why_not: str) -> None:
    ruling = read(tmp_path, entry()).ruling(TEST, judged, today)
    assert ruling is not None
    assert (ruling.why_not, ruling.applied) == (why_not, not why_not)
    if why_not:
        assert ruling.line == f"  waiver     not applied: {why_not} (owner ana)"


def test_another_test_has_no_ruling(tmp_path: Path) -> None:
    assert read(tmp_path, entry()).ruling("test_harm.py::test_a[dense-bbq-accuracy]", lost(), TODAY) is None
    assert Waivers().ruling(TEST, lost(), TODAY) is None


def test_an_entry_for_a_method_that_is_not_in_this_run_is_not_in_play(tmp_path: Path) -> None:
    other = "test_harm.py::TestB::test_b[mine-bbq-accuracy]"
    waivers = read(tmp_path, entry() + entry(other))
    assert list(waivers.in_play) == [TEST]
    assert waivers.entries == 2
    assert read(tmp_path, "").entries == 0


def test_repeating_one_test_leaves_out_files_that_are_not_named(tmp_path: Path) -> None:
    assert not read(tmp_path, entry("test_theirs.py::test_x[dense-y-z]"), complete=False).in_play
    with pytest.raises(TrustError, match="unknown test"):
        read(tmp_path, entry("test_harm.py::test_x[dense-y-z]"), complete=False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            entry("test_harm.py::test_a[rtn-4bit-bqb-accuracy]"),
            f"waiver 1: unknown test 'test_harm.py::test_a[rtn-4bit-bqb-accuracy]'. Did you mean '{TEST}'?",
        ),
        (entry(f"trust_tests/{TEST}"), f"Did you mean '{TEST}'?"),
        (entry("test_harm.py::test_a[-bbq-accuracy]"), "waiver 1: unknown test"),
        (entry() + entry(), "waiver 2: waiver 1 names the same test; keep one of them"),
        (entry(until="2027-01-01"), "waiver 1: unknown key 'until'. Known: expires, max_loss, owner, reason, test."),
        *((entry(**{key: ""}), f"waiver 1: {key} is missing; state it") for key in ("reason", "owner", "expires")),
        (entry(max_loss=""), "waiver 1: max_loss is missing; state it"),
        ("[[waiver]]\nexpires = 2027-01-31", "waiver 1: test is missing; state it"),
        *((entry(**{key: '""'}), f"waiver 1: {key} = '': write one line") for key in ("reason", "owner")),
        (entry(owner="3"), "waiver 1: owner = 3: write one line of text"),
        (entry(expires='"2027-01-31"'), "waiver 1: expires = '2027-01-31': write a date without quotes"),
        (entry(expires="2027-01-31T10:00:00"), "write a date without quotes, as in expires = 2027-01-31"),
        (entry(expires="2027-02-31"), "waivers.toml: is not TOML: "),
        *((entry(max_loss=value), "give a number above 0") for value in ("0", "-1", "inf", "nan", "true", '"0.1"')),
        ("[waiver]\nowner = 'ana'", "waivers.toml: write each entry as [[waiver]], in double brackets"),
        ("waiver = [3]", "waiver 1: write a table, not 3"),
        ("[[waivers]]", "waivers.toml: unknown key 'waivers'. Did you mean 'waiver'?"),
    ],
)
def test_what_is_wrong_with_the_file_is_said_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TrustError) as error:
        read(tmp_path, text)
    assert message in str(error.value)
    assert "waivers.toml" in str(error.value)
    assert "\n" not in str(error.value)
