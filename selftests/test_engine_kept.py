"""Quantized keys and values: what transformers' own quantized cache gives a model that writes, in every readout."""

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from optimum.quanto import MaxOptimizer, qint2, qint4, quantize_weight
from transformers.cache_utils import QuantizedCache

from fixtures.core import Generation, Kept, Response, Sample, Task, TrustError
from fixtures.engines.hf import HfEngine, kept
from fixtures.engines.hf.behind import BehindScorer
from fixtures.engines.hf.generate import Writer
from fixtures.engines.hf.questions import Question, Span
from fixtures.engines.hf.rows import Padding
from selftests.engine_models import articles, hellaswag, stories
from selftests.test_engine_generate import BARE, ENDS, model_of, prompts
from selftests.test_engine_tree import ALLOWED, WINDOWED

QUANTO: Any = {2: qint2, 4: qint4}
PROMPTS = ("Once upon a time, there was a little girl", "Tom", "The dog ran to the park. He saw a big red ball and")
HEAD = 8
"""Numbers a head in all models here: a group holds one token's, and so do transformers' groups of that size."""


def theirs(config: Any, bits: int, residual: int) -> QuantizedCache:
    return QuantizedCache("quanto", config, nbits=bits, q_group_size=HEAD, residual_length=residual)


def question(stem: Sequence[int]) -> Question:
    """Return what a writer is asked."""
    return Question.of("q", [Span(np.asarray(stem), len(stem))])


@cache
def passages() -> Task:
    """Running texts of 1.5 to 3 windows, and one of no more tokens than a residual."""
    texts = [*(article[:1500] for article in articles()[:3]), "Tom ran."]
    return Task("passages", tuple(Sample(str(n), "", (text,), str(n)) for n, text in enumerate(texts)), "perplexity")


@cache
def endings() -> Task:
    return Task("endings", tuple(hellaswag(12)), "choices")


def tales(samples: int = 3) -> Task:
    asked = tuple(Sample(text, text, (), text) for text in PROMPTS)
    return Task("tales", asked, "generate", generation=Generation(40, samples))


def answered(task: Task, scheme: Kept | None, batch_tokens: int = 2048) -> dict[str, Response]:
    engine = HfEngine(*stories(), batch_tokens=batch_tokens, kept=scheme)
    found = {response.sample_id: response for response in engine.answer(task)}
    assert found.keys() == task.ids
    return found


