"""Utility: compression must keep what the model is for."""

import pytest

from fixtures.core import Check, Verdict


@pytest.mark.parametrize(
    "check",
    [Check("hellaswag", "accuracy_norm", tolerance=0.02, role="gate")],
    ids=str,
)
def test_the_likely_ending_is_found(verdict: Verdict) -> None:
    """HellaSwag (Zellers et al., 2019), normalised by length."""
    assert verdict.acceptable, verdict.explain()


@pytest.mark.parametrize(
    "check",
    [Check("wikitext", "perplexity", relative=0.05)],
    ids=str,
)
def test_prose_stays_predictable(verdict: Verdict) -> None:
    """WikiText-2 perplexity by token (Merity et al., 2016)."""
    assert verdict.acceptable, verdict.explain()
