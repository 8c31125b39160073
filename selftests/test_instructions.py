"""The rules of verifiable instructions: what follows each and what does not, and lm-evaluation-harness's verdicts."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scorer_quality import languages
from fixtures.core import Response, Sample, TrustError
from fixtures.metrics import METRICS
from fixtures.scorers.instructions import (
    followed,
    instruction_loose,
    instruction_strict,
    prompt_loose,
    prompt_strict,
    written,
)
from fixtures.scorers.instructions.languages import LANGUAGES, language
from fixtures.scorers.instructions.rules import INSTRUCTIONS, sentences
from fixtures.scorers.rules.reading import Reading
from fixtures.scorers.table import RULES

SENTENCES = Path(__file__).with_name("spoken.tsv")
CASES: list[tuple[str, dict[str, Any], str, str]] = [
    # (instruction, its arguments, a text that follows it, one that does not)
    ("change_case:capital_word_frequency", {"capital_frequency": 2, "capital_relation": "at least"}, "GO, GO", "GO on"),
    ("change_case:capital_word_frequency", {"capital_frequency": 2, "capital_relation": "less than"}, "A b", "A-B I"),
    ("change_case:english_capital", {}, "THIS IS IT, 7!", "THIS IS It"),
    ("change_case:english_capital", {}, "STOP", "DAS IST NICHT DER WEG"),
    ("change_case:english_lowercase", {}, "this is it, 7!", "This is it"),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say it. "}, " say it. Here: so.", "So. Say it."),
    ("combination:two_responses", {}, "One.\n******\nTwo.******", "One. ****** One."),
    ("combination:two_responses", {}, "******a******b", "a******b******c"),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[a] and [b c]", "[a] and [b"),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "Bye. p. s. Write!", "Bye. PS Write!"),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "Bye. P.P.S. Write!", "P.S. Write!"),
    ("detectable_content:postscript", {"postscript_marker": "N.B."}, "n.b. Write!", "nab Write!"),
    ("detectable_format:constrained_response", {}, "Well. My answer is maybe.", "my answer is no."),
    ("detectable_format:json_format", {}, '```json\n{"a": [1]}\n```', '{"a": 1} So.'),
    ("detectable_format:json_format", {}, " [] ", "{'a': 1}"),
    ("detectable_format:multiple_sections", {"section_spliter": "PART", "num_sections": 2}, "PART 1 PART2", "Part 1"),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "So:\n* a\n  - b", "* a\n* b\n* c"),
    ("detectable_format:number_bullet_lists", {"num_bullets": 1}, "* a", "** a **"),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "*a* **b c**", "*a* **"),
    ("detectable_format:title", {}, "<<On tea>> Boil it.", "<< >> <On tea>"),
    ("keywords:existence", {"keywords": ["tea", "pot"]}, "A TEApot.", "A tea."),
    ("keywords:forbidden_words", {"forbidden_words": ["tea"]}, "A teapot.", "Some Tea."),
    ("keywords:frequency", {"keyword": "tea", "frequency": 2, "relation": "at least"}, "Tea, teapot", "tea"),
    ("keywords:frequency", {"keyword": "tea", "frequency": 2, "relation": "less than"}, "tea", "tea tea"),
    ("keywords:letter_frequency", {"letter": "T", "let_frequency": 2, "let_relation": "at least"}, "Tot", "to"),
    ("keywords:letter_frequency", {"letter": "!", "let_frequency": 1, "let_relation": "less than"}, "a", "a!"),
    ("language:response_language", {"language": "de"}, "Das ist nicht der Weg.", "This is not the way."),
    ("language:response_language", {"language": "kn"}, "ನಾನು ಮನೆಗೆ ಹೋಗುತ್ತೇನೆ.", "I go home."),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "tea"},
        'So.\n\n"Tea, always."',
        "So.\n\nMore tea.",
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 1, "first_word": "tea"},
        "tea\n\nso",
        "tea\n\nso\n\nno",
    ),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "***a\n***\nb***", "a *** b *** c"),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a***b", "a***\n***b"),
    ("length_constraints:number_sentences", {"num_sentences": 2, "relation": "at least"}, "Go. Stop!", "Mr. Ott went."),
    ("length_constraints:number_sentences", {"num_sentences": 2, "relation": "less than"}, "It cost 3.50.", "Go. Go."),
    ("length_constraints:number_words", {"num_words": 3, "relation": "at least"}, "one two-three", "one two"),
    ("length_constraints:number_words", {"num_words": 3, "relation": "less than"}, "one two", "one, two, three"),
    ("punctuation:no_comma", {}, "a; b", "a, b"),
    ("startend:end_checker", {"end_phrase": "The end."}, 'So. "the END."', "The end. So"),
    ("startend:quotation", {}, ' "a" ', '"a" b'),
    ("startend:quotation", {}, '""', '"'),
]
LIBRARIES = {  # what the released code asks NLTK and langdetect for, which are not here
    "change_case:capital_word_frequency",
    "change_case:english_capital",
    "change_case:english_lowercase",
    "language:response_language",
    "length_constraints:number_sentences",
}
# It also draws a letter at random in the place of one that is none, such as "!".
ALIKE = [
    (name, arguments)
    for name, arguments, *_ in CASES
    if name not in LIBRARIES and str(arguments.get("letter", "a")).isalpha()
]


def sample(*instructions: tuple[str, dict[str, Any]]) -> Sample:
    return Sample("s", "Go on.", (), "s", references=tuple(written(*instruction) for instruction in instructions))


def test_every_instruction_of_ifeval_is_tried() -> None:
    assert {name for name, *_ in CASES} == INSTRUCTIONS.keys()
    assert len(INSTRUCTIONS) == 25


@pytest.mark.parametrize(("name", "arguments", "follows", "fails"), CASES)
def test_a_text_follows_or_does_not(name: str, arguments: dict[str, Any], follows: str, fails: str) -> None:
    asked = sample((name, arguments))
    assert followed(follows, asked) == (True,)
    assert followed(fails, asked) == (False,)
    assert followed(" \n", asked) == followed("", asked, loose=True) == (False,)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two? Three!", 3),
        ("one. two. and a rest", 3),
        ('He said "Go!" and went.', 1 + 1),
        ("Dr. B. Ott, e.g. at 3.50 a piece, came.", 1),
        ("1. First.\n2. Second.", 2),
        ("In 1990. Then.", 2),
        ("Wait... what?!", 2),
        ("一つ。二つ。", 2),
        ("...", 0),
    ],
)
def test_sentences_are_counted(text: str, count: int) -> None:
    assert sentences(text) == count


@given(st.lists(st.sampled_from(["Go on.", "Is it?", "No!", "Tea is hot."]), max_size=9))
def test_sentences_add_up(said: list[str]) -> None:
    assert sentences(" ".join(said)) == len(said)


@given(st.text(max_size=80), st.integers(0, 12))
def test_less_than_and_at_least_are_opposites(text: str, number: int) -> None:
    for name, count, relation in (
        ("length_constraints:number_words", "num_words", "relation"),
        ("length_constraints:number_sentences", "num_sentences", "relation"),
        ("change_case:capital_word_frequency", "capital_frequency", "capital_relation"),
    ):
        both = sample(*((name, {count: number, relation: held}) for held in ("less than", "at least")))
        assert sum(followed(text, both)) == bool(text.strip())


@given(st.text(alphabet=st.sampled_from("a*\n, \"'<>[]1."), max_size=60))
def test_whatever_is_followed_strictly_is_followed_loosely(text: str) -> None:
    asked = sample(*((name, arguments) for name, arguments, *_ in CASES))
    strict, loose = followed(text, asked), followed(text, asked, loose=True)
    assert all(one <= other for one, other in zip(strict, loose, strict=True))


def test_loose_overlooks_a_line_and_asterisks() -> None:
    asked = sample(("startend:quotation", {}), ("punctuation:no_comma", {}))
    text = 'Sure, here it is:\n**"tea"**\nBye'
    reading = Reading(text, asked, True, ())
    assert followed(text, asked) == (False, False)
    assert (prompt_strict(reading), instruction_strict(reading)) == (0.0, 0.0)
    assert (prompt_loose(reading), instruction_loose(reading)) == (1.0, 1.0)


SPOKEN = dict(line.split("\t") for line in SENTENCES.read_text("utf-8").splitlines())
"""Every language of IFEval, in sentences of our own."""


@pytest.mark.parametrize("code", SPOKEN)
def test_a_language_is_told_from_the_others(code: str) -> None:
    assert language(SPOKEN[code]) == code
    assert language(SPOKEN[code].upper()) == code


def test_what_the_table_states_of_languages_was_measured() -> None:
    ours = [(code, text) for code, texts in languages().items() if code in LANGUAGES for text in texts]
    named = [(code, found) for code, text in ours if (found := language(text))]
    right = sum(code == found for code, found in named)
    stated = f"of {len(ours)} single sentences of ours in {len({code for code, _ in ours})} languages it names"
    quality = next(rule.quality for rule in RULES if rule.mark == "prompt_strict")
    assert f"{stated} {right} rightly and {len(named) - right} wrongly" in quality


def test_nothing_is_no_language() -> None:
    assert language("7 - 3 = 4") is None
    assert language("Zyx wvu") is None


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("punctuation:no_coma", {}, "no instruction 'punctuation:no_coma'"),
        ("punctuation:no_comma", {"n": 1}, "takes no argument; look at 'n'"),
        ("keywords:existence", {}, "takes keywords; look at 'keywords'"),
        ("keywords:existence", {"keywords": []}, r"keywords cannot be \[\]"),
        ("keywords:existence", {"keywords": "tea"}, "keywords cannot be 'tea'"),
        ("detectable_format:number_bullet_lists", {"num_bullets": 2.5}, "num_bullets cannot be 2.5"),
        ("detectable_format:number_bullet_lists", {"num_bullets": True}, "num_bullets cannot be True"),
        ("length_constraints:number_words", {"num_words": 3, "relation": "about"}, "relation cannot be 'about'"),
        ("language:response_language", {"language": "xx"}, "language cannot be 'xx'"),
        (
            "keywords:letter_frequency",
            {"letter": "ab", "let_frequency": 1, "let_relation": "at least"},
            "letter cannot be 'ab'",
        ),
    ],
)
def test_what_is_no_instruction_is_refused(name: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        written(name, arguments)


def test_arguments_that_are_none_were_not_given() -> None:
    assert written("startend:quotation", {"num_words": None}) == '{"id": "startend:quotation"}'


def test_a_sample_without_instructions_is_no_number() -> None:
    with pytest.raises(TrustError, match="sample s: no instructions to hold its answer against"):
        prompt_strict(Reading("a", Sample("s", "", (), "c"), True, ()))


def test_a_prompt_weighs_as_many_instructions_as_it_gives() -> None:
    asked = sample(("startend:quotation", {}), ("punctuation:no_comma", {}), ("detectable_format:title", {}))
    marks = {"prompt_strict": (1.0, 0.0), "instruction_strict": (1.0, 1 / 3)}
    response = Response("s", tokens=(1, 1), texts=("a", "b"), finished=(True,) * 2, digests=("a", "b"), marks=marks)
    assert METRICS["prompt_strict"].score(asked, response) == (1.0, 2.0)
    assert METRICS["instruction_strict"].score(asked, response) == pytest.approx((4.0, 6.0))


def test_chance_is_what_any_plain_answer_follows() -> None:
    def chances(*names: str) -> list[float | None]:
        asked = sample(*((name, {}) for name in names))
        return [chance(asked) for name in ("prompt_strict", "instruction_strict") if (chance := METRICS[name].chance)]

    assert chances("punctuation:no_comma", "change_case:english_lowercase") == [1.0, 1.0]
    assert chances("punctuation:no_comma", "detectable_format:title") == [0.0, 0.5]


@pytest.fixture(scope="module")
def harness() -> Iterator[Callable[[dict[str, Any], str], dict[str, Any]]]:
    """Return lm-evaluation-harness's `process_results`, without the libraries that it asks for the other rules."""
    nltk = pytest.importorskip("nltk")
    pytest.importorskip("lm_eval")
    stubs = {name: ModuleType(name) for name in ("langdetect", "immutabledict")}
    stubs["immutabledict"].immutabledict = dict  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        for name, stub in stubs.items():
            patch.setitem(sys.modules, name, stub)
        patch.setattr(nltk.data, "find", lambda name: name)
        from lm_eval.tasks.ifeval.utils import process_results

        yield process_results


