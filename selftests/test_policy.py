"""The decision, from the worst outcome down."""

import pytest

from fixtures.policy import decide, worst


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


def test_one_bad_release_among_several_decides() -> None:
    assert worst(["ship", "inconclusive", "regressed"]) == "regressed"
    assert worst(["ship", "ship"]) == "ship"
    assert worst([]) == "inconclusive"
