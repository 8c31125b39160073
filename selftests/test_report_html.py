"""report.html: everything is there, nothing a model or a person wrote is markup, and it stays small and quick."""

import copy
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

from fixtures.report.html import render
from fixtures.report.judged import anchor, in_tolerances
from fixtures.report.plots import stretch
from fixtures.report.reading import passage, visible
from selftests.documents import hostile
from selftests.hostile import HOSTILE, HUGE
from selftests.report_documents import large

SECTIONS = (
    "decision", "not-judged", "run", "matrix", "checks", "trade-off", "groups", "flips", "margins", "methods",
    "compression", "waivers", "errors", "provenance", "rerun",
)  # fmt: skip

Row = dict[str, Any]


class Page(HTMLParser):
    """What a browser would make of the page: its elements, attributes and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def markup(self) -> set[tuple[str, str]]:
        """Every pair of an element and one of its attributes."""
        return {(tag, name) for tag, attributes in self.elements for name in ("", *attributes)}

    @property
    def ids(self) -> list[str]:
        return [str(attributes["id"]) for _, attributes in self.elements if "id" in attributes]

    def values(self, name: str) -> Iterator[str]:
        return (str(attributes[name]) for _, attributes in self.elements if name in attributes)


def flipped(text: str, *, sensitive: bool = False) -> Row:
    """Return the hostile document in which every answer flips too."""
    found = hostile(text)
    samples = copy.deepcopy(found["samples"])
    for part in samples:
        part["sensitive"] = sensitive
        part["compressed"] = {
            method: {name: [-3.0, -0.1] for name in asked} for method, asked in part["compressed"].items()
        }
    return {**found, "samples": samples}


@pytest.fixture(scope="module")
def harmless() -> set[tuple[str, str]]:
    """Elements and attributes of a page whose texts are plain words."""
    return Page(render(flipped("plain_words"))).markup


@pytest.mark.parametrize("text", [*HOSTILE, HUGE], ids=lambda text: ascii(text)[:40])
def test_no_text_becomes_markup(text: str, harmless: set[tuple[str, str]]) -> None:
    page = render(flipped(text))
    seen = Page(page)
    # A reader sees fewer elements where a text is empty, and never another one.
    assert seen.markup <= harmless
    assert sum(tag == "script" for tag, _ in seen.elements) == 1
    assert all(value.startswith("#") for name in ("href", "xlink:href") for value in seen.values(name))
    assert not any(name.startswith("on") or name in ("src", "srcdoc", "action") for _, name in seen.markup)
    assert page == visible(page), "a character that hides or reorders is left"
    page.encode()


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.strip()], ids=lambda text: ascii(text)[:40])
def test_a_text_can_be_read_as_it_is(text: str) -> None:
    shown = visible(text).strip()
    assert any(shown in part for part in Page(render(flipped(text))).texts)


def test_every_section_is_there_and_every_link_leads_somewhere() -> None:
    page = Page(render(flipped("words")))
    assert [name for name in page.ids if name in SECTIONS] == list(SECTIONS)
    assert {value[1:] for value in page.values("href")} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    named = {str(attributes["aria-labelledby"]) for tag, attributes in page.elements if tag == "section"}
    assert named <= set(page.ids)


def test_the_decision_comes_first_in_words() -> None:
    page = render(flipped("words"))
    assert "<h1>rtn-2bit must not ship; minewords can ship.</h1>" in page
    assert page.index("<h1>") < page.index('id="decision"') < page.index('id="not-judged"')


def test_both_answers_stand_side_by_side() -> None:
    page = render(flipped("words"))
    assert "right → wrong" in page
    assert page.count('data-side="Dense"') == page.count('data-side="Compressed"') == 2


def test_harmful_texts_are_folded() -> None:
    secret = "a harmful text"
    document = flipped("words", sensitive=True)
    for question in document["samples"][0]["questions"].values():
        question.update(prompt=secret, choices=[secret, f"{secret} too"])
    page = render(document)
    before = [page[:place] for place in range(len(page)) if page.startswith(secret, place)]
    assert before
    assert all(text.rindex("<details>") > text.rfind("</details>") for text in before)


def test_the_same_document_gives_the_same_bytes() -> None:
    document = large(methods=3, dimensions=4, questions=40)
    assert render(document) == render(copy.deepcopy(document))


def test_a_large_report_is_small_and_quick() -> None:
    """14 methods in 16 dimensions, three checks and 400 questions each: under 5 MB, in under 10 seconds."""
    document = large(questions=400, text="x" * 2000)
    started = time.process_time()
    page = render(document)
    assert time.process_time() - started < 10
    assert len(page.encode()) < 5_000_000
    assert "stay in results.json" in page


def test_a_megabyte_of_markup_in_every_field_stays_small() -> None:
    document = large(methods=2, dimensions=3, questions=80, text="<&\"'" * 250_000)
    assert len(render(document).encode()) < 5_000_000


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"decision": "broken", "because": "the run did not finish", "releases": {}, "verdicts": [], "errors": []},
        {"decision": "magnificent", "releases": {"m": {}}, "verdicts": [{}, {"method": "m"}, 3, None]},
        {"decision": None, "releases": [], "verdicts": {}, "samples": 3, "provenance": [], "run": "x", "errors": [{}]},
        {"releases": {"m": None}, "verdicts": [{"method": "m", "loss": float("nan"), "margin": 0, "groups": [{}]}]},
        {"releases": {"m": {"verified": {"a": {"b": [1, None, True, {"c": 10**400}]}}}}, "not_judged": [None, 3]},
        {"samples": [{"dataset": "d", "questions": {"q": {"choices": [1, 2], "target": 9}}, "dense": {"q": [None, "x"]},
                      "compressed": {"m": {"q": [0, 1]}}}, {}, None]},
    ],
    ids=["empty", "unfinished", "unknown decision", "wrong types", "numbers", "nested", "samples"],
)  # fmt: skip
def test_a_broken_document_still_renders(document: Row) -> None:
    page = Page(render(document))
    assert [name for name in page.ids if name in SECTIONS] == list(SECTIONS)


def test_errors_and_uninformative_checks_show() -> None:
    document = flipped("words")
    document["verdicts"][0]["outcome"] = "uninformative"
    page = render(document)
    assert "uninformative" in page
    assert "These checks could not be measured" in page


def test_without_samples_the_verdicts_examples_are_shown() -> None:
    page = render({**flipped("words"), "samples": []})
    assert 'data-kind="lost"' in page


def test_anchors_differ_and_need_no_escaping() -> None:
    names = ["a::b[x-y]", "a::c[x-y]", "a::b[x y]", "a::b[<x>]", ""]
    found = [anchor(name) for name in names]
    assert len(set(found)) == len(found)
    assert all(name.replace("-", "").isalnum() for name in found)


@pytest.mark.parametrize(
    ("share", "said"),
    [(None, "–"), (0.3, "30\u00a0%"), (-0.001, "0\u00a0%"), (1.0, "1.0×"), (-2.44, "−2.4×"), (1383.4, "1,383×")],
)
def test_a_loss_is_said_in_tolerances(share: float | None, said: str) -> None:
    assert in_tolerances(share) == said


def test_the_plots_scale_keeps_the_order() -> None:
    shares = [-1e9, -50.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 10.0, 1e4]
    places = [stretch(share) for share in shares]
    assert places == sorted(set(places))
    assert (stretch(0), stretch(1), stretch(10)) == (0, 1, 2)


def test_a_long_prompt_keeps_its_end() -> None:
    shown = passage("a" * 1000 + "the question", 90)
    assert shown.endswith("the question")
    assert "characters left out" in shown