PIECES = st.sampled_from(
    [
        *(
            "* a\n",
            "- b\n",
            "*",
            "***",
            "******",
            "\n",
            "\n\n",
            "<<t>>",
            "<<",
            ">>",
            "P.S. ",
            "p. p. s",
            "n.b.",
            "[x]",
            "[",
        ),
        *("*hi*", "**yo**", "PART 1", "PART2", "```json\n", "```", "{}", '{"a": 1}', '"', "'", ",", " ", "tea", "Tea "),
        *("pot", "My answer is no.", "T", "t", "!", "Say it.", "The end.", "one two ", "1"),
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_the_harness_says_the_same(harness: Callable[..., dict[str, Any]], text: str) -> None:
    names, arguments = zip(*ALIKE, strict=True)
    theirs = harness({"key": 1, "prompt": "Go on.", "instruction_id_list": names, "kwargs": arguments}, [text])
    asked = sample(*ALIKE)
    assert list(followed(text, asked)) == theirs["inst_level_strict_acc"]
    assert list(followed(text, asked, loose=True)) == theirs["inst_level_loose_acc"]
    assert all(followed(text, asked)) == theirs["prompt_level_strict_acc"]


def test_instructions_are_held_as_json() -> None:
    assert json.loads(written("keywords:existence", {"keywords": ["thé"]})) == {
        "id": "keywords:existence",
        "keywords": ["thé"],
    }
