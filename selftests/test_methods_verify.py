"""`verify` lets no broken promise through, and names the first layer that breaks it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from fixtures import checkpoint, methods
from fixtures.core import TrustError
from fixtures.methods import calibration, measure
from fixtures.methods.layers import linears, matrix
from fixtures.methods.rtn import round_to_nearest
from selftests import tiny_models

Damage = Callable[[Any, Any], object]
"""(dense model, compressed model to damage)"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.llama(tmp_path_factory.mktemp("llama"))


def compressed(name: str, folder: Path) -> tuple[Any, Any, methods.Method]:
    dense, tokenizer = checkpoint.load(folder)
    model, _ = checkpoint.load(folder)
    method = methods.parse(name)
    return dense, method.compress(model, tokenizer), method


def layer(model: Any, index: int = 1) -> Any:
    return model.model.layers[index].mlp.up_proj


def restore_all(dense: Any, model: Any) -> None:
    model.load_state_dict(dense.state_dict())


def restore_one(dense: Any, model: Any) -> None:
    layer(model).weight.copy_(layer(dense).weight)


def one_more_level(dense: Any, model: Any) -> None:
    weight = layer(model).weight
    full = next(row for row in weight if len(row.unique()) == 16)
    full[0] = (full.unique()[0] + full.unique()[1]) / 2
    full[1:17] = full.unique()[:16]


def wrong_grid(dense: Any, model: Any) -> None:
    """Plausible 8-bit damage that no count of levels shows: a group of 64 cannot hold more than 256 values."""
    layer(model).weight.copy_(layer(dense).weight * 1.0005)


def fewer_bits_than_promised(dense: Any, model: Any) -> None:
    layer(model).weight.copy_(round_to_nearest(layer(dense).weight, 2, 64))


def forget_one_zero(dense: Any, model: Any) -> None:
    weight = layer(model).weight
    index = tuple((weight == 0).nonzero()[0].tolist())
    weight[index] = layer(dense).weight[index]


def one_zero_more(dense: Any, model: Any) -> None:
    weight = layer(model).weight
    weight[tuple((weight != 0).nonzero()[0].tolist())] = 0


def move_a_zero(dense: Any, model: Any) -> None:
    """The ratio stays, the pattern breaks: hardware would read a wrong weight."""
    forget_one_zero(dense, model)
    weight = layer(model).weight
    weight[-1, -4:][weight[-1, -4:].nonzero()[0]] = 0


def touch_kept_weights(dense: Any, model: Any) -> None:
    layer(model).weight.mul_(1.01)


def prune_the_output_layer(dense: Any, model: Any) -> None:
    model.lm_head.weight[:, ::2] = 0


def move_a_norm(dense: Any, model: Any) -> None:
    model.model.norm.weight.mul_(1.001)


def scramble(dense: Any, model: Any) -> None:
    weight = layer(model).weight
    weight.copy_(weight[torch.randperm(len(weight), generator=torch.Generator().manual_seed(0))])


def poison(dense: Any, model: Any) -> None:
    layer(model).weight[0, 0] = float("nan")


def drop(dense: Any, model: Any) -> None:
    model.model.layers[1].mlp.up_proj = torch.nn.Identity()


BROKEN: dict[str, tuple[str, Damage, str]] = {
    "did nothing": ("rtn-4bit", restore_all, "layers.0.self_attn.q_proj is unchanged"),
    "left one layer out": ("rtn-8bit", restore_one, "layers.1.mlp.up_proj is unchanged"),
    "too many levels": ("rtn-4bit", one_more_level, "layers.1.mlp.up_proj has 17 values in one group of 64"),
    "off the grid": ("rtn-8bit", wrong_grid, "layers.1.mlp.up_proj is not on a 8-bit grid"),
    "too much damage": ("rtn-4bit", fewer_bits_than_promised, "layers.1.mlp.up_proj has cosine"),
    "pruned nothing": ("magnitude-50", restore_all, "layers.0.self_attn.q_proj is unchanged"),
    "pruned too little": ("magnitude-50", forget_one_zero, "layers.1.mlp.up_proj has 49.99% zeros; 50.00% were"),
    "pruned too much": ("magnitude-50", one_zero_more, "layers.1.mlp.up_proj has 50.01% zeros; 50.00% were"),
    "broke the pattern": ("magnitude-2:4", move_a_zero, "layers.1.mlp.up_proj keeps 3 of 4"),
    "changed what it keeps": ("magnitude-50", touch_kept_weights, "layers.1.mlp.up_proj has weights that were changed"),
    "pruned the output layer": ("magnitude-50", prune_the_output_layer, "model.embed_tokens.weight was changed"),
    "changed a norm": ("rtn-4bit", move_a_norm, "model.norm.weight was changed"),
    "changed the control": ("dense", move_a_norm, "model.norm.weight was changed"),
    "random weights": ("rtn-4bit", scramble, "layers.1.mlp.up_proj has cosine"),
    "random pruned weights": ("magnitude-50", scramble, "layers.1.mlp.up_proj has cosine"),
    "not a number": ("rtn-4bit", poison, "layers.1.mlp.up_proj holds NaN"),
    "a lost layer": ("rtn-4bit", drop, "layers.1.mlp.up_proj is gone"),
}


