"""Written texts: those of a plain loop over the model, whatever the batch, with noise that all models share."""

import copy
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, chisquare
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

from fixtures.core import Demonstration, Generation, Response, Sample, Task, TrustError
from fixtures.engines.hf import HfEngine
from fixtures.engines.hf.batches import writing_batches
from fixtures.engines.hf.generate import Draft, Writer, end_tokens
from fixtures.engines.hf.questions import Question, Span
from fixtures.engines.hf.sampling import choose, gumbel, noise_keys
from fixtures.responses import ResponseLog
from fixtures.settings import REFERENCE
from fixtures.tasks import BUNDLED, Draw, Source, load
from selftests import tiny_models
from selftests.test_engine_render import TEMPLATE
from selftests.test_engine_tree import ALLOWED, NEVER, RESCALED, WINDOWED, Config, random_model

ENDS = [5, 9]
BARE = SimpleNamespace(eos_token_id=None)
"""Stands for a tokenizer without an end token."""
MODELS: dict[str, Config] = {
    **ALLOWED,
    **{f"{name}-window": config for name, config in WINDOWED.items()},
    **NEVER,
    "llama-longrope": RESCALED["llama"],
}
GREEDY = Generation(max_tokens=12, temperature=0.0)
DRAWN = Generation(max_tokens=12, samples=3)


@cache
def model_of(name: str) -> Any:
    model = random_model(MODELS[name])
    model.generation_config.eos_token_id = ENDS
    model.generation_config.pad_token_id = 0
    return model


@cache
def reference() -> tuple[Any, Any]:
    return AutoModelForCausalLM.from_pretrained(REFERENCE), AutoTokenizer.from_pretrained(REFERENCE)


@cache
def words() -> Any:
    return tiny_models.tokenizer()


def prompts(count: int = 16, longest: int = 50, seed: int = 0) -> list[Question]:
    """Return random stems, longest first."""
    random = np.random.default_rng(seed)
    lengths = sorted(random.integers(1, longest, count), reverse=True)
    return [Question.of(str(n), [Span(random.integers(10, 97, size), size)]) for n, size in enumerate(lengths)]


def by_hand(model: Any, stem: Any, generation: Generation, key: torch.Tensor, ends: Sequence[int] = ENDS) -> Draft:
    """Return one draft of a model that reads the whole text again for every token, alone and without a cache."""
    tokens = stem.tolist()
    for step in range(generation.max_tokens):
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor([tokens]), use_cache=False).logits[:, -1]
        token = int(choose(logits, key.unsqueeze(0), step, generation.temperature)[0])
        if token in ends:
            return Draft(tokens[len(stem) :], finished=True)
        tokens.append(token)
    return Draft(tokens[len(stem) :])


def sample(number: int, prompt: str, **fields: Any) -> Sample:
    return Sample(f"s{number}", prompt, (), f"c{number}", **fields)


def task(asked: Sequence[Sample], generation: Generation, **fields: Any) -> Task:
    return Task("tale", tuple(asked), "generate", generation=generation, **fields)


def sentences(count: int) -> list[Sample]:
    """Return prompts of 1 to 30 of the tiny tokenizer's words."""
    random = np.random.default_rng(0)
    return [
        sample(number, " ".join(f"word{word}" for word in random.integers(0, 80, random.integers(1, 31))))
        for number in range(count)
    ]


@cache
def valley() -> list[Sample]:
    """Return 300 prompts of the reference model's world."""
    tasks = (
        load(name, Source(BUNDLED, "bundled"), Draw("full")) for name in ("bbq", "hellaswag", "ethics_commonsense")
    )
    found = [asked for whole in tasks for asked in whole.samples[:100]]
    return [sample(number, asked.prompt) for number, asked in enumerate(found)]


def written(engine: HfEngine, asked: Task) -> dict[str, Response]:
    found = {response.sample_id: response for response in engine.answer(asked)}
    assert found.keys() == asked.ids
    return found


