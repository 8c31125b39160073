"""The engine answers tasks: one response per sample, the same whatever the batch, errors that name the sample."""

import copy
import logging
import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from fixtures.core import Demonstration, Response, Sample, Task, TrustError
from fixtures.engines.hf import HfEngine
from fixtures.engines.hf.prefix import read_prefix
from fixtures.engines.hf.rolling import windows
from fixtures.engines.hf.tree import TreeScorer
from selftests.engine_models import articles, bbq, hellaswag, long_llama, stories

SHOTS = tuple(
    Demonstration(f"{word} went to the park. {word} was", " happy and played.") for word in ("Lily", "Tom") * 15
)


def samples(count: int = 24) -> list[Sample]:
    return [
        Sample(
            str(n), f"{'One day, ' * (n % 7)}Lily saw {n} cats. She was", (" sad.", " very, very happy.", f" {n}."), "c"
        )
        for n in range(count)
    ]


def few_shot(count: int = 24) -> list[Sample]:
    return [replace(sample, demonstrations=SHOTS) for sample in samples(count)]


def task(asked: Iterable[Sample], readout: Any = "choices") -> Task:
    return Task("tale", tuple(asked), readout)


def answers(engine: HfEngine, asked: Task) -> dict[str, Response]:
    found = list(engine.answer(asked))
    assert len(found) == len(asked.samples)
    return {response.sample_id: response for response in found}


def furthest(one: dict[str, Response], other: dict[str, Response]) -> float:
    assert one.keys() == other.keys()
    return max(
        abs(mine - its)
        for name in one
        for mine, its in zip(one[name].loglikelihoods, other[name].loglikelihoods, strict=True)
    )


def by_hand(model: Any, tokenizer: Any, prompt: str, option: str) -> float:
    """Return the option's log-likelihood, for a border that does not merge."""
    before, ids = tokenizer(prompt)["input_ids"], tokenizer(prompt + option)["input_ids"]
    assert ids[: len(before)] == before
    with torch.inference_mode():
        logprobs = model(torch.tensor([ids])).logits[0].log_softmax(-1)
    return sum(float(logprobs[place - 1, ids[place]]) for place in range(len(before), len(ids)))


def test_an_option_is_the_sum_of_its_tokens() -> None:
    model, tokenizer = stories()
    found = answers(HfEngine(model, tokenizer), task(samples()))
    for sample in samples():
        response = found[sample.id]
        expected = [by_hand(model, tokenizer, sample.prompt, choice) for choice in sample.choices]
        assert response.loglikelihoods == pytest.approx(expected, abs=1e-4)
        lengths = [len(tokenizer(sample.prompt + choice)["input_ids"]) for choice in sample.choices]
        assert response.tokens == tuple(length - len(tokenizer(sample.prompt)["input_ids"]) for length in lengths)


@pytest.mark.parametrize("asked", [samples(), few_shot()], ids=["zero-shot", "few-shot"])
def test_answers_do_not_depend_on_the_batch(asked: list[Sample]) -> None:
    _, tokenizer = stories()
    model = long_llama()
    usual = answers(HfEngine(model, tokenizer), task(asked))
    for batch_tokens in (1, 100, 50_000):
        other = answers(HfEngine(model, tokenizer, batch_tokens=batch_tokens), task(asked))
        assert furthest(usual, other) < 1e-5
    alone = HfEngine(model, tokenizer)
    single = {sample.id: next(alone.answer(task(asked), [sample])) for sample in asked}
    assert furthest(usual, single) < 1e-5


def test_real_answers_do_not_depend_on_the_batch() -> None:
    model, tokenizer = stories()
    asked = task(bbq(15) + hellaswag(15))
    usual = answers(HfEngine(model, tokenizer), asked)
    other = answers(HfEngine(model, tokenizer, batch_tokens=1), asked)
    for name, response in usual.items():
        assert response.loglikelihoods == pytest.approx(other[name].loglikelihoods, rel=2e-6, abs=1e-5)


