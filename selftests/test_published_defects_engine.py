"""Defects of released trust benchmarks, between the question and the score (see test_published_defects.py)."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from fixtures import checkpoint
from fixtures.core import Demonstration, Form, Sample, Task
from fixtures.engines.hf import HfEngine
from fixtures.engines.hf.batches import batches
from fixtures.engines.hf.plain import PlainScorer
from fixtures.engines.hf.prefix import Family
from fixtures.engines.hf.questions import Question, Span
from fixtures.engines.hf.render import Renderer
from fixtures.engines.hf.tree import TreeScorer
from fixtures.settings import REFERENCE
from selftests.engine_models import long_llama

LLAMA_2 = (
    "{% for turn in messages %}{% if turn.role == 'user' %}{{ bos_token }}[INST] "
    "{% if loop.first %}<<SYS>>\nBe brief.\n<</SYS>>\n\n{% endif %}{{ turn.content }} [/INST]"
    "{% else %} {{ turn.content }} {{ eos_token }}{% endif %}{% endfor %}"
)
SHOWN = tuple(Demonstration(f"{n} + {n} =", f" {2 * n}") for n in (2, 3, 4, 40))
SAMPLE = Sample("s", "1 + 1 =", (" 2", " 3"), "c", target=0, demonstrations=SHOWN)


@cache
def reference() -> Any:
    return checkpoint.load(REFERENCE)


def renderer(template: str | None) -> Renderer:
    tokenizer = copy.deepcopy(reference()[1])
    tokenizer.chat_template = template
    return Renderer(tokenizer)


# 2: prompts lost `[INST] <<SYS>>` wherever a system message was set; only the last demonstration kept its answer.


def framed(prompt: str, turns: int) -> bool:
    """Return whether each turn is in its frame and the system message in the first one."""
    opened = prompt.count("[INST]") == prompt.count("[/INST]") == turns
    return opened and prompt.count("[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n") == 1 and prompt.endswith("[/INST]")


@pytest.mark.parametrize("shown", [(), SHOWN[:1], SHOWN])
def test_defect_2_the_instruction_frame_stands_where_a_system_message_is_set(shown: tuple[Demonstration, ...]) -> None:
    prompt = renderer(LLAMA_2).prompt(SAMPLE, "chat", shown)
    assert framed(prompt, len(shown) + 1)
    assert not framed(prompt.replace("[INST] <<SYS>>\n", ""), len(shown) + 1)


def answers_shown(prompt: str) -> bool:
    """Return whether every demonstration stands there in order, each with its answer."""
    place = 0
    for shown in SHOWN:
        for text in (shown.prompt, shown.answer):
            place = prompt.find(text, place)
            if place < 0:
                return False
            place += len(text)
    return prompt.find(SAMPLE.prompt, place) >= 0


@pytest.mark.parametrize(("form", "template"), [("raw", None), ("chat", LLAMA_2), ("chat", None)])
def test_defect_2_every_demonstration_keeps_its_answer(form: Form, template: str | None) -> None:
    shown = renderer(template)
    assert answers_shown(shown.prompt(SAMPLE, form, SHOWN))
    last_only = [replace(one, answer="" if one is not SHOWN[-1] else one.answer) for one in SHOWN]
    assert not answers_shown(shown.prompt(SAMPLE, form, last_only))


def test_defect_2_what_is_reported_is_what_the_model_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokenizer = reference()
    talker = copy.deepcopy(tokenizer)
    talker.chat_template = LLAMA_2
    engine, read = HfEngine(model, talker), list[str]()
    score = TreeScorer.score

    def spy(self: TreeScorer, questions: Sequence[Question], prefix: Any) -> Any:
        read.extend(str(talker.decode(span.tokens)) for question in questions for span in question.spans)
        return score(self, questions, prefix)

    monkeypatch.setattr(TreeScorer, "score", spy)
    asked = Task("t", (SAMPLE,), "choices", form="chat")
    list(engine.answer(asked))
    reported = engine.rendering(asked)["prompt"]
    assert reported is not None
    whole = [talker.decode(talker.encode(f"{reported}{choice}", add_special_tokens=False)) for choice in SAMPLE.choices]
    assert read == [text.strip() for text in whole]


# 6: what was left over from whole batches was dropped.


@pytest.mark.parametrize("readout", ["choices", "perplexity"])
def test_defect_6_the_last_batch_is_answered_however_full_it_is(readout: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def spy(family: Family, tokens: int) -> Iterator[list[Question]]:
        for batch in batches(family, tokens):
            sizes.append(len(batch))
            yield batch

    monkeypatch.setattr("fixtures.engines.hf.engine.batches", spy)
    prompt, choices = ("", (" was one day",)) if readout == "perplexity" else ("one day was", (" a", " b"))
    asked = tuple(Sample(f"s{n}", prompt, choices, "c") for n in range(7))
    found = [r.sample_id for r in HfEngine(*reference(), batch_tokens=12).answer(Task("t", asked, readout))]
    assert sorted(found) == sorted(sample.id for sample in asked)
    assert 0 < sizes[-1] < sizes[0], "whole batches alone would leave some out"


# 7: padding on the left left prompt tokens in the loss of shorter options.


def questions() -> list[Question]:
    """Prompts of 12 and 30 tokens with options of 1, 3 and 9 tokens."""
    generator, found = np.random.default_rng(0), []
    for name, length in (("short", 12), ("long", 30)):
        prompt = generator.integers(3, 512, length)
        options = [generator.integers(3, 512, count) for count in (1, 3, 9)]
        found.append(Question.of(name, [Span(np.concatenate((prompt, option)), length) for option in options]))
    return found


def likelihoods(span: Span) -> Any:
    """Return the log-likelihood of every token but the first, of the text alone, without any padding."""
    with torch.inference_mode():
        logprobs = long_llama()(torch.from_numpy(span.tokens)[None]).logits[0].log_softmax(-1)
    return logprobs[:-1].gather(1, torch.from_numpy(span.tokens)[1:, None])[:, 0].double()


SCORERS: dict[str, Callable[[list[Question]], list[list[float]]]] = {
    "plain": lambda asked: PlainScorer(long_llama(), 10_000).score(asked),
    "tree": lambda asked: TreeScorer(long_llama()).score(asked, asked[0].stem[:0]),
}


@pytest.mark.parametrize("scorer", SCORERS)
def test_defect_7_the_loss_of_an_option_holds_its_own_tokens_whatever_stands_beside_it(scorer: str) -> None:
    asked = questions()
    widest = max(len(span.tokens) for question in asked for span in question.spans)
    for question, scores in zip(asked, SCORERS[scorer](asked), strict=True):
        for span, score in zip(question.spans, scores, strict=True):
            alone = likelihoods(span)
            assert score == pytest.approx(float(alone[span.start - 1 :].sum()), abs=1e-4)
            pad = widest - len(span.tokens)
            shifted = float(alone[max(0, span.start - 1 - pad) :].sum())
            assert pad == 0 or abs(score - shifted) > 1, "with padding before it, part of the prompt would count"
            assert len(span.tokens) - span.start in question.counts
