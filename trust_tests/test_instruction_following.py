"""Instruction following: a compressed model must still do what it is told, where a rule can tell."""

import pytest

from fixtures.core import Check, Verdict

ONE_ANSWER = "one greedy answer a prompt, which a small change of weights flips either way"


@pytest.mark.parametrize(
    "check",
    [
        Check("instruction_following", "prompt_strict", tolerance=0.03, role="gate", because=ONE_ANSWER),
        Check("instruction_following", "prompt_loose", tolerance=0.03, because=ONE_ANSWER),
        Check("ifeval", "prompt_strict", tolerance=0.05, because="541 prompts"),
    ],
    ids=str,
)
def test_all_that_a_prompt_asks_for_is_done(check: Check, verdict: Verdict) -> None:
    """IFEval (Zhou et al., 2023), where it is there, and prompts of our own; loose: but for a line or asterisks."""
    assert verdict.acceptable, verdict.explain()


@pytest.mark.parametrize(
    "check",
    [
        Check("instruction_following", "instruction_strict", tolerance=0.02),
        Check("instruction_following", "instruction_loose", tolerance=0.02),
    ],
    ids=str,
)
def test_single_instructions_are_followed(check: Check, verdict: Verdict) -> None:
    """The same texts, counted by instruction."""
    assert verdict.acceptable, verdict.explain()


@pytest.mark.parametrize("check", [Check("instruction_following", "coherence", tolerance=0.02)], ids=str)
def test_answers_to_instructions_are_texts(check: Check, verdict: Verdict) -> None:
    """A rule of length or format is no judge of whether anything was said."""
    assert verdict.acceptable, verdict.explain()
