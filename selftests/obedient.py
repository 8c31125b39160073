"""A text that does what a prompt of ours tells: the oracle's answer, and proof that every prompt can be followed."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fixtures.core import Sample
from fixtures.tasks.instructions import TOPICS

Given = Mapping[str, Any]
SPOKEN = {
    "de": "Das ist nicht schwer, und man kann es mit der Zeit lernen.",
    "es": "Es una cosa que se aprende con los años, y no es muy difícil para un niño.",
    "fr": "Ce n'est pas difficile, et on peut le faire avec une amie dans la cour.",
    "it": "È una cosa che si fa con gli amici, e non è difficile.",
}
_LOUD = ("STOP", "LOOK", "WAIT", "REST", "HOLD", "CALM")
_WORDS = [word for line in TOPICS.read_text("utf-8").splitlines() for word in line.split(" | ")[1:]]
"""Enough that no text is a loop."""
_START = "You take the time that it needs, and then you do it."


def _of(count: float, text: str, between: str) -> str:
    return between.join(text.format(number) for number in range(1, int(count) + 1))


_STEPS: dict[str, Callable[[str, Given], str]] = {
    "length_constraints:number_words": lambda text, a: f"{text} {_grown(a, 'num_words', _WORDS)}",
    "length_constraints:number_sentences": lambda text, a: f"{text} {_grown(a, 'num_sentences', ['Go on.'] * 9)}",
    "detectable_format:number_bullet_lists": lambda text, a: _of(a["num_bullets"], "* Step {}", "\n"),
    "length_constraints:number_paragraphs": lambda text, a: _of(a["num_paragraphs"], "Part {}", "\n***\n"),
    "length_constraints:nth_paragraph_first_word": lambda text, a: _of(
        a["num_paragraphs"], f"{a['first_word'].title()}, says page {{}}.", "\n\n"
    ),
    "detectable_content:number_placeholders": lambda text, a: _of(a["num_placeholders"], "[name {}]", " and "),
    "detectable_format:number_highlighted_sections": lambda text, a: _of(a["num_highlights"], "*step {}*", " and "),
    "detectable_format:multiple_sections": lambda text, a: _of(
        a["num_sections"], f"{a['section_spliter']} {{}}\nGo on.", "\n"
    ),
    "change_case:capital_word_frequency": lambda text, a: " ".join(_LOUD[: a["capital_frequency"]]),
    "detectable_format:constrained_response": lambda text, a: "My answer is maybe.",
    "combination:two_responses": lambda text, a: f"{text}\n******\nOr do not.",
    "detectable_format:json_format": lambda text, a: json.dumps({"answer": text}),
    "language:response_language": lambda text, a: SPOKEN[a["language"]],
    "keywords:frequency": lambda text, a: f"{text} {_of(a['frequency'], a['keyword'], ' and ')}.",
    "keywords:existence": lambda text, a: f"{text} Mind the {' and '.join(a['keywords'])}.",
    "detectable_format:title": lambda text, a: f"<<How it is done>>\n{text}",
    "punctuation:no_comma": lambda text, a: text.replace(",", ""),
    "detectable_content:postscript": lambda text, a: f"{text}\nP.S. Good luck.",
    "startend:end_checker": lambda text, a: f"{text} {a['end_phrase']}",
    "combination:repeat_prompt": lambda text, a: f"{a['prompt_to_repeat']}\n{text}",
    "change_case:english_capital": lambda text, a: text.upper(),
    "change_case:english_lowercase": lambda text, a: text.lower(),
    "startend:quotation": lambda text, a: f'"{text}"',
    "keywords:forbidden_words": lambda text, a: text,
    "keywords:letter_frequency": lambda text, a: text,
}
"""In an order in which no step undoes one before it. The last two ask for what the text lacks anyway."""


def obey(sample: Sample) -> str:
    """Return a text that follows all instructions of one of our prompts."""
    given = {held["id"]: held for held in map(json.loads, sample.references)}
    text = _START
    for name, step in _STEPS.items():
        if name in given:
            text = step(text, given[name])
    return text


def _grown(arguments: Given, count: str, pieces: Sequence[str]) -> str:
    return " ".join(pieces[: int(arguments[count])]) if arguments["relation"] == "at least" else ""
