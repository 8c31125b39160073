"""Tree scoring is plain scoring, wherever it is used; and where it would not be, it is not used."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM

from fixtures.engines.hf.batches import batches
from fixtures.engines.hf.limits import TREE_ARCHITECTURES, tree_depth
from fixtures.engines.hf.plain import PlainScorer
from fixtures.engines.hf.prefix import families
from fixtures.engines.hf.questions import Question, Span
from fixtures.engines.hf.scorer import Scorer
from fixtures.engines.hf.tree import TreeScorer

WINDOW = 8
SIZES: dict[str, Any] = {"vocab_size": 97, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4}
WIDE = {**SIZES, "intermediate_size": 48, "max_position_embeddings": 128}
GQA = {**WIDE, "num_key_value_heads": 2}
NONE = np.zeros(0, dtype=np.int64)

Config = tuple[str, dict[str, Any]]
ALLOWED: dict[str, Config] = {
    "llama": ("LlamaConfig", GQA),
    "llama-tied": ("LlamaConfig", {**GQA, "tie_word_embeddings": True}),
    "gpt2": ("GPT2Config", {"vocab_size": 97, "n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 128}),
    "opt": ("OPTConfig", {**SIZES, "ffn_dim": 48, "max_position_embeddings": 128}),
    "opt-projected": ("OPTConfig", {**SIZES, "ffn_dim": 48, "max_position_embeddings": 128, "word_embed_proj_dim": 16}),
    "gpt_neox": ("GPTNeoXConfig", WIDE),
    "qwen2": ("Qwen2Config", GQA),
    "qwen3": ("Qwen3Config", {**GQA, "head_dim": 8}),
    "phi": ("PhiConfig", WIDE),
    "falcon": ("FalconConfig", {**SIZES, "alibi": False}),
    "falcon-new": ("FalconConfig", {**SIZES, "alibi": False, "new_decoder_architecture": True, "num_kv_heads": 2}),
    "mistral": ("MistralConfig", {**GQA, "sliding_window": None}),
    "mixtral": ("MixtralConfig", {**GQA, "sliding_window": None, "num_local_experts": 4}),
}
WINDOWED: dict[str, Config] = {
    "mistral": ("MistralConfig", {**GQA, "sliding_window": WINDOW}),
    "mixtral": ("MixtralConfig", {**GQA, "sliding_window": WINDOW, "num_local_experts": 4}),
    "qwen2": ("Qwen2Config", {**GQA, "use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 1}),
}
STEP = 30
ENDS = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "short_factor": [1.0] * 4,
    "long_factor": [4.0] * 4,
    "original_max_position_embeddings": STEP,
}
RESCALED: dict[str, Config] = {
    "llama": ("LlamaConfig", {**GQA, "rope_parameters": LONGROPE}),
    "phi3": ("Phi3Config", {**GQA, "rope_parameters": LONGROPE, "original_max_position_embeddings": STEP, **ENDS}),
}
NEVER: dict[str, Config] = {
    "falcon-alibi": ("FalconConfig", {**SIZES, "alibi": True}),
    "bloom": ("BloomConfig", {"vocab_size": 97, "hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "gemma2": ("Gemma2Config", {**GQA, "head_dim": 8, "sliding_window": WINDOW, "final_logit_softcapping": 1.0}),
    "gemma3": ("Gemma3TextConfig", {**GQA, "head_dim": 8, "sliding_window": WINDOW}),
    "cohere": ("CohereConfig", GQA),
    "granite": ("GraniteConfig", {**GQA, "logits_scaling": 8.0}),
    "gpt_neo": ("GPTNeoConfig", {**SIZES, "attention_types": [[["global", "local", "global"], 1]]}),
}


def random_model(config: Config, **settings: Any) -> Any:
    name, sizes = config
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(getattr(transformers, name)(**sizes), **settings).eval()
    with torch.no_grad():
        # The default initial weights give nearly flat logits, which would hide a wrong mask.
        for weights in model.parameters():
            if weights.dim() > 1:
                weights.mul_(6)
    return model


def questions(longest: int = 60, common: int = 0, seed: int = 0) -> list[Question]:
    """Return random questions of many shapes; `common` tokens begin all of them."""
    random = np.random.default_rng(seed)
    tokens: Any = partial(random.integers, 3, 97)
    before = tokens(common)
    found = []
    for number, (length, options) in enumerate([(longest, 3), (5, 2), (23, 4), (1, 2), (17, 1), (longest - 9, 3)]):
        stem = np.concatenate((before, tokens(length)))
        spans = [Span(np.concatenate((stem, tokens(random.integers(1, 7)))), len(stem)) for _ in range(options)]
        found.append(Question.of(str(number), spans))
    prompt = np.concatenate((before, tokens(12)))
    alike = np.concatenate((prompt, tokens(4)))
    found.append(Question.of("inside", [Span(alike, len(prompt)), Span(np.append(alike, [5, 6]), len(prompt))]))
    found.append(Question.of("one token", [Span(np.append(prompt, answer), len(prompt)) for answer in (7, 8, 9)]))
    found.append(
        Question.of("merged", [Span(alike, len(prompt)), Span(np.append(prompt[:-2], [5, 6]), len(prompt) - 2)])
    )
    return found


def flat(scores: list[list[float]]) -> list[float]:
    return [score for options in scores for score in options]


def difference(one: list[list[float]], other: list[list[float]]) -> float:
    return float(np.abs(np.subtract(flat(one), flat(other))).max())


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", ALLOWED)
def test_tree_equals_plain(name: str, attention: str) -> None:
    model = random_model(ALLOWED[name], attn_implementation=attention)
    asked = questions()
    plain = PlainScorer(model, 4096).score(asked)
    assert np.ptp(flat(plain)) > 5, "the model must not be flat"
    assert difference(TreeScorer(model).score(asked, NONE), plain) < 2e-5


@pytest.mark.parametrize("name", ALLOWED)
def test_shared_prefix_changes_nothing(name: str) -> None:
    model = random_model(ALLOWED[name])
    asked = questions(common=30)
    tree = TreeScorer(model)
    apart = tree.score(asked, NONE)
    for length in (1, 29):
        prefix = asked[0].stem[:length]
        assert difference(tree.score(asked, prefix), apart) < 2e-5
        assert difference([tree.score([question], prefix)[0] for question in asked], apart) < 2e-5
    assert difference(tree.score(asked, NONE), apart) == 0, "a kept prefix must not leak into the next batch"


def test_every_allowed_architecture_is_tested() -> None:
    assert {random_model(config).config.model_type for config in ALLOWED.values()} == TREE_ARCHITECTURES


@pytest.mark.parametrize("name", WINDOWED)
def test_tree_would_be_wrong_beyond_a_window_and_is_not_taken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(WINDOWED[name])
    asked = questions()
    plain = PlainScorer(model, 4096).score(asked)
    assert difference(TreeScorer(model).score(asked, NONE), plain) > 0.1
    assert tree_depth(model) == WINDOW
    monkeypatch.setattr(TreeScorer, "score", None)
    scorer = Scorer(model, 4096)
    assert scorer.score(asked, NONE) == plain
    assert scorer.notes == []


@pytest.mark.parametrize("name", WINDOWED)
def test_tree_is_taken_within_a_window(name: str) -> None:
    model = random_model(WINDOWED[name])
    short = [question for question in questions() if question.depth <= WINDOW]
    assert short
    assert max(question.size for question in short) > WINDOW, "the row may outgrow the window, a text may not"
    plain = PlainScorer(model, 4096).score(short)
    assert difference(TreeScorer(model).score(short, NONE), plain) < 2e-5
    taken = Scorer(model, 4096)
    assert taken.score(short, NONE) == TreeScorer(model).score(short, NONE)
    assert taken.notes == []


@pytest.mark.parametrize("name", ["cohere", "granite", "gemma2"])
def test_tree_would_be_wrong_where_logits_are_scaled(name: str) -> None:
    model = random_model(NEVER[name])
    short = [question for question in questions() if question.depth <= WINDOW]
    assert difference(TreeScorer(model).score(short, NONE), PlainScorer(model, 4096).score(short)) > 0.1


@pytest.mark.parametrize("name", NEVER)
def test_other_architectures_take_the_plain_way(name: str) -> None:
    model = random_model(NEVER[name])
    assert tree_depth(model) == 0
    scorer = Scorer(model, 4096)
    assert not scorer.shares
    asked = questions()
    assert scorer.score(asked, NONE) == PlainScorer(model, 4096).score(asked)


def test_other_attention_takes_the_plain_way() -> None:
    model = random_model(ALLOWED["llama"])
    model.config._attn_implementation = "flash_attention_2"
    assert tree_depth(model) == 0


def test_a_wrong_tree_is_noticed_and_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(WINDOWED["mistral"])
    monkeypatch.setattr("fixtures.engines.hf.scorer.tree_depth", lambda model: float("inf"))
    scorer = Scorer(model, 4096)
    asked = questions()
    assert scorer.score(asked, NONE) == PlainScorer(model, 4096).score(asked)
    assert len(scorer.notes) == 1
    assert scorer.notes[0].startswith("mistral: tree scoring differs from plain scoring by")
    assert "\n" not in scorer.notes[0]


def test_longer_batches_are_compared_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window beyond the first batch's prompts shows only in a later, longer batch."""
    model = random_model(WINDOWED["mistral"])
    monkeypatch.setattr("fixtures.engines.hf.scorer.tree_depth", lambda model: float("inf"))
    scorer = Scorer(model, 4096)
    asked = questions()
    scorer.score([question for question in asked if question.depth <= WINDOW], NONE)
    assert scorer.notes == []
    scorer.score(asked, NONE)
    assert len(scorer.notes) == 1