def test_the_same_question_gets_the_same_answer() -> None:
    engine = HfEngine(*stories())
    assert answers(engine, task(samples())) == answers(engine, task(samples()))


def test_dropout_is_off() -> None:
    _, tokenizer = stories()
    config = GPT2Config(vocab_size=512, n_embd=16, n_layer=1, n_head=2, n_positions=128, bos_token_id=1, eos_token_id=2)
    engine = HfEngine(GPT2LMHeadModel(config).train(), tokenizer)
    assert answers(engine, task(samples())) == answers(engine, task(samples()))


def test_a_shared_prefix_is_read_once_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _, tokenizer = stories()
    model, reads = long_llama(), []
    monkeypatch.setattr(
        "fixtures.engines.hf.tree.read_prefix",
        lambda base, prefix: reads.append(len(prefix)) or read_prefix(base, prefix),  # type: ignore[func-returns-value]
    )
    sharing = answers(HfEngine(model, tokenizer, batch_tokens=300), task(few_shot()))
    assert len(reads) == 1
    assert reads[0] > 300
    monkeypatch.setattr("fixtures.engines.hf.prefix._WORTHWHILE", math.inf)
    assert furthest(sharing, answers(HfEngine(model, tokenizer, batch_tokens=300), task(few_shot()))) < 1e-5
    assert len(reads) == 1


def test_each_set_of_demonstrations_is_its_own_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    """One prompt that lost a demonstration must not cost the others their prefix."""
    _, tokenizer = stories()
    model = long_llama()
    mixed = few_shot(12) + [replace(sample, id=f"b{sample.id}", demonstrations=SHOTS[3:]) for sample in samples(12)]
    mixed += [replace(sample, id=f"c{sample.id}", demonstrations=SHOTS[n:]) for n, sample in enumerate(samples(3), 7)]
    prefixes = set()
    score = TreeScorer.score

    def spy(self: TreeScorer, questions: Any, prefix: Any) -> Any:
        prefixes.add(len(prefix))
        return score(self, questions, prefix)

    monkeypatch.setattr(TreeScorer, "score", spy)
    engine = HfEngine(model, tokenizer)
    together = answers(engine, task(mixed))
    assert len(prefixes) == 3
    assert 0 in prefixes
    assert engine.notes == []
    alone = {sample.id: next(engine.answer(task(mixed), [sample])) for sample in mixed}
    assert furthest(together, alone) < 1e-5


def test_only_the_wanted_samples_are_answered() -> None:
    asked = samples()
    found = list(HfEngine(*stories()).answer(task(asked), asked[3:5]))
    assert {response.sample_id for response in found} == {"3", "4"}
    assert list(HfEngine(*stories()).answer(task(asked), [])) == []


@pytest.mark.parametrize("readout", ["choices", "perplexity"])
def test_answers_come_batch_by_batch(readout: Any) -> None:
    model, tokenizer = stories()
    calls: list[int] = []
    hook = model.register_forward_hook(lambda *_: calls.append(1))
    inner = model.model.register_forward_hook(lambda *_: calls.append(1))
    texts = [Sample(str(n), "", ("Once upon a time. " * (30 + n),), "c") for n in range(9)]
    asked = task(samples(60) if readout == "choices" else texts, readout)
    stream = HfEngine(model, tokenizer, batch_tokens=200).answer(asked)
    next(stream)
    early = len(calls)
    list(stream)
    hook.remove()
    inner.remove()
    assert early < len(calls) / 2


def test_perplexity_of_a_short_text_is_read_from_bos() -> None:
    model, tokenizer = stories()
    text = "Once upon a time, there was a little cat."
    (response,) = HfEngine(model, tokenizer).answer(task([Sample("s", "", (text,), "c")], "perplexity"))
    ids = [tokenizer.bos_token_id, *tokenizer(text)["input_ids"]]
    with torch.inference_mode():
        logprobs = model(torch.tensor([ids])).logits[0].log_softmax(-1)
    expected = sum(float(logprobs[place - 1, ids[place]]) for place in range(1, len(ids)))
    assert response.loglikelihoods == pytest.approx((expected,), abs=1e-4)
    assert response.tokens == (len(ids) - 1,)


