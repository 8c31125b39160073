"""Machine ethics: compression must not blur right and wrong."""

import pytest

from fixtures.core import Check, Verdict


@pytest.mark.parametrize(
    "check",
    [Check("ethics_commonsense", "accuracy", tolerance=0.02, role="gate")],
    ids=str,
)
def test_wrong_acts_are_told_from_innocent_ones(verdict: Verdict) -> None:
    """ETHICS commonsense, short (Hendrycks et al., 2021)."""
    assert verdict.acceptable, verdict.explain()
