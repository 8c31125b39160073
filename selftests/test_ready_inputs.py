"""What a ready-made checkpoint rounds as it runs, and what its files hold beside weights."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from fixtures import checkpoint, methods
from fixtures.core import TrustError
from fixtures.methods import formats
from fixtures.methods.measure import probe
from selftests import ready_models as ready
from selftests import tiny_models
from selftests.test_ready_formats import need, verify

UP = "model.layers.1.mlp.up_proj"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.llama(
        tmp_path_factory.mktemp("dense") / "m", hidden_size=128, intermediate_size=192, tie_word_embeddings=False
    )


def load(made: Path) -> Any:
    return formats.load(formats.recognise(made), "cpu", "float32")


def bare(made: Path) -> torch.Tensor:
    """Return the logits of the same weights without rounded inputs."""
    model = load(made)
    for module in model.modules():
        module._forward_pre_hooks.clear()
    return probe(model)


@pytest.mark.parametrize("name", ["w8a8", "fp8", "nvfp4", "llm-int8", "nf4"])
def test_an_exported_method_computes_as_a_checkpoint_what_it_did(name: str, folder: Path, tmp_path: Path) -> None:
    need("bitsandbytes" if name in ("llm-int8", "nf4") else "torch")
    method = methods.parse(name)
    model = method.compress(*ready.dense(folder))
    method.save(model, checkpoint.load_tokenizer(folder), tmp_path / "made")
    logits = probe(load(tmp_path / "made"))
    assert torch.allclose(logits, probe(method.load(tmp_path / "made", "cpu", "float32")), atol=1e-5)
    assert (float((logits - bare(tmp_path / "made")).abs().max()) > 1e-3) == (name != "nf4"), "inputs are rounded"
    assert verify(folder, tmp_path / "made")["findings"] == []


@pytest.mark.parametrize("scheme", ["FP8", "FP8_BLOCK"])
def test_compressed_tensors_rounds_what_its_layers_read(scheme: str, tmp_path: Path) -> None:
    """Scales of the calibration; blocks of 128 x 128 along 512 inputs. Oracle: the library."""
    folder = tiny_models.llama(tmp_path / "m", hidden_size=256, intermediate_size=512, tie_word_embeddings=False)
    made = ready.compressed(scheme, calibrated=scheme == "FP8")(folder, tmp_path / "made")
    with checkpoint.quiet():
        library: Any = AutoModelForCausalLM.from_pretrained(made, dtype=torch.float32)
    expected = probe(library)
    error, without = (float((logits - expected).norm() / expected.norm()) for logits in (probe(load(made)), bare(made)))
    assert error < 1e-3 < 5e-3 < without
    assert verify(folder, made)["layers"] == 14


def test_a_key_value_caches_scales_are_a_finding(folder: Path, tmp_path: Path) -> None:
    made = ready.compressed("W8A8")(folder, tmp_path / "made")
    scales = {f"model.layers.{layer}.self_attn.{of}_scale": torch.ones(1) for layer in (0, 1) for of in "kv"}
    ready.edit(made, lambda weights: weights.update(scales))
    with pytest.raises(TrustError, match=r"4 weights would be ignored, first model.layers.0.self_attn.k_scale"):
        verify(folder, made)
    ready.edit_config(
        made, lambda config: config["quantization_config"].update(kv_cache_scheme={"num_bits": 8, "type": "float"})
    )
    assert verify(folder, made)["findings"] == ["it also compresses the key-value cache where it runs; here it is not"]


def test_the_library_that_unpacks_it_is_part_of_what_was_verified(folder: Path, tmp_path: Path) -> None:
    """So that another version of it verifies again."""
    need("bitsandbytes")
    made = ready.bitsandbytes(load_in_8bit=True)(folder, tmp_path / "made")
    plain, packed = (methods.parse(f"mine=checkpoint:{path}") for path in (folder, made))
    assert set(packed.libraries) - set(plain.libraries) == {"bitsandbytes"}
    assert "bitsandbytes" in str(packed.provenance["libraries"])


def test_a_bias_of_zeros_is_left_out(folder: Path, tmp_path: Path) -> None:
    made = ready.gptq(folder, tmp_path / "made")
    ready.edit(made, lambda weights: weights.update({f"{UP}.bias": torch.zeros(192)}))
    assert verify(folder, made)["layers"] == 14
    ready.edit(made, lambda weights: weights[f"{UP}.bias"].add_(0.1))
    with pytest.raises(TrustError, match=rf"1 weights would be ignored, first {UP}.bias"):
        verify(folder, made)


def test_a_setting_that_no_code_reads_is_a_finding(folder: Path, tmp_path: Path) -> None:
    made = ready.gptq(folder, tmp_path / "made")
    ready.edit_config(made, lambda config: config.update(unsloth_version="2025.1"))
    assert verify(folder, made)["findings"] == [
        "unsloth_version is '2025.1' in its configuration, None in the dense one"
    ]


@pytest.mark.parametrize("width", [144, 160])
def test_nf4_whose_blocks_run_over_the_end_of_a_row(width: int, tmp_path: Path) -> None:
    need("bitsandbytes")
    folder = tiny_models.llama(tmp_path / "m", hidden_size=width, intermediate_size=192)
    make = ready.bitsandbytes(load_in_4bit=True, bnb_4bit_quant_type="nf4")
    assert verify(folder, make(folder, tmp_path / "made"))["lowest_cosine"] > 0.99


def test_nf4_without_its_weights_is_refused_in_one_line(folder: Path, tmp_path: Path) -> None:
    need("bitsandbytes")
    made = ready.bitsandbytes(load_in_4bit=True, bnb_4bit_quant_type="nf4")(folder, tmp_path / "made")
    ready.edit(made, lambda weights: weights.pop(f"{UP}.weight"))
    with pytest.raises(TrustError, match=rf"{UP}.weight is missing; download the checkpoint again"):
        methods.parse(f"mine=checkpoint:{made}")
