"""More of what libraries do in silence when they compress: each is provoked, and caught or avoided."""

from pathlib import Path
from typing import Any

import pytest
import torch

from fixtures import checkpoint, methods
from fixtures.core import TrustError
from fixtures.methods import calibration, measure
from fixtures.methods.layers import linears, matrix
from fixtures.methods.oneshot import oneshot
from selftests import tiny_models

bitsandbytes = pytest.importorskip("bitsandbytes")


@pytest.fixture(autouse=True)
def few_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "SEQUENCES", 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.llama(tmp_path_factory.mktemp("llama"), tie_word_embeddings=False, intermediate_size=176)


def test_nf4_is_dequantized_wrongly_on_a_cpu_where_a_block_runs_over_a_row_and_not_here(folder: Path) -> None:
    """bitsandbytes 0.50.2: 176 inputs, blocks of 64."""
    dense, tokenizer = checkpoint.load(folder)
    weight = dense.model.layers[0].mlp.down_proj.weight.data
    packed, state = bitsandbytes.functional.quantize_4bit(weight, blocksize=64, quant_type="nf4")
    library = bitsandbytes.functional.dequantize_4bit(packed, state)
    assert measure.levels(library, 64) > 16, "no longer provoked: the library was mended"
    method = methods.parse("nf4")
    broken, _ = checkpoint.load(folder)
    method.compress(broken, tokenizer)
    broken.model.layers[0].mlp.down_proj.weight.data = library
    with pytest.raises(TrustError, match=r"down_proj has \d+ values in one group of 64; 4 bits allow 16"):
        methods.verify(dense, broken, method)
    working, _ = checkpoint.load(folder)
    methods.verify(dense, method.compress(working, tokenizer), method)


def test_a_checkpoint_saved_after_it_was_repacked_is_caught_on_reload(folder: Path, tmp_path: Path) -> None:
    """As bitsandbytes does with NF4 in the first forward pass on some CPUs."""
    model, tokenizer = checkpoint.load(folder)
    method = methods.parse("nf4")
    model = method.compress(model, tokenizer)
    layer: Any = model.model.layers[0].mlp.up_proj
    layer.packed["weight"] = layer.packed["weight"].flip(0)
    method.save(model, tokenizer, tmp_path)
    with pytest.raises(TrustError, match=r"up_proj.weight: differs after saving and loading"):
        methods.verify_reload(model, method.load(tmp_path))


def test_gptq_moves_the_zeros_of_a_pruned_model_and_here_they_are_put_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fixtures.methods import gptq

    name = "magnitude-2:4+gptq-4bit"
    dense, tokenizer = checkpoint.load(folder)
    kept, _ = checkpoint.load(folder)
    methods.make(methods.parse(name), dense, kept, tokenizer)
    assert all((matrix(module) == 0).float().mean() >= 0.5 for module in linears(kept).values())
    moved, _ = checkpoint.load(folder)
    real = oneshot

    def forget(model: Any, *rest: Any) -> None:
        real(model, *rest)
        for layer in linears(model).values():
            module: Any = layer
            module.weight.data = module.weight.data.clone()

    monkeypatch.setattr(gptq, "matrix", lambda module: matrix(module).clone())
    monkeypatch.setattr(gptq, "oneshot", forget)
    with pytest.raises(TrustError, match=r"magnitude-2:4\+gptq-4bit: .* (zeros; 50.00% were promised|keeps \d of 4)"):
        methods.make(methods.parse(name), dense, moved, tokenizer)


def test_rounding_of_inputs_is_what_bitsandbytes_own_layer_computes(folder: Path) -> None:
    """LLM.int8(), outlier channels included: within half precision, to which the library casts."""
    dense, tokenizer = checkpoint.load(folder)
    plain: Any = dense.model.layers[0].mlp.up_proj
    own = bitsandbytes.nn.Linear8bitLt(64, 176, bias=False, has_fp16_weights=False, threshold=6.0)
    own.weight = bitsandbytes.nn.Int8Params(plain.weight.data.clone(), requires_grad=False, has_fp16_weights=False)
    own = own.to("cpu").eval()
    inputs = torch.randn(1, 5, 64, generator=torch.Generator().manual_seed(0))
    inputs[0, 2, 7] = 11.0
    compressed: Any = methods.parse("llm-int8").compress(dense, tokenizer)
    with torch.no_grad():
        expected, found = own(inputs), compressed.model.layers[0].mlp.up_proj(inputs)
    assert torch.allclose(found, expected.float(), atol=0.02 * float(expected.abs().max()))
    assert not torch.equal(found, torch.nn.functional.linear(inputs, compressed.model.layers[0].mlp.up_proj.weight))


@pytest.mark.parametrize("name", ["wanda-50", "sparsegpt-2:4", "awq-4bit"])
def test_the_output_layer_is_left_alone_and_the_rest_keeps_its_promise(name: str, folder: Path) -> None:
    dense, tokenizer = checkpoint.load(folder)
    working, _ = checkpoint.load(folder)
    made = methods.make(methods.parse(name), dense, working, tokenizer)
    assert "lm_head.weight" in made.verified["skipped"]
    assert torch.equal(made.model.lm_head.weight, dense.lm_head.weight)