@pytest.mark.parametrize("name", MODELS)
def test_greedy_texts_are_those_of_the_library(name: str) -> None:
    model = model_of(name)
    asked = prompts()
    writer = Writer(model, BARE, 0)  # type: ignore[arg-type]
    for question, (draft,) in zip(asked, writer.write(asked, GREEDY), strict=True):
        stem = torch.from_numpy(question.stem).unsqueeze(0)
        theirs = model.generate(stem, attention_mask=torch.ones_like(stem), do_sample=False, max_new_tokens=12)
        expected = theirs[0, stem.shape[1] :].tolist()
        ended = expected[-1] in ENDS
        assert draft == Draft(expected[:-1] if ended else expected, ended)
    assert writer.notes == []


@pytest.mark.parametrize("name", MODELS)
def test_drawn_texts_are_those_of_a_plain_loop(name: str) -> None:
    model = model_of(name)
    asked = prompts(count=4)
    found = Writer(model, BARE, 3).write(asked, DRAWN)  # type: ignore[arg-type]
    for question, drafts in zip(asked, found, strict=True):
        if name != "llama-longrope" or len(question.stem) > 30 or len(question.stem) + 12 <= 30:
            assert drafts == [by_hand(model, question.stem, DRAWN, key) for key in noise_keys(3, question.sample_id, 3)]


@pytest.mark.parametrize("name", MODELS)
def test_texts_do_not_depend_on_their_batch(name: str) -> None:
    asked = prompts(count=20)
    writer = Writer(model_of(name), BARE, 0)  # type: ignore[arg-type]
    together = writer.write(asked, DRAWN)
    assert together == [writer.write([question], DRAWN)[0] for question in asked]
    assert any(draft.finished for drafts in together for draft in drafts)


@pytest.mark.parametrize("generation", [Generation(16, 5, 2.0), Generation(16, 1, 0.0)], ids=["drawn", "greedy"])
def test_a_few_hundred_texts_are_the_same_in_batches_eight_times_as_large(generation: Generation) -> None:
    asked = task(valley(), generation)
    usual = HfEngine(*reference())
    texts = written(usual, asked)
    larger = HfEngine(*reference(), batch_tokens=8 * 2048)
    assert written(larger, asked) == texts
    assert usual.notes == larger.notes == []
    assert len({response.texts for response in texts.values()}) > 30


def test_tiny_texts_are_the_same_in_batches_of_any_size(tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_models.llama(tmp_path))
    asked = task(sentences(200), Generation(8, 4))
    usual = written(HfEngine(model, words()), asked)
    for batch_tokens in (1, 100, 8 * 2048):
        assert written(HfEngine(model, words(), batch_tokens=batch_tokens), asked) == usual


def test_the_seed_is_what_tells_texts_apart() -> None:
    asked = task(sentences(40), Generation(12, 2, 2.0))
    first, again, other = (
        written(HfEngine(model_of("llama"), words(), sampling_seed=seed), asked) for seed in (0, 0, 1)
    )
    assert first == again
    assert all(texts.texts != other[name].texts for name, texts in first.items())


def test_more_texts_begin_with_the_fewer() -> None:
    few, many = (
        written(HfEngine(model_of("llama"), words()), task(sentences(40), Generation(12, draws, 2.0)))
        for draws in (2, 5)
    )
    assert {name: response.first(2) for name, response in many.items()} == few
    assert all(len(set(response.texts)) > 2 for response in many.values())


def test_draws_have_the_frequencies_of_the_softmax() -> None:
    model, asked = model_of("llama"), prompts(count=1)
    with torch.inference_mode():
        logits = model(input_ids=torch.from_numpy(asked[0].stem).unsqueeze(0)).logits[0, -1]
    for temperature in (0.7, 1.5):
        drafts = Writer(model, BARE, 0).write(asked, Generation(1, 4000, temperature))[0]  # type: ignore[arg-type]
        counts = Counter(draft.tokens[0] if draft.tokens else "end" for draft in drafts)
        expected = (logits.double() / temperature).softmax(-1) * 4000
        expected[ENDS[0]], expected[ENDS[1]] = expected[ENDS].sum(), 0
        seen = torch.tensor([counts[token] for token in range(97)], dtype=torch.float64)
        seen[ENDS[0]] = counts["end"]
        common = expected >= 5
        bins = [torch.cat((values[common], values[~common].sum()[None])).numpy() for values in (seen, expected)]
        filled = bins[1] > 0
        assert filled.sum() > 5
        assert 0.001 < chisquare(bins[0][filled], bins[1][filled]).pvalue < 0.999