def test_scores_do_not_depend_on_the_batch() -> None:
    model = random_model(ALLOWED["llama"])
    asked = questions()
    for score in (partial(Scorer(model, 4096).score, prefix=NONE), PlainScorer(model, 4096).score):
        together = score(asked)
        assert difference([score([question])[0] for question in asked], together) < 1e-5
        assert difference(score(asked[::-1])[::-1], together) < 1e-5


@pytest.mark.parametrize("name", RESCALED)
def test_long_texts_do_not_rescale_short_ones(name: str) -> None:
    """LongRoPE spaces all positions of a batch by its longest text."""
    model = random_model(RESCALED[name])
    asked = questions()
    alone = [PlainScorer(model, 1).score([question])[0] for question in asked]
    mixed = PlainScorer(model, 4096)
    assert difference(mixed.score(asked), alone) < 1e-5
    assert difference(Scorer(model, 4096).score(asked, NONE), alone) < 1e-5
    assert tree_depth(model) in (0, STEP)
    mixed._rope_step = float("inf")
    assert difference(mixed.score(asked), alone) > 0.1, "the batch must mix both sides"


def test_families_share_what_their_demonstrations_share() -> None:
    asked = questions(common=30)
    (alone,) = families(asked)
    assert len(alone.prefix) == 0, "30 tokens of 9 questions save too little"
    (shared,) = families(questions(common=300))
    assert len(shared.prefix) == 300
    assert [question.size for question in shared.questions] == sorted((q.size for q in shared.questions), reverse=True)


def test_batches_are_filled_by_padded_size() -> None:
    (alone,) = families(questions())
    for batch in batches(alone, 100):
        assert len(batch) == 1 or len(batch) * max(question.size for question in batch) <= 100
    assert [question for batch in batches(alone, 100) for question in batch] == list(alone.questions)
    assert len(list(batches(alone, 100))) < len(alone.questions)


def test_a_long_prefix_makes_batches_smaller() -> None:
    (shared,) = families(questions(common=300))
    longest = max(question.size for question in shared.questions)
    assert longest - 300 < longest // 4
    assert len(next(batches(shared, longest))) == 4


def test_a_prefix_ends_before_the_first_token_that_is_scored() -> None:
    tokens = np.arange(3, 90)
    asked = [Question.of(str(start), [Span(tokens, start)]) for start in (40, 60) for _ in range(20)]
    (family,) = families([*asked, *asked])
    assert len(family.prefix) == 39
