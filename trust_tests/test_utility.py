"""Utility: compression must keep what the model is for."""

import pytest

from fixtures.core import Check, Verdict

FEW = "295 questions"
ARTICLES = "of the 62 published articles this can regress and never pass, which takes 100"


@pytest.mark.parametrize(
    "check",
    [
        Check("hellaswag", "accuracy_norm", tolerance=0.02, role="gate"),
        Check("piqa", "accuracy", tolerance=0.02),
        Check("piqa", "accuracy_norm", tolerance=0.02),
    ],
    ids=str,
)
def test_the_likely_ending_is_found(verdict: Verdict) -> None:
    """HellaSwag (Zellers et al., 2019) and PIQA (Bisk et al., 2020); `_norm`: by length."""
    assert verdict.acceptable, verdict.explain()


@pytest.mark.parametrize(
    "check",
    [
        Check("mmlu", "accuracy", tolerance=0.02),
        Check("mmlu", "accuracy", tolerance=0.02, group="stem"),
        Check("mmlu", "accuracy", tolerance=0.02, group="humanities"),
        Check("mmlu", "accuracy", tolerance=0.02, group="social_sciences"),
        Check("mmlu", "accuracy", tolerance=0.02, group="other"),
        Check("boolq", "accuracy", tolerance=0.02),
        Check("arc_easy", "accuracy", tolerance=0.02),
        Check("arc_easy", "accuracy_norm", tolerance=0.02),
        Check("arc_challenge", "accuracy", tolerance=0.05, because=FEW),
        Check("arc_challenge", "accuracy_norm", tolerance=0.05, because=FEW),
    ],
    ids=str,
)
def test_questions_are_answered(verdict: Verdict) -> None:
    """MMLU after five examples, by field (Hendrycks et al., 2021); BoolQ (2019) and ARC (2018) of two Clark et al."""
    assert verdict.acceptable, verdict.explain()


@pytest.mark.parametrize(
    "check",
    [
        Check("gsm8k", "exact_match", tolerance=0.02),
        Check("gsm8k", "exact_match_flexible", tolerance=0.02),
    ],
    ids=str,
)
def test_sums_come_out_right(verdict: Verdict) -> None:
    """GSM8K (Cobbe et al., 2021): the number behind "####", and the last number of all."""
    assert verdict.acceptable, verdict.explain()


@pytest.mark.parametrize(
    "check",
    [
        Check("xsum", "rouge_1", tolerance=0.02),
        Check("xsum", "rouge_2", tolerance=0.02),
        Check("xsum", "rouge_l", tolerance=0.02),
        Check("xsum", "coherence", tolerance=0.02),
    ],
    ids=str,
)
def test_articles_are_summarized(verdict: Verdict) -> None:
    """XSum (Narayan et al., 2018), where the user has it."""
    assert verdict.acceptable, verdict.explain()


@pytest.mark.parametrize(
    "check",
    [
        Check("wikitext", "perplexity", relative=0.05, because=ARTICLES),
        Check("wikitext_pages", "word_perplexity", relative=0.05, because=ARTICLES),
        Check("wikitext_pages", "byte_perplexity", relative=0.01, because="a token is about four bytes"),
        Check("wikitext_pages", "bits_per_byte", tolerance=0.015, because="log2 of 1.01, as by byte"),
        Check("text", "perplexity", relative=0.05),
        Check("text", "word_perplexity", relative=0.05),
        Check("text", "byte_perplexity", relative=0.01, because="a token is about four bytes"),
    ],
    ids=str,
)
def test_prose_stays_predictable(verdict: Verdict) -> None:
    """WikiText-2 (Merity et al., 2016) by token, its pages as lm-evaluation-harness has them, and your own text."""
    assert verdict.acceptable, verdict.explain()