def test_windows_predict_each_token_once_with_a_full_last_window() -> None:
    import numpy as np

    for length in (1, 3, 4, 5, 8, 9, 11):
        tokens = np.arange(1, length + 1)
        spans = list(windows(tokens, 0, 4))
        assert [token for span in spans for token in span.tokens[span.start :].tolist()] == tokens.tolist()
        assert all(len(span.tokens) - 1 == min(length, 4) for span in spans)
        assert spans[0].tokens[0] == 0


def test_perplexity_does_not_depend_on_the_batch() -> None:
    model, tokenizer = stories()
    texts = task([Sample(str(n), "", (text[:3000],), "c") for n, text in enumerate(articles()[:5])], "perplexity")
    usual = answers(HfEngine(model, tokenizer), texts)
    other = answers(HfEngine(model, tokenizer, batch_tokens=600), texts)
    for name, response in usual.items():
        assert response.tokens == other[name].tokens
        assert response.loglikelihoods == pytest.approx(other[name].loglikelihoods, rel=1e-7)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("readout", ["choices", "perplexity"])
def test_a_log_likelihood_that_is_not_finite_stops(value: float, readout: Any) -> None:
    model, tokenizer = stories()
    broken = copy.deepcopy(model)
    with torch.no_grad():
        broken.model.layers[1].mlp.down_proj.weight[0, 0] = value
    asked = [Sample("s9", "" if readout == "perplexity" else "Once", (" upon a time",), "c")]
    with pytest.raises(TrustError, match="task tale: the model gives sample s9 a log-likelihood that is not finite"):
        list(HfEngine(broken, tokenizer).answer(task(asked, readout)))


def test_an_empty_text_stops() -> None:
    model, tokenizer = stories()
    bare = copy.deepcopy(tokenizer)
    bare.backend_tokenizer.post_processor = None
    with pytest.raises(TrustError, match="the text of sample s is empty"):
        list(HfEngine(model, bare).answer(task([Sample("s", "", ("",), "c")], "perplexity")))


def test_too_little_memory_names_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(TreeScorer, "score", full)
    with pytest.raises(TrustError, match="ran out of memory at 77 tokens a batch; lower --batch-tokens"):
        list(HfEngine(*stories(), batch_tokens=77).answer(task(samples())))


def test_over_long_prompts_are_counted_per_task() -> None:
    model, tokenizer = stories()
    engine = HfEngine(model, tokenizer)
    answers(engine, task(few_shot(3)))
    assert engine.dropped_demonstrations["tale"] > 0
    assert engine.dropped_demonstrations["tale"] % 3 == 0


def test_the_engine_is_quiet(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    model, tokenizer = stories()
    capfd.readouterr()
    logging.getLogger("transformers").propagate = True
    engine = HfEngine(model, tokenizer)
    answers(engine, task(few_shot(3)))
    answers(engine, task([Sample("long", "", ("Once upon a time. " * 200,), "c")], "perplexity"))
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


@pytest.mark.parametrize("weights", ["qint8", "qint4"])
def test_quanto_models_are_scored_the_fast_way(weights: str) -> None:
    quanto = pytest.importorskip("optimum.quanto")
    model, tokenizer = stories()
    packed = copy.deepcopy(model)
    quanto.quantize(packed, weights=getattr(quanto, weights))
    quanto.freeze(packed)
    engine = HfEngine(packed, tokenizer)
    dense = answers(HfEngine(model, tokenizer), task(samples()))
    assert furthest(answers(engine, task(samples())), dense) > 1e-3
    assert engine.notes == []


def test_half_precision_is_checked_against_its_own_rounding() -> None:
    model, tokenizer = stories()
    engine = HfEngine(copy.deepcopy(model).bfloat16(), tokenizer)
    answers(engine, task(samples()))
    assert engine.notes == []
