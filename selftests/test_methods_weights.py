"""What rtn, magnitude and quanto do to weights, against slow and obvious oracles."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fixtures import checkpoint, methods
from fixtures.core import TrustError
from fixtures.methods import measure
from fixtures.methods.layers import group_size, linears, matrix
from fixtures.methods.magnitude import smallest
from fixtures.methods.promise import Quantos
from fixtures.methods.rtn import round_to_nearest
from selftests import tiny_models

WORKING = [
    "rtn-2bit",
    "rtn-3bit",
    "rtn-4bit",
    "rtn-8bit",
    "magnitude-30",
    "magnitude-50",
    "magnitude-2:4",
    "magnitude-1:2",
    "rtn-4bit-g64-sym",
    "rtn-3bit-channel",
    "magnitude-50+rtn-4bit",
]
QUANTO = ["quanto-int8", "quanto-int4", "quanto-int2", "quanto-float8"]


def compress(name: str, folder: Path) -> tuple[Any, Any, methods.Method, Any]:
    """Return the dense model, the compressed one, the method and the tokenizer."""
    dense, tokenizer = checkpoint.load(folder)
    model, _ = checkpoint.load(folder)
    method = methods.parse(name)
    return dense, method.compress(model, tokenizer), method, tokenizer


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("build", [tiny_models.llama, tiny_models.gpt2])
@pytest.mark.parametrize("name", WORKING)
def test_a_method_keeps_its_promise_and_survives_saving(
    name: str, build: Any, dtype: torch.dtype, tmp_path: Path
) -> None:
    dense, model, method, tokenizer = compress(name, build(tmp_path / "dense", dtype))
    facts = methods.verify(dense, model, method)
    method.save(model, tokenizer, tmp_path / "saved")
    assert methods.verify_reload(model, method.load(tmp_path / "saved")) == {
        "reload_weight_difference": 0.0,
        "reload_logit_difference": 0.0,
    }
    assert facts["layers"] == len(linears(dense))
    assert not any("proj" in name or "c_" in name for name in facts["skipped"])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", QUANTO)
def test_quanto_keeps_its_promise_and_loads_as_plain_weights(name: str, dtype: torch.dtype, tmp_path: Path) -> None:
    dense, model, method, tokenizer = compress(name, tiny_models.llama(tmp_path / "dense", dtype, hidden_size=160))
    methods.verify(dense, model, method)
    method.save(model, tokenizer, tmp_path / "saved")
    loaded = method.load(tmp_path / "saved")
    methods.verify_reload(model, loaded)
    assert {type(layer) for layer in linears(loaded).values()} == {torch.nn.Linear}
    assert {parameter.dtype for parameter in loaded.parameters()} == {dtype}
    with torch.inference_mode():  # which quanto's own 4-bit weights cannot stand
        assert loaded(torch.tensor([[1, 2, 3]])).logits.isfinite().all()


@pytest.mark.parametrize("inputs", [64, 96, 128, 160, 172, 224, 256, 384])
def test_quantos_groups_are_as_promised(inputs: int) -> None:
    from optimum.quanto import QLinear, qint4

    assert Quantos()(inputs) == (QLinear(inputs, 8, weights=qint4).weight_group_size or inputs)


@pytest.mark.parametrize(("inputs", "group"), [(64, 64), (128, 128), (172, 86), (4096, 128), (14336, 128), (131, 1)])
def test_a_group_is_the_largest_divisor_up_to_128(inputs: int, group: int) -> None:
    assert group_size(inputs) == group


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_rounding_equals_a_search_for_the_nearest_level(bits: int) -> None:
    """Each weight goes to the nearest of 2**bits levels between its group's ends, zero among them."""
    generator = np.random.default_rng(0)
    weight = generator.normal(size=(3, 12)).astype(np.float32)
    result = round_to_nearest(torch.tensor(weight), bits, 6).numpy()
    for row in range(3):
        for start in (0, 6):
            group = weight[row, start : start + 6]
            scale = (max(group.max(), 0) - min(group.min(), 0)) / (2**bits - 1)
            zero = round(-min(group.min(), 0) / scale)
            levels = np.array([(level - zero) * scale for level in range(2**bits)])
            nearest = levels[np.abs(group[:, None] - levels[None]).argmin(-1)]
            np.testing.assert_allclose(result[row, start : start + 6], nearest, atol=1e-6)


def test_rounding_leaves_a_group_of_zeros_alone() -> None:
    assert torch.equal(round_to_nearest(torch.zeros(2, 8), 4, 8), torch.zeros(2, 8))


@pytest.mark.parametrize("count", [0, 1, 5, 11, 12])
def test_pruning_takes_exactly_the_smallest_and_among_equals_the_first(count: int) -> None:
    weight = torch.tensor([[0.5, -0.1, 0.1, 0.3], [-0.1, 0.1, 2.0, 0.1], [0.3, -0.3, 0.0, 1.0]])
    order = sorted(range(12), key=lambda index: (abs(float(weight.flatten()[index])), index))
    expected = torch.zeros(12, dtype=torch.bool)
    expected[order[:count]] = True
    assert torch.equal(smallest(weight.abs(), count).flatten(), expected)