def test_noise_is_gumbel_and_the_same_in_every_batch() -> None:
    keys = torch.cat([noise_keys(0, str(name), 2) for name in range(32)])
    whole = torch.stack([gumbel(keys, step, 1000) for step in range(3)], dim=1)
    assert whole.min() > -3
    assert whole.max() < 22.5
    places = (-(-whole.double()).exp()).exp().flatten()
    counts = torch.histc(places, bins=50, min=0, max=1)
    assert chisquare(counts.numpy()).pvalue > 0.001
    flat = whole.flatten(0, 1)
    related = torch.corrcoef(flat) - torch.eye(len(flat))
    assert related.abs().max() < 5 / math.sqrt(1000), "draws and steps must be independent"
    neighbours = torch.corrcoef(torch.stack((flat[:, :-1].flatten(), flat[:, 1:].flatten())))[0, 1]
    assert abs(neighbours) < 5 / math.sqrt(flat.numel())
    for row in range(len(keys)):
        assert torch.equal(gumbel(keys[row : row + 1], 1, 1000)[0], whole[row, 1])
        assert torch.equal(gumbel(keys[row : row + 1], 1, 10)[0], whole[row, 1, :10])


@given(st.integers(0, 2**31), st.floats(0.01, 3), st.floats(0.05, 1))
def test_two_models_differ_no_more_often_than_their_distributions(seed: int, scale: float, apart: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    one = scale * torch.randn(20, generator=generator, dtype=torch.float64)
    other = one + apart * torch.randn(20, generator=generator, dtype=torch.float64)
    keys = noise_keys(seed, "sample", 1000)
    tokens = [choose(logits.expand(1000, -1), keys, 0, 1.0)[0] for logits in (one, other)]
    differ = int((tokens[0] != tokens[1]).sum())
    variation = float((one.softmax(-1) - other.softmax(-1)).abs().sum()) / 2
    assert binom.sf(differ - 1, 1000, 2 * variation / (1 + variation)) > 1e-7


@given(st.data())
def test_a_choice_is_its_rows_own(data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 8))
    temperature = data.draw(st.sampled_from([0.0, 0.3, 1.0]))
    dtype = data.draw(st.sampled_from([torch.float32, torch.float64, torch.bfloat16]))
    logits = torch.randn(rows, 30, generator=torch.Generator().manual_seed(rows)).to(dtype)
    keys = noise_keys(1, "sample", rows)
    together, best = choose(logits, keys, 5, temperature)
    assert [int(choose(logits[[row]], keys[[row]], 5, temperature)[0]) for row in range(rows)] == together.tolist()
    assert best.dtype is torch.promote_types(dtype, torch.float32)


def test_the_likeliest_token_is_the_first_of_equals() -> None:
    assert choose(torch.tensor([[0.0, 7.0, 7.0]]), noise_keys(0, "s", 1), 0, 0.0)[0].tolist() == [1]


def test_any_of_several_end_tokens_ends_a_text() -> None:
    texts = Writer(model_of("llama"), BARE, 0).write(prompts(count=40), DRAWN)  # type: ignore[arg-type]
    drafts = [draft for drafts in texts for draft in drafts]
    assert not {token for draft in drafts for token in draft.tokens} & set(ENDS)
    assert {len(draft.tokens) for draft in drafts if not draft.finished} == {12}
    assert all(len(draft.tokens) < 12 for draft in drafts if draft.finished)


@pytest.mark.parametrize(
    ("stated", "tokenizers", "expected"),
    [(None, None, set()), (5, None, {5}), ([5, 9], 2, {2, 5, 9}), (None, 2, {2}), (0, 0, {0})],
)
def test_only_end_tokens_that_are_named_end_texts(stated: Any, tokenizers: int | None, expected: set[int]) -> None:
    model = SimpleNamespace(generation_config=SimpleNamespace(eos_token_id=stated))
    assert end_tokens(model, SimpleNamespace(eos_token_id=tokenizers)) == expected  # type: ignore[arg-type]


