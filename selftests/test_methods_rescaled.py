"""AWQ moves scales between layers: each must be undone by what reads it, and nothing else may move."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from fixtures import checkpoint, methods
from fixtures.core import TrustError
from fixtures.methods import calibration
from selftests import architectures, tiny_models

Damage = Callable[[Any], object]


@pytest.fixture(scope="module", autouse=True)
def few_sequences() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "SEQUENCES", 2)
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, methods.Method]:
    """As many key heads as others, so that AWQ scales between values and outputs of attention too."""
    sizes: dict[str, Any] = {"intermediate_size": 176, "num_key_value_heads": 4, "tie_word_embeddings": False}
    folder = tiny_models.llama(tmp_path_factory.mktemp("llama"), **sizes)
    dense, tokenizer = checkpoint.load(folder)
    working, _ = checkpoint.load(folder)
    method = methods.parse("awq-4bit")
    return dense, methods.make(method, dense, working, tokenizer).model, method


def scale(name: str, factor: float, place: Any = slice(None)) -> Damage:
    def damage(model: Any) -> None:
        model.get_parameter(name)[place] *= factor

    return damage


def flip(name: str) -> Damage:
    def damage(model: Any) -> None:
        model.get_parameter(name).copy_(model.get_parameter(name).flip(0))

    return damage


LAYER = "model.layers.1."
DAMAGES: dict[str, tuple[Damage, str]] = {
    "a norm three times": (scale(f"{LAYER}input_layernorm.weight", 3), "q_proj is .* times its dense"),
    "one place of a norm": (
        scale(f"{LAYER}input_layernorm.weight", 3, 5),
        "layernorm.weight is scaled at place 5",
    ),
    "a norm by little": (
        scale(f"{LAYER}post_attention_layernorm.weight", 1.3, 7),
        "norm.weight is scaled at place 7",
    ),
    "a norm's sign": (scale(f"{LAYER}input_layernorm.weight", -1, 3), "input_layernorm.weight is more than rescaled"),
    "a norm that nothing undoes": (scale("model.norm.weight", 3), "model.norm.weight was changed"),
    "a layer ten times": (scale(f"{LAYER}mlp.up_proj.weight", 10), "down_proj is .* times its dense"),
    "an output of a layer": (scale(f"{LAYER}mlp.up_proj.weight", 2, 9), "up_proj.weight is scaled at place 9"),
    "an output of the values": (scale(f"{LAYER}self_attn.v_proj.weight", 0.5, 4), "v_proj.weight is scaled at place 4"),
    "a layer's sign": (scale(f"{LAYER}self_attn.o_proj.weight", -1), "o_proj has cosine -"),
    "other directions": (flip(f"{LAYER}mlp.up_proj.weight"), "up_proj has cosine"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_a_scale_that_is_not_undone_is_refused(damage: Damage, message: str, made: Any) -> None:
    dense, model, method = made
    methods.verify(dense, model, method)
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    try:
        with torch.no_grad():
            damage(model)
        with pytest.raises(TrustError, match=message) as error:
            methods.verify(dense, model, method)
        assert str(error.value).startswith("awq-4bit: ")
    finally:
        for name, weight in model.named_parameters():
            weight.data.copy_(before[name])


def test_a_layer_that_nothing_else_undoes_may_not_grow_either(tmp_path: Path) -> None:
    """A factor that all weights share moves no cosine and leaves every grid."""
    folder = tiny_models.llama(tmp_path)
    dense, tokenizer = checkpoint.load(folder)
    working, _ = checkpoint.load(folder)
    method = methods.parse("rtn-4bit")
    model: Any = method.compress(working, tokenizer)
    model.model.layers[1].mlp.up_proj.weight.data *= 1.5
    with pytest.raises(TrustError, match=r"layers.1.mlp.up_proj is 1.50 times its dense weights"):
        methods.verify(dense, model, method)


@pytest.mark.parametrize("kind", ["gemma2", "gemma3_text"])
def test_norms_that_add_one_to_their_weights_are_compared_as_they_multiply(kind: str, tmp_path: Path) -> None:
    """Scaling 1 + w by 3 may turn the sign of w itself, as llmcompressor stores it."""
    sizes: dict[str, Any] = {"head_dim": 16, "sliding_window": 16, "num_key_value_heads": 2}
    folder = architectures.write_config(architectures.config(kind, **sizes), tmp_path / "dense")
    dense, tokenizer = checkpoint.load(folder)
    working, _ = checkpoint.load(folder)
    method = methods.parse("awq-4bit")
    model: Any = methods.make(method, dense, working, tokenizer).model
    name = "model.layers.0.pre_feedforward_layernorm.weight"
    norms = [key for key, weight in dense.named_parameters() if weight.dim() == 1]
    turned = [bool((dense.get_parameter(key) * model.get_parameter(key) < 0).any()) for key in norms]
    assert any(turned), "no longer provoked"
    with torch.no_grad():
        model.get_parameter(name)[3] = -1 - (1 + model.get_parameter(name)[3])
    with pytest.raises(TrustError, match=r"pre_feedforward_layernorm.weight is more than"):
        methods.verify(dense, model, method)


def test_awq_that_moves_no_scale_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of it then is plain rounding under another name."""
    from llmcompressor.modifiers.transform.awq import AWQModifier

    model, tokenizer = checkpoint.load(tiny_models.llama(tmp_path))
    monkeypatch.setattr(AWQModifier, "_compute_best_scale", lambda *_: torch.ones(1))
    with pytest.raises(TrustError, match="awq-4bit: llmcompressor moved no scale"):
        methods.parse("awq-4bit").compress(model, tokenizer)


def test_a_mapping_that_awq_passes_by_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No activations are only an INFO of the library's."""
    from llmcompressor.modifiers.transform.awq import AWQModifier

    model, tokenizer = checkpoint.load(tiny_models.llama(tmp_path))
    monkeypatch.setattr(AWQModifier, "_run_samples", lambda *_: [])
    with pytest.raises(TrustError, match=r"awq-4bit: Skipping smooth_layer .* no activations"):
        methods.parse("awq-4bit").compress(model, tokenizer)