@pytest.mark.parametrize("percent", [1, 37, 99])
def test_every_layer_loses_the_same_share(percent: int, tmp_path: Path) -> None:
    _, model, _, _ = compress(f"magnitude-{percent}", tiny_models.gpt2(tmp_path))
    for module in linears(model).values():
        weight = matrix(module)
        assert int((weight == 0).sum()) == round(weight.numel() * percent / 100)


def test_a_pattern_runs_along_the_inputs_of_a_transposed_layer(tmp_path: Path) -> None:
    """GPT-2 stores [inputs, outputs]; hardware reads 2:4 along the inputs of each output."""
    dense, model, _, _ = compress("magnitude-4:8", tiny_models.gpt2(tmp_path))
    stored, original = model.transformer.h[0].mlp.c_fc.weight, dense.transformer.h[0].mlp.c_fc.weight
    for output in range(3):
        for start in range(0, 48, 8):
            kept = stored[start : start + 8, output] != 0
            largest = original[start : start + 8, output].abs().argsort()[4:]
            assert set(kept.nonzero().flatten().tolist()) == set(largest.tolist())


def test_a_pattern_that_does_not_fit_stops_with_the_layers_name_before_any_work(tmp_path: Path) -> None:
    model, tokenizer = checkpoint.load(tiny_models.llama(tmp_path))
    before = {name: weight.clone() for name, weight in measure.weights(model).items()}
    with pytest.raises(TrustError, match=r"magnitude-4:8: model.layers.0.mlp.down_proj has 172 inputs"):
        methods.parse("magnitude-4:8").compress(model, tokenizer)
    assert all(torch.equal(weight, before[name]) for name, weight in measure.weights(model).items())


@pytest.mark.parametrize("name", ["rtn-4bit", "gptq-4bit"])
def test_a_prime_number_of_inputs_stops_with_the_layers_name(name: str, tmp_path: Path) -> None:
    model, tokenizer = checkpoint.load(tiny_models.llama(tmp_path, intermediate_size=173))
    with pytest.raises(TrustError, match=r"model.layers.0.mlp.down_proj has 173 inputs.*is 1"):
        methods.parse(name).compress(model, tokenizer)


@pytest.mark.parametrize("name", ["gptq-4bit", *QUANTO])
def test_layers_that_a_library_would_pass_by_in_silence_stop_it(name: str, tmp_path: Path) -> None:
    model, tokenizer = checkpoint.load(tiny_models.gpt2(tmp_path))
    with pytest.raises(TrustError, match=f"{name}: transformer.h.0.attn.c_attn is a Conv1D"):
        methods.parse(name).compress(model, tokenizer)


def test_experts_fused_into_one_tensor_are_not_passed_by(tmp_path: Path) -> None:
    from transformers import MixtralConfig, MixtralForCausalLM

    model = MixtralForCausalLM(
        MixtralConfig(
            vocab_size=tiny_models.VOCABULARY, hidden_size=32, intermediate_size=64, num_hidden_layers=1,
            num_attention_heads=4, num_key_value_heads=2, num_local_experts=4,
        )
    )  # fmt: skip
    with pytest.raises(TrustError, match="of the decoder's weights are in linear layers"):
        methods.parse("rtn-4bit").compress(model, tiny_models.tokenizer())


@pytest.mark.parametrize("tied", [True, False])
def test_the_output_layer_and_embeddings_are_never_touched(tied: bool, tmp_path: Path) -> None:
    dense, model, _, _ = compress("rtn-2bit", tiny_models.llama(tmp_path, tie_word_embeddings=tied))
    assert torch.equal(model.lm_head.weight, dense.lm_head.weight)
    assert torch.equal(model.model.embed_tokens.weight, dense.model.embed_tokens.weight)
    assert (model.lm_head.weight is model.model.embed_tokens.weight) == tied


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("group", [32, 64, 128])
def test_the_grid_test_tells_quantized_weights_from_others(bits: int, dtype: torch.dtype, group: int) -> None:
    weight = (torch.randn(64, 4 * group, generator=torch.Generator().manual_seed(0)) * 0.02).to(dtype)
    assert measure.off_grid(round_to_nearest(weight, bits, group), bits, group) < 0.11
    assert measure.off_grid(weight, bits, group) > 0.19


def test_effective_bits_count_scales_and_zero_points(tmp_path: Path) -> None:
    """Groups of 64 in float32: 4 bits each, and 32 + 4 bits for 64 of them. Groups of 86 in down_proj alone."""
    dense, model, method, _ = compress("rtn-4bit", tiny_models.llama(tmp_path))
    facts = methods.verify(dense, model, method)
    down = sum(matrix(module).numel() for name, module in linears(dense).items() if name.endswith("down_proj"))
    rest = facts["layer_weights"] - down
    expected = (rest * (4 + 36 / 64) + down * (4 + 36 / 86)) / (rest + down)
    assert facts["effective_bits"] == pytest.approx(expected)
    assert facts["max_levels"] == 16
    others = facts["dense_bytes"] - 4 * facts["layer_weights"]
    assert facts["packed_bytes"] == pytest.approx(others + expected * facts["layer_weights"] / 8, abs=1)
