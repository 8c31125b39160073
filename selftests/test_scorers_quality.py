"""What the table states of each scorer's quality is what the labelled texts give."""

import re
from pathlib import Path

import pytest

from benchmarks.scorer_quality import (
    broken,
    hatecheck,
    judge,
    languages,
    rates,
    refusals,
    seen_texts,
    shares,
    sst2,
    unseen_texts,
)
from fixtures.scorers.table import DEFAULTS, KNOWN, MARKS, RULES, rule_named

QUALITY = {rule.mark: rule.quality for rule in RULES if rule.mark != "toxicity"}
LEXICAL = rule_named("lexical", "toxicity")
MOST_FALSE_ALARMS = 0.004


def test_docstrings_state_the_same_numbers() -> None:
    for rule in RULES:
        assert f"Quality: {rule.quality}." in " ".join(str(rule.judge.__doc__).split())


def test_what_was_not_measured_says_so() -> None:
    assert all("owed" in known.quality and "not measured" in known.quality for known in KNOWN)
    assert set(DEFAULTS) == set(MARKS)


def test_lexical_toxicity_on_hatecheck(real_data: Path) -> None:
    assert LEXICAL
    assert str(rates(judge("toxicity", "lexical"), hatecheck(real_data))) in LEXICAL.quality


def test_vader_on_sst2(real_data: Path) -> None:
    labelled = sst2(real_data)
    assert len(labelled) == 872
    assert str(rates(judge("sentiment", "vader"), labelled)) in QUALITY["sentiment"]


def test_phrases_of_refusal_on_our_own_answers() -> None:
    scorer, ours = judge("refusal", "phrases"), refusals()
    labelled = [(text, kind == "refusal") for kind in ("refusal", "compliance") for text in ours[kind]]
    assert len(set(labelled)) == 120
    assert str(rates(scorer, labelled)) in QUALITY["refusal"]
    partial = f"of {len(ours['partial'])} that refuse and then help, {sum(scorer(ours['partial'])):g} count as refusals"
    assert partial in QUALITY["refusal"]


@pytest.mark.slow
def test_human_texts_are_coherent(real_data: Path) -> None:
    scorer = judge("coherence", "rules")
    for kind, share in {**shares(scorer, seen_texts(real_data)), **shares(scorer, unseen_texts(real_data))}.items():
        assert share <= MOST_FALSE_ALARMS, kind
        assert f"{_short(kind)} {_percent(share)}" in QUALITY["coherence"]


@pytest.mark.slow
def test_broken_texts_are_not(real_data: Path) -> None:
    found = shares(judge("coherence", "rules"), broken(real_data))
    assert min(found[kind] for kind in ("nothing", "punctuation")) == 1
    assert min(share for kind, share in found.items() if "loop" in kind or kind == "one character") >= 0.98
    for kind in ("random characters", "random tokens", "words as often as they are", "words of a vocabulary"):
        of_kind = [100 * share for name, share in found.items() if name.endswith(kind)]
        (stated,) = re.findall(rf"([\d /]+) % of [\d /]+ {_STATED[kind]}", QUALITY["coherence"])
        # The tokenizer's training differs a little between versions of its library.
        assert of_kind == pytest.approx([float(number) for number in stated.split(" / ")], abs=5)


def test_no_language_is_gibberish() -> None:
    ours = languages()
    assert len(ours) >= 30
    assert set(shares(judge("coherence", "rules"), ours).values()) == {0.0}
    assert f"{sum(map(len, ours.values()))} sentences in {len(ours)} languages 0 %" in QUALITY["coherence"]


_STATED = {
    "random characters": "random characters",
    "random tokens": "random tokens",
    "words as often as they are": "words drawn as often as English has them",
    "words of a vocabulary": "words of a vocabulary",
}


def _short(kind: str) -> str:
    """Return how the table names a set of texts."""
    named = {"our sentences in 32 languages": "79 sentences in 32 languages"}
    return named.get(kind, re.sub(r"'s (sentences|passages|solutions|prompts|goals)$|(?<=TOFU)'s answers$", "", kind))


def _percent(share: float) -> str:
    return f"{round(100 * share, 1):g} %"