def test_end_tokens_that_are_given_stand_in_for_the_models_own() -> None:
    model = copy.deepcopy(model_of("llama"))
    model.generation_config.eos_token_id = 7
    asked = prompts(count=40)
    given = Writer(model, BARE, 0, ends=ENDS).write(asked, DRAWN)  # type: ignore[arg-type]
    assert given == Writer(model_of("llama"), BARE, 0).write(asked, DRAWN)  # type: ignore[arg-type]
    assert given != Writer(model, BARE, 0).write(asked, DRAWN)  # type: ignore[arg-type]


def test_without_an_end_token_every_text_is_cut() -> None:
    model = copy.deepcopy(model_of("llama"))
    model.generation_config.eos_token_id = None
    for drafts in Writer(model, BARE, 0).write(prompts(count=20), DRAWN):  # type: ignore[arg-type]
        assert [(len(draft.tokens), draft.finished) for draft in drafts] == [(12, False)] * 3


def test_a_response_tells_texts_lengths_and_which_were_cut() -> None:
    model = copy.deepcopy(model_of("llama"))
    engine = HfEngine(model, words())
    found = written(engine, task(sentences(30), DRAWN)).values()
    cut = {finished for response in found for finished in response.finished}
    assert cut == {True, False}
    for response in found:
        assert len(response.texts) == len(response.finished) == len(response.tokens) == 3
        assert response.digests == Response.written("", response.texts, (), ()).digests
        assert all(
            finished or length == 12 for finished, length in zip(response.finished, response.tokens, strict=True)
        )
        assert not any("<s>" in text or "</s>" in text for text in response.texts), "special tokens are no text"


def test_texts_come_batch_by_batch() -> None:
    model, calls = copy.deepcopy(model_of("llama")), []
    model.register_forward_hook(lambda *_: calls.append(1))
    stream = HfEngine(model, words(), batch_tokens=100).answer(task(sentences(60), DRAWN))
    next(stream)
    early = len(calls)
    assert len(list(stream)) == 59
    assert early < len(calls) / 4


def test_a_prompt_is_read_once_for_all_its_draws() -> None:
    model, read = copy.deepcopy(model_of("llama")), []
    model.register_forward_pre_hook(
        lambda _, args, given: read.append(tuple(given["input_ids"].shape)), with_kwargs=True
    )
    Writer(model, BARE, 0).write(prompts(count=1), Generation(4, 6))  # type: ignore[arg-type]
    assert read[0] == (1, len(prompts(count=1)[0].stem))
    assert {width for _, width in read[1:]} == {1}
    assert read[1][0] == 6


def test_rows_that_have_ended_are_dropped() -> None:
    model, rows = copy.deepcopy(model_of("llama")), []
    model.register_forward_pre_hook(lambda _, args, given: rows.append(len(given["input_ids"])), with_kwargs=True)
    texts = Writer(model, BARE, 0).write(prompts(count=40)[:1], Generation(40, 64, 2.0))  # type: ignore[arg-type]
    for step, held in enumerate(rows[1:], 1):
        going = sum(len(draft.tokens) >= step for draft in texts[0])
        assert held >= going > held * 7 / 8
    assert rows[-1] < 32


def test_only_the_last_positions_logits_are_computed() -> None:
    model, widths = copy.deepcopy(model_of("llama")), []
    model.lm_head.register_forward_hook(lambda _, args, logits: widths.append(logits.shape[1]))
    Writer(model, BARE, 0).write(prompts(), DRAWN)  # type: ignore[arg-type]
    assert set(widths) == {1}


def test_batches_hold_prompts_and_full_grown_texts() -> None:
    asked = prompts(count=60)
    for generation in (Generation(20, 5), Generation(20, 1, 0.0)):
        found = list(writing_batches(asked[::-1], generation, 400))
        assert sorted(question.sample_id for batch in found for question in batch) == sorted(map(str, range(60)))
        assert all(one[-1].size >= next_[0].size for one, next_ in pairwise(found)), "longest first"
        for batch in found:
            widest = batch[0].size
            assert len(batch) == 1 or len(batch) * widest <= 400
            assert len(batch) == 1 or len(batch) * generation.samples * (widest + 20) <= 4 * 400
    assert list(writing_batches([], GREEDY, 400)) == []