def furthest(one: dict[str, Response], other: dict[str, Response]) -> float:
    """Return the largest difference of two log-likelihoods, a token."""
    return max(
        abs(here - there) / count
        for name, held in one.items()
        for here, there, count in zip(held.loglikelihoods, other[name].loglikelihoods, held.tokens, strict=True)
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bits", [2, 4])
@pytest.mark.parametrize("group", [8, 40, 64])
def test_numbers_are_quantos_to_the_last_bit(bits: int, group: int, dtype: torch.dtype) -> None:
    numbers = torch.randn(3, 2, 7, 2 * group if group == 64 else group, dtype=dtype)
    scale, shift = MaxOptimizer()(numbers, QUANTO[bits], 0, group)
    expected = quantize_weight(numbers, QUANTO[bits], 0, scale, shift, group).dequantize()
    assert torch.equal(kept.quantized(numbers, Kept(bits)), expected)


@given(st.integers(1, 8), st.integers(1, 200), st.integers(0, 2**32 - 1), st.sampled_from([1e-3, 1.0, 1e3]))
def test_no_group_has_more_levels_than_bits_allow_and_none_moves_further_than_half_a_step(
    bits: int, size: int, seed: int, spread: float
) -> None:
    numbers = spread * torch.randn(2, 3, size, generator=torch.Generator().manual_seed(seed))
    group = max(part for part in range(1, 65) if size % part == 0)
    before, after = (part.reshape(-1, group) for part in (numbers, kept.quantized(numbers, Kept(bits))))
    for old, new in zip(before, after, strict=True):
        step = float(old.max() - old.min()) / (2**bits - 1)
        assert len(set(new.tolist())) <= 2**bits
        assert float((new - old).abs().max()) <= step / 2 + 1e-6 * float(old.abs().max())


def test_equal_numbers_stay_as_they_are() -> None:
    assert torch.equal(kept.quantized(torch.full((2, 8), 0.3), Kept(2)), torch.full((2, 8), 0.3))


@pytest.mark.parametrize("bits", [2, 4])
@pytest.mark.parametrize("residual", [32, 128])
@pytest.mark.parametrize("prompt", PROMPTS)
def test_texts_of_a_real_model_are_the_librarys_token_for_token(prompt: str, bits: int, residual: int) -> None:
    model, tokenizer = stories()
    stem = tokenizer(prompt, return_tensors="pt").input_ids
    (draft,) = Writer(model, tokenizer, 0, kept=Kept(bits, residual=residual)).write(
        [question(stem[0])], Generation(160, temperature=0.0)
    )[0]
    expected = model.generate(
        stem,
        attention_mask=torch.ones_like(stem),
        do_sample=False,
        max_new_tokens=160,
        cache_implementation="quantized",
        cache_config={"backend": "quanto", "nbits": bits, "q_group_size": HEAD, "residual_length": residual},
    )
    assert draft.tokens == expected[0, stem.shape[1] :].tolist()
    assert (
        draft.tokens
        != Writer(model, tokenizer, 0).write([question(stem[0])], Generation(160, temperature=0.0))[0][0].tokens
    )


@pytest.mark.parametrize("name", ALLOWED)
def test_texts_of_every_architecture_are_the_librarys_in_one_batch_of_several_lengths(name: str) -> None:
    model, asked, scheme = model_of(name), prompts(6), Kept(4, residual=5)
    found = Writer(model, BARE, 0, kept=scheme).write(asked, Generation(12, temperature=0.0))  # type: ignore[arg-type]
    for one, (draft,) in zip(asked, found, strict=True):
        stem = torch.from_numpy(one.stem).unsqueeze(0)
        cache = theirs(model.config, 4, 5)
        expected = model.generate(
            stem, attention_mask=torch.ones_like(stem), do_sample=False, max_new_tokens=12, past_key_values=cache
        )
        tokens = expected[0, stem.shape[1] :].tolist()
        assert draft.tokens == (tokens[:-1] if tokens[-1] in ENDS else tokens)


@pytest.mark.parametrize("bits", [2, 4])
@pytest.mark.parametrize("first", [1, 20])
def test_scores_are_those_of_a_model_that_reads_token_by_token(first: int, bits: int) -> None:
    """Behind a prompt; and a window (`first` = 1), whose first 32 tokens are read at once. Both outlast residuals."""
    model, tokenizer = stories()
    tokens = tokenizer(articles()[0][:300], return_tensors="pt").input_ids
    spans = [Span(tokens[0].numpy(), first), Span(tokens[0, :50].numpy(), first)]
    (found,) = BehindScorer(model, Kept(bits), Padding(model)).score([Question.of("q", spans)])
    held = theirs(model.config, bits, 32)
    done = first - 1 or 32
    with torch.no_grad():
        parts = [model(tokens[:, :done], past_key_values=held, use_cache=True).logits]
        for place in range(done, tokens.shape[1] - 1):
            parts.append(model(tokens[:, place : place + 1], past_key_values=held, use_cache=True).logits)
    logprobs = torch.cat(parts, dim=1)[0].log_softmax(-1).gather(1, tokens[0, 1:, None])[first - 1 :, 0]
    assert found.loglikelihoods == pytest.approx([float(logprobs.sum()), float(logprobs[: 50 - first].sum())], rel=1e-5)
    read = [
        sum(first - 1 + (place - first + 1) // 32 * 32 for place in range(first - 1, end - 1))
        for end in (tokens.shape[1], 50)
    ]
    assert found.reads == read


def test_in_one_pass_the_librarys_quantized_cache_changes_nothing() -> None:
    """The trap: a full-precision prefill. Were it mended, this file's reason would be gone."""
    model, tokenizer = stories()
    tokens = tokenizer(articles()[0][:300], return_tensors="pt").input_ids
    with torch.no_grad():
        plain = model(tokens, use_cache=False).logits
        assert torch.equal(model(tokens, past_key_values=theirs(model.config, 2, 32), use_cache=True).logits, plain)
    for task in (endings(), passages()):
        assert furthest(answered(task, Kept(2)), answered(task, None)) > 0.05


@pytest.mark.parametrize("task", [endings, passages])
def test_without_rounding_the_scores_are_the_plain_engines(
    task: Callable[[], Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "quantized", lambda numbers, scheme: numbers)
    assert furthest(answered(task(), Kept(16)), answered(task(), None)) < 1e-5


def test_without_rounding_the_drawn_texts_are_the_plain_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "quantized", lambda numbers, scheme: numbers)
    found, plain = answered(tales(), Kept(16)), answered(tales(), None)
    assert {name: held.texts for name, held in found.items()} == {name: held.texts for name, held in plain.items()}


@pytest.mark.parametrize("bits", [2, 8])
def test_neighbours_in_a_batch_change_nothing(bits: int) -> None:
    for task in (endings(), passages()):
        alone, together = (answered(task, Kept(bits), size) for size in (1, 4096))
        # A number that lies between two steps may fall to either side with the rounding of another batch.
        assert furthest(alone, together) < 1e-3
        assert {name: held.reads for name, held in alone.items()} == {n: held.reads for n, held in together.items()}
    assert answered(tales(), Kept(bits), 1) == answered(tales(), Kept(bits), 4096)


def test_a_draw_does_not_depend_on_how_many_others_there_are() -> None:
    few, many = answered(tales(1), Kept(2)), answered(tales(4), Kept(2))
    assert few == {name: held.first(1) for name, held in many.items()}
    assert all(len(set(held.texts)) > 1 for held in many.values())


def test_fewer_bits_do_more_damage() -> None:
    for task in (endings(), passages()):
        dense = answered(task, None)
        moved = [furthest(answered(task, Kept(bits)), dense) for bits in (8, 4, 2)]
        assert moved == sorted(moved)
        assert 1e-5 < moved[0] < moved[1] / 2 < moved[2] / 4


@pytest.mark.slow
def test_the_perplexities_of_the_documentation() -> None:
    task = Task("wiki", tuple(Sample(a[:40], "", (a[:3000],), a[:40]) for a in articles()[:20]), "perplexity")
    found = []
    for scheme in (None, Kept(8), Kept(4), Kept(2)):
        held = answered(task, scheme).values()
        found.append(math.exp(-sum(one.loglikelihoods[0] for one in held) / sum(one.tokens[0] for one in held)))
    assert found == pytest.approx([126.72, 126.75, 128.41, 253.14], rel=1e-3)


@pytest.mark.parametrize("readout", ["choices", "perplexity"])
def test_what_is_read_before_anything_is_quantized_counts_nothing(readout: Literal["choices", "perplexity"]) -> None:
    """A sentence without a prompt is what StereoSet and CrowS-Pairs ask: short ones read no quantized entry."""
    texts = ("Tom ran.", "Lily sat.") if readout == "choices" else ("Tom ran.",)
    found = answered(Task("short", (Sample("s", "", texts, "s"),), readout), Kept(2))
    assert found["s"].reads == (0,) * len(texts)
    assert furthest(found, answered(Task("short", (Sample("s", "", texts, "s"),), readout), None)) < 1e-5


def test_the_first_token_of_a_text_is_written_from_full_precision_as_the_library_does() -> None:
    task = Task("one", (Sample("s", PROMPTS[0], (), "s"),), "generate", generation=Generation(1, temperature=0.0))
    assert answered(task, Kept(2))["s"].reads == (0,)


def test_what_was_read_survives_storing() -> None:
    response = answered(tales(2), Kept(4))[PROMPTS[0]]
    assert min(response.reads) > 0
    assert Response.read(response.row()) == response
    plain = Response("s", (-1.0, -2.0), (1, 1), reads=(3, 4))
    assert Response.read(plain.row()) == plain
    assert "reads" not in Response("s", (-1.0,), (1,)).row()


@pytest.mark.parametrize("name", [*(f"{name}-window" for name in WINDOWED), "gemma2", "gemma3"])
def test_windows_are_refused_as_the_library_refuses_them(name: str) -> None:
    config = model_of(name).config
    with pytest.raises(ValueError, match="only supported for models with only full attention"):
        theirs(config, 4, 32)
    with pytest.raises(TrustError, match=r"--method=kv-4bit: layer \d of this \w+ is of kind sliding_attention"):
        kept.kept_facts(config, "kv-4bit", Kept(4), "float32")


@pytest.mark.parametrize("name", ALLOWED)
def test_what_a_report_says_of_the_scheme(name: str) -> None:
    facts = kept.kept_facts(model_of(name).config, "kv-2bit", Kept(2), "bfloat16")
    assert facts == {"kept_bits": 2, "kept_group": HEAD, "kept_effective_bits": 6.0, "kept_residual": 32}
