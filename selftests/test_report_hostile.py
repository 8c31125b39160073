"""Whatever a model, a data set or a person wrote: in every report it is text, and no more."""

import re
import time
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
import yaml
from huggingface_hub import ModelCard
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from fixtures.report import badge, card, markdown
from fixtures.report.results import as_text
from fixtures.report.texts import EMPTY, code, prose, shown
from selftests.documents import hostile
from selftests.hostile import HOSTILE, HUGE
from selftests.test_report_schema import SCHEMA

GITHUB = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
TEXTS = st.text(st.characters(codec=None) | st.sampled_from("`|\\[]()<>&*_#@~:/\n-$"), max_size=40)
MARKUP = {
    "html_block",
    "blockquote_open",
    "html_inline",
    "link_open",
    "image",
    "em_open",
    "s_open",
    "fence",
    "code_block",
}


def tokens(text: str) -> Iterator[Token]:
    for token in GITHUB.parse(text):
        yield token
        yield from token.children or ()


def read(text: str) -> str:
    """Return what a reader sees."""
    leaves = (token for token in tokens(text) if token.type in ("text", "code_inline", "text_special"))
    return "".join(token.content for token in leaves).replace("\u200b", "")


@given(TEXTS)
def test_prose_reads_as_it_was_written_and_is_nothing_else(text: str) -> None:
    for line in (prose(text), f"- {prose(text)}", f"**{prose(text)}**"):
        assert not MARKUP & {token.type for token in tokens(line)}
    assert read(f"x {prose(text)}") == f"x {shown(text) or EMPTY}"


@given(TEXTS)
def test_code_reads_as_it_was_written_alone_and_in_a_table(text: str) -> None:
    expected = shown(text) or EMPTY
    table = f"| a | b |\n|---|---|\n| {code(text)} | last |\n"
    for written in (code(text), f"- {code(text)}"):
        assert not MARKUP & {token.type for token in tokens(written)}
        assert read(written) == expected
    assert read(table) == f"ab{expected}last"
    assert sum(token.type == "td_open" for token in tokens(table)) == 2


@pytest.mark.parametrize("text", [*HOSTILE, HUGE], ids=range(len(HOSTILE) + 1))
def test_no_report_is_more_than_it_says(text: str) -> None:
    document = hostile(text)
    plain = hostile("x")
    started = time.monotonic()
    for render in (markdown.render, card.render):
        written, expected = render(document), render(plain)
        assert all(c.isprintable() or c in "\n\u200b" for c in written)
        body, plain_body = (made.partition("\n---\n")[2] or made for made in (written, expected))
        assert not MARKUP & {token.type for token in tokens(body)}
        assert _shape(body) == _shape(plain_body)
        assert len(written) < 30_000
    svg = ElementTree.fromstring(badge.render(document))
    assert len(list(svg.iter())) == len(list(ElementTree.fromstring(badge.render(plain)).iter()))
    assert time.monotonic() - started < 2
    _check_card(card.render(document))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert as_text(document).isascii()


def test_nothing_mentions_anybody_on_github() -> None:
    for text in HOSTILE:
        spans = re.sub(r"(`+)[^`].*?\1(?!`)", "", markdown.render(hostile(text)))
        assert not re.search(r"[@#]\w|(?i:www)\.|(?<!\\)://", spans), text


def _shape(text: str) -> list[str]:
    """Return the blocks that a text is made of."""
    return [token.type for token in GITHUB.parse(text)]


def _check_card(text: str) -> None:
    front: Any = yaml.safe_load(text.split("---\n")[1])
    assert [len(model["results"]) for model in front["model-index"]] == [2, 1]
    for model in front["model-index"]:
        alone = yaml.safe_dump({"model-index": [model]}, allow_unicode=True)
        found = ModelCard(f"---\n{alone}---\n").data.get("eval_results")
        assert found is not None
        assert {result.metric_type for result in found} == {"accuracy"}