class Deaf(LlamaForCausalLM):
    """Takes no notice of padding."""

    def forward(self, input_ids: Any, past_key_values: Any = None, **_: Any) -> Any:
        return super().forward(
            input_ids=input_ids, past_key_values=past_key_values, use_cache=past_key_values is not None
        )


def test_a_model_that_reads_padding_gets_none() -> None:
    deaf: Any = Deaf(model_of("llama").config)  # type: ignore[no-untyped-call]
    deaf.eval()
    deaf.load_state_dict(model_of("llama").state_dict())
    deaf.generation_config.eos_token_id = ENDS
    writer = Writer(deaf, BARE, 0)  # type: ignore[arg-type]
    assert writer.write(prompts(), DRAWN) == Writer(model_of("llama"), BARE, 0).write(prompts(), DRAWN)  # type: ignore[arg-type]
    assert len(writer.notes) == 1
    assert writer.notes[0].startswith("llama: a padded prompt is continued otherwise than the same one alone, by")
    assert "\n" not in writer.notes[0]
    engine = HfEngine(deaf, words())
    asked = task(sentences(40), DRAWN)
    assert written(engine, asked) == written(HfEngine(model_of("llama"), words()), asked)
    assert len(engine.notes) == 1


def test_longer_batches_are_compared_again(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(model_of("llama"), BARE, 0)  # type: ignore[arg-type]
    alone: list[int] = []
    hook = model_of("llama").register_forward_pre_hook(
        lambda _, args, given: alone.append(given["input_ids"].shape[1]) if len(given["input_ids"]) == 1 else None,
        with_kwargs=True,
    )
    greedy = Generation(1, 1, 0.0)
    for longest, compared in ((20, 1), (15, 1), (50, 2), (50, 2)):
        writer.write(prompts(longest=longest), greedy)
        assert len(alone) == compared
    hook.remove()


def test_half_precision_is_compared_by_its_own_rounding() -> None:
    writer = Writer(copy.deepcopy(model_of("llama")).bfloat16(), BARE, 0)  # type: ignore[arg-type]
    writer.write(prompts(count=40), DRAWN)
    assert writer.notes == []


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("generation", [GREEDY, DRAWN], ids=["greedy", "drawn"])
def test_a_logit_that_is_not_finite_stops(value: float, generation: Generation) -> None:
    broken = copy.deepcopy(model_of("llama"))
    with torch.no_grad():
        broken.model.layers[1].mlp.down_proj.weight[0, 0] = value
    engine = HfEngine(broken, words())
    message = r"task tale: the model gives sample s\d+ logits that are not finite; its weights are damaged"
    with pytest.raises(TrustError, match=message):
        list(engine.answer(task(sentences(8), generation)))
    assert engine.notes == []


def test_too_little_memory_names_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Writer, "write", full)
    with pytest.raises(TrustError, match="task tale: the device ran out of memory at 77 tokens a batch; lower --batch"):
        list(HfEngine(model_of("llama"), words(), batch_tokens=77).answer(task(sentences(8), DRAWN)))


def test_a_model_without_keys_and_values_writes_nothing() -> None:
    sizes: Any = {"vocab_size": 97, "hidden_size": 16, "num_hidden_layers": 1, "state_size": 4}
    model = AutoModelForCausalLM.from_config(transformers.MambaConfig(**sizes))
    with pytest.raises(TrustError, match="kept keys and values, and mamba keeps none"):
        list(HfEngine(model, words()).answer(task(sentences(2), DRAWN)))


def test_a_copy_of_the_model_writes_the_same_texts() -> None:
    asked = task(sentences(50), DRAWN)
    dense = written(HfEngine(model_of("llama"), words()), asked)
    assert written(HfEngine(copy.deepcopy(model_of("llama")), words()), asked) == dense