@pytest.mark.parametrize(("name", "damage", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_promise_is_an_error(name: str, damage: Damage, message: str, folder: Path) -> None:
    dense, model, method = compressed(name, folder)
    methods.verify(dense, model, method)
    with torch.no_grad():
        damage(dense, model)
    with pytest.raises(TrustError, match=message.replace(".", r"\.")) as error:
        methods.verify(dense, model, method)
    assert str(error.value).startswith(f"{name}: ")


def coarser_and_half_gone(model: Any) -> None:
    weight = layer(model).weight
    weight.copy_(round_to_nearest(weight, 2, 64))
    weight[::2] = 0


@pytest.mark.parametrize("name", ["magnitude-10+rtn-4bit", "magnitude-50+rtn-4bit", "magnitude-2:4+awq-4bit"])
def test_a_stage_is_held_to_the_model_before_it(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A promise of zeros alone would let through whatever is on the grid and has enough of them."""
    monkeypatch.setattr(calibration, "SEQUENCES", 2)
    folder = tiny_models.llama(tmp_path, intermediate_size=176, tie_word_embeddings=False)
    dense, tokenizer = checkpoint.load(folder)
    method = methods.parse(name)
    working, _ = checkpoint.load(folder)
    methods.make(method, dense, working, tokenizer)
    quantizing = type(method.stages[1])
    real = quantizing.compress

    def damaging(self: Any, model: Any, tokenizer: Any) -> Any:
        model = real(self, model, tokenizer)
        with torch.no_grad():
            coarser_and_half_gone(model)
        return model

    monkeypatch.setattr(quantizing, "compress", damaging)
    working, _ = checkpoint.load(folder)
    with pytest.raises(TrustError, match=r"4bit: model.layers.1.mlp.up_proj has cosine .* below 0.95"):
        methods.make(method, dense, working, tokenizer)


@pytest.mark.parametrize("ratio", [1, 20, 50, 80, 99])
def test_zeros_drawn_by_chance_are_twice_the_floor_of_pruning(ratio: int) -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(300, 400, generator=generator)
    left = weight * (torch.rand(weight.shape, generator=generator) > ratio / 100)
    floor = measure.lowest_cosine(methods.parse(f"wanda-{ratio}").promise)
    assert measure.cosine(weight, left) == pytest.approx(2 * floor, rel=0.05)


def test_logits_that_overflow_are_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dense, model, method = compressed("rtn-4bit", folder)
    monkeypatch.setattr(model.model.norm, "forward", lambda hidden: hidden / 0)
    with pytest.raises(TrustError, match="rtn-4bit: the compressed model's logits are NaN or infinite"):
        methods.verify(dense, model, method)


def test_what_was_verified_is_reported_in_numbers(folder: Path) -> None:
    dense, model, method = compressed("magnitude-2:4", folder)
    facts = methods.verify(dense, model, method)
    assert facts["layers"] == len(linears(dense)) == 14
    assert facts["layer_weights"] == sum(matrix(module).numel() for module in linears(dense).values())
    assert facts["sparsity"] == 0.5
    assert facts["skipped"] == ["model.embed_tokens.weight", "lm_head.weight"]
    assert facts["packed_bytes"] == facts["dense_bytes"]


def saved_and_loaded(name: str, folder: Path, target: Path) -> tuple[Any, Any]:
    dense, tokenizer = checkpoint.load(folder)
    method = methods.parse(name)
    model = method.compress(dense, tokenizer)
    method.save(model, tokenizer, target)
    return model, method.load(target)


def test_one_weight_corrupted_on_disk_is_an_error(folder: Path, tmp_path: Path) -> None:
    """As bitsandbytes NF4 checkpoints saved after a forward pass on a CPU: 40.4 in memory, 48.9 reloaded."""
    model, loaded = saved_and_loaded("rtn-4bit", folder, tmp_path)
    methods.verify_reload(model, loaded)
    layer(loaded).weight[0, 0] += 1e-5
    with pytest.raises(TrustError, match=r"layers.1.mlp.up_proj.weight: differs after saving and loading"):
        methods.verify_reload(model, loaded)


def test_rotary_frequencies_rounded_on_load_are_an_error(folder: Path, tmp_path: Path) -> None:
    """model.to(bfloat16) rounds buffers too; parameters alone would look right."""
    model, loaded = saved_and_loaded("rtn-4bit", folder, tmp_path)
    loaded.model.rotary_emb.inv_freq = loaded.model.rotary_emb.inv_freq.bfloat16().float()
    with pytest.raises(TrustError, match=r"rotary_emb.inv_freq: differs"):
        methods.verify_reload(model, loaded)


def test_a_model_that_computes_otherwise_is_an_error(folder: Path, tmp_path: Path) -> None:
    model, loaded = saved_and_loaded("rtn-4bit", folder, tmp_path)
    loaded.model.layers[0].self_attn.scaling *= 1.01
    with pytest.raises(TrustError, match="logits move by"):
        methods.verify_reload(model, loaded)
