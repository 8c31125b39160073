"""The decision, from the worst outcome down."""

from typing import Any

import pytest

from fixtures.policy import decide, unmet, worst


def _row(outcome: str, role: str = "gate") -> dict[str, str]:
    return {"outcome": outcome, "role": role, "check": f"mine-{outcome}"}


@pytest.mark.parametrize(
    ("rows", "errors", "decision"),
    [
        ([_row("passed")], 0, "ship"),
        ([_row("passed"), _row("inconclusive", "watch"), _row("uninformative", "watch")], 0, "ship"),
        ([_row("passed"), _row("regressed", "watch")], 0, "regressed"),
        ([_row("passed"), _row("inconclusive")], 0, "inconclusive"),
        ([_row("passed"), _row("uninformative")], 0, "inconclusive"),
        ([_row("passed", "watch")], 0, "inconclusive"),
        ([], 0, "inconclusive"),
        ([_row("passed"), _row("regressed")], 1, "broken"),
    ],
)
def test_decision(rows: list[dict[str, str]], errors: int, decision: str) -> None:
    assert decide(rows, errors)[0] == decision


def test_smoke_approves_nothing_and_still_finds_a_regression() -> None:
    assert decide([_row("passed")], 0, tier="smoke")[0] == "inconclusive"
    assert decide([_row("regressed")], 0, tier="smoke")[0] == "regressed"


def test_demo_data_decide_nothing() -> None:
    decision, because = decide([_row("passed")], 0, demo=True)
    assert decision == "inconclusive"
    assert "DEMO DATA" in because


def _waived(row: dict[str, str], *, applied: bool = True) -> dict[str, Any]:
    return {**row, "waiver": {"applied": applied, "expires": "2027-01-31", "owner": "ana"}}


@pytest.mark.parametrize(
    ("rows", "errors", "decision"),
    [
        (
            [_row("passed"), _waived(_row("regressed"))],
            0,
            ("ship", "1 gate check passed, 1 waived: mine-regressed until 2027-01-31 (ana)"),
        ),
        ([_row("passed"), _waived(_row("inconclusive"))], 0, ("ship", "1 waived: mine-inconclusive until")),
        ([_row("passed"), _waived(_row("regressed", "watch"))], 0, ("ship", "1 gate check passed, 1 waived")),
        ([_row("passed"), _waived(_row("regressed"), applied=False)], 0, ("regressed", "1 check regressed")),
        ([_waived(_row("regressed"))], 1, ("broken", "1 check could not be measured")),
        (
            [_waived(_row("regressed")), _row("passed"), _row("inconclusive")],
            0,
            ("inconclusive", "1 of 3 gate checks passed: mine-inconclusive inconclusive; 1 waived: mine-regressed"),
        ),
        ([_waived(_row("regressed", "watch"))], 0, ("inconclusive", "no gate check was selected")),
    ],
)
def test_what_is_waived_is_accepted_and_said(
    rows: list[dict[str, Any]], errors: int, decision: tuple[str, str]
) -> None:
    found = decide(rows, errors)
    assert found[0] == decision[0]
    assert decision[1] in found[1]


def test_smoke_approves_nothing_that_is_waived_either() -> None:
    assert decide([_waived(_row("regressed"))], 0, tier="smoke")[0] == "inconclusive"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({**_row("passed"), "dimension": "utility"}, ""),
        (_waived({**_row("regressed"), "dimension": "utility"}), ""),
        ({**_row("inconclusive"), "dimension": "utility"}, ""),
        ({**_row("uninformative"), "dimension": "utility"}, "required dimension utility is uninformative"),
        ({**_row("passed", "watch"), "dimension": "utility"}, "required dimension utility is not measured by a gate"),
        ({**_row("passed"), "dimension": "harm"}, "required dimension utility is not measured by a gate check"),
    ],
)
def test_a_required_dimension_has_a_verdict_or_nothing_is_approved(row: dict[str, Any], reason: str) -> None:
    assert reason in "".join(unmet([row], ["utility"]))
    if reason:
        decision, because = decide([row], 0, required=["utility"])
        assert decision == "inconclusive"
        assert reason in because
    else:
        assert not unmet([row], ["utility"])


def test_one_bad_release_among_several_decides() -> None:
    assert worst(["ship", "inconclusive", "regressed"]) == "regressed"
    assert worst(["ship", "ship"]) == "ship"
    assert worst([]) == "inconclusive"