def test_an_empty_prompt_is_continued_from_the_beginning() -> None:
    (response,) = written(HfEngine(model_of("llama"), words()), task([sample(0, "")], GREEDY)).values()
    stem = np.array([words().bos_token_id])
    expected = by_hand(model_of("llama"), stem, GREEDY, noise_keys(0, "s0", 1)[0], (*ENDS, words().eos_token_id))
    assert response.texts == (words().decode(expected.tokens, skip_special_tokens=True),)


def shown(count: int) -> tuple[Demonstration, ...]:
    return tuple(Demonstration(f"word{number} is", f" word{number + 1}") for number in range(count))


def test_over_long_prompts_drop_the_oldest_demonstrations() -> None:
    """128 positions: 4 words a demonstration, 4 of conversation, 2 of the question, 40 to be written."""
    turns = (Demonstration("word70 is", " the word71"),)
    long = sample(0, "word79 is", demonstrations=shown(40), conversation=turns)
    short = sample(1, "word79 is", demonstrations=shown(3), conversation=turns)
    generation = Generation(40, 2)
    read = []
    model = copy.deepcopy(model_of("llama"))
    model.register_forward_pre_hook(lambda _, args, given: read.append(given["input_ids"]), with_kwargs=True)
    engine = HfEngine(model, words())
    written(engine, task([long, short], generation))
    stem = words().decode(max(read, key=lambda inputs: inputs.shape[1])[0])
    kept = stem.count("is") - 2
    assert stem.endswith("word38 is word39 word39 is word40 word70 is the word71 word79 is")
    assert engine.dropped_demonstrations == {"tale": 40 - kept}
    assert len(words()(stem)["input_ids"]) + 40 - 1 <= 128 < len(words()(stem)["input_ids"]) + 3 + 40 - 1


def test_a_question_too_long_by_itself_stops() -> None:
    asked = sample(7, "word " * 100, demonstrations=shown(2))
    with pytest.raises(TrustError, match="task tale: sample s7 needs 139 tokens, but the model takes 128;"):
        written(HfEngine(model_of("llama"), words()), task([asked], Generation(40, 2)))
    assert written(HfEngine(model_of("llama"), words()), task([asked], Generation(29, 2)))


def test_a_killed_run_resumes_where_it_stopped(tmp_path: Path) -> None:
    log = ResponseLog(tmp_path / "log.jsonl", "run", print)
    asked = task(sentences(30), DRAWN)
    engine = HfEngine(model_of("llama"), words(), batch_tokens=100)
    answered: list[str] = []

    def answer(samples: list[Sample], dies_after: float) -> Iterator[Response]:
        for response in engine.answer(asked, samples):
            if len(answered) == dies_after:
                raise KeyboardInterrupt
            answered.append(response.sample_id)
            yield response

    with pytest.raises(KeyboardInterrupt):
        log.answers(asked.samples, partial(answer, dies_after=11), fresh=False, texts=3)
    found = log.answers(asked.samples, partial(answer, dies_after=math.inf), fresh=False, texts=3)
    assert len(answered) == len(set(answered)) == 30
    assert found == written(HfEngine(model_of("llama"), words()), asked)


def without_system(template: str) -> str:
    return "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + template


@pytest.mark.parametrize("change", [str, without_system], ids=["system role", "no system role"])
def test_texts_follow_the_rendered_prompt(change: Callable[[str], str]) -> None:
    tokenizer = copy.deepcopy(words())
    asked = sample(0, "word1 is", system="word9 word8", conversation=shown(1), demonstrations=shown(2))
    for template, form in ((None, "chat"), (change(TEMPLATE), "chat"), (change(TEMPLATE), "raw")):
        tokenizer.chat_template = template
        engine = HfEngine(model_of("llama"), tokenizer)
        whole = task([asked], GREEDY, form=form)
        (response,) = written(engine, whole).values()
        text = engine.render(asked, whole.form)
        stem = np.array(tokenizer(text, add_special_tokens=False)["input_ids"])
        expected = by_hand(model_of("llama"), stem, GREEDY, noise_keys(0, "s0", 1)[0], (*ENDS, tokenizer.eos_token_id))
        assert response.texts == (tokenizer.decode(expected.tokens, skip_special_tokens=True),)
        assert "word9 word8" in text
