"""Every format of ready-made checkpoints: recognised without torch, unpacked, held to what it says."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from fixtures import checkpoint, methods
from fixtures.core import TrustError
from fixtures.methods import formats
from fixtures.methods.formats.packing import unpack_columns, unpack_rows
from fixtures.settings import CHECKOUT
from selftests import ready_models as ready
from selftests import tiny_models

Make = Callable[[Path, Path], Path]

FORMATS: dict[str, tuple[Make, str, str, float]] = {
    "compressed-tensors W4A16": (ready.compressed("W4A16"), "compressed-tensors", "4 bits, groups of 128, sym", 4.25),
    "compressed-tensors W8A8": (ready.compressed("W8A8"), "compressed-tensors", "8 bits, one scale an output", 8.12),
    "compressed-tensors FP8": (ready.compressed("FP8_DYNAMIC"), "compressed-tensors", "8 bits, one scale", 8.12),
    "compressed-tensors NVFP4": (ready.compressed("NVFP4A16"), "compressed-tensors", "4 bits, groups of 16, sym", 4.50),
    "compressed-tensors MXFP4": (ready.compressed("MXFP4"), "compressed-tensors", "4 bits, groups of 32, sym", 4.25),
    "bitsandbytes int8": (ready.bitsandbytes(load_in_8bit=True), "bitsandbytes", "8 bits, one scale an output", 8.12),
    "bitsandbytes nf4": (
        ready.bitsandbytes(load_in_4bit=True, bnb_4bit_quant_type="nf4"), "bitsandbytes", "4 bits, groups of 64", 4.52,
    ),
    "bitsandbytes fp4": (
        ready.bitsandbytes(load_in_4bit=True, bnb_4bit_quant_type="fp4"), "bitsandbytes", "4 bits, groups of 64", 4.52,
    ),
    "bitsandbytes nf4, nested": (
        ready.bitsandbytes(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True),
        "bitsandbytes", "4 bits, groups of 64", 4.31,
    ),
    "torchao int8": (ready.torchao("int8"), "torchao", "8 bits, one scale an output", 8.16),
    "torchao int4": (ready.torchao("int4"), "torchao", "4 bits, groups of 32", 9.25),
    "torchao float8": (ready.torchao("float8"), "torchao", "8 bits, one scale an output", 8.12),
    "quanto int8": (ready.quanto("qint8"), "quanto", "8 bits, one scale an output, sym", 8.13),
    "quanto int4": (ready.quanto("qint4"), "quanto", "4 bits, one scale an output, asym", 4.50),
    "quanto int2": (ready.quanto("qint2"), "quanto", "2 bits, one scale an output, asym", 2.50),
    "quanto float8": (ready.quanto("qfloat8"), "quanto", "8 bits, one scale an output", 8.13),
    "hqq 4": (ready.hqq(4, 1), "hqq", "4 bits, groups of 64, asym", 5.01),
    "hqq 4, across": (ready.hqq(4, 0), "hqq", "4 bits, groups of 64, asym", 5.01),
    "hqq 3": (ready.hqq(3, 1), "hqq", "3 bits, groups of 64, asym", 4.23),
    "hqq 2": (ready.hqq(2, 1), "hqq", "2 bits, groups of 64, asym", 3.01),
    "gguf Q4_0": (ready.gguf("Q4_0"), "gguf", "4 bits, groups of 32, sym", 4.5),
    "gguf Q8_0": (ready.gguf("Q8_0"), "gguf", "8 bits, groups of 32, sym", 8.5),
    "gguf Q4_1": (ready.gguf("Q4_1"), "gguf", "4 bits, groups of 32, asym", 5.0),
    "gguf Q4_K": (ready.gguf("Q4_K"), "gguf", "4 bits, groups of 32, asym", 4.5),
    "gptq": (lambda folder, out: ready.gptq(folder, out), "gptq", "4 bits, groups of 32, asym", 4.77),
    "gptq v2, 3 bits": (
        lambda folder, out: ready.gptq(folder, out, 3, version="gptq_v2"), "gptq", "3 bits, groups of 32, asym", 3.74,
    ),
    "gptq, 2 bits, act-order": (
        lambda folder, out: ready.gptq(folder, out, 2, act_order=True), "gptq", "2 bits, groups of 32, asym", 2.71,
    ),
    "gptq, 8 bits, sym": (
        lambda folder, out: ready.gptq(folder, out, 8, 64, symmetric=True), "gptq", "8 bits, groups of 64, sym", 8.52,
    ),
    "awq": (lambda folder, out: ready.awq(folder, out), "awq", "4 bits, groups of 32, asym", 4.62),
}  # fmt: skip
"""Maker, format, part of what it says, bits a weight with all that its layers have beside."""


def need(name: str) -> None:
    """Skip where a format's optional library is not installed."""
    library = name.split()[0]
    if library in ("bitsandbytes", "torchao", "hqq", "gguf") and find_spec(library) is None:
        pytest.skip(f"needs {library}, an optional extra")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """256 inputs, which every format's groups divide."""
    return tiny_models.llama(
        tmp_path_factory.mktemp("dense") / "m", hidden_size=256, intermediate_size=256, tie_word_embeddings=False
    )


def verify(folder: Path, made: Path) -> dict[str, Any]:
    method = methods.parse(f"mine=checkpoint:{made}")
    assert isinstance(method, methods.ReadyMade)
    return method.verify(*ready.dense(folder), "cpu", "float32")


@pytest.mark.parametrize("name", FORMATS)
def test_a_checkpoint_is_recognised_and_verified(name: str, folder: Path, tmp_path: Path) -> None:
    need(name)
    make, kind, said, bits = FORMATS[name]
    made = make(folder, tmp_path / "made")
    started = time.monotonic()
    found = formats.recognise(made)
    assert time.monotonic() - started < 0.5
    assert found.format.name == kind
    assert any(said in claim for claim in found.said), found.said
    facts = verify(folder, made)
    whole = kind == "gguf"  # it quantizes embeddings and output layer too
    assert facts["layers"] == (16 if whole else 14)
    assert facts["skipped"] == ([] if whole else ["model.embed_tokens.weight", "lm_head.weight"])
    assert facts["effective_bits"] == pytest.approx(bits, abs=0.01)
    assert 1 < facts["max_levels"] <= 2 ** int(said[0])
    assert facts["lowest_cosine"] < 1
    assert facts["rescaled"] == 0
    assert facts["packed_bytes"] < facts["dense_bytes"]
    loaded = formats.load(found, "cpu", "float32")
    assert {type(module) for module in loaded.modules() if hasattr(module, "weight")} == {
        type(module) for module in ready.dense(folder)[0].modules() if hasattr(module, "weight")
    }, "plain layers, at the dense model's speed"


@pytest.mark.parametrize("name", ["gptq", "awq", "gguf Q8_0", "quanto int4", "compressed-tensors W4A16"])
def test_a_tied_output_layer_is_its_embedding(name: str, tmp_path: Path) -> None:
    need(name)
    tied = tiny_models.llama(tmp_path / "tied", hidden_size=256, intermediate_size=256)
    facts = verify(tied, FORMATS[name][0](tied, tmp_path / "made"))
    assert facts["skipped"] == ([] if name.startswith("gguf") else ["model.embed_tokens.weight"])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_dense_model_in_bfloat16_is_the_dense_model_still(dtype: str, tmp_path: Path) -> None:
    half = tiny_models.llama(tmp_path / "half", torch.bfloat16, hidden_size=256, intermediate_size=256)
    method = methods.parse(f"mine=checkpoint:{ready.gptq(half, tmp_path / 'made')}")
    assert isinstance(method, methods.ReadyMade)
    facts = method.verify(*checkpoint.load(half, "cpu", dtype), "cpu", dtype)
    assert (facts["layers"], facts["max_levels"]) == (14, 16)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layout", "bits", "symmetric"),
    [("auto_gptq", 4, True), ("auto_gptq", 3, False), ("auto_gptq", 2, False), ("auto_awq", 4, False)],
)
def test_gptq_and_awq_as_a_library_packs_them(
    layout: str, bits: int, symmetric: bool, folder: Path, tmp_path: Path
) -> None:
    """auto-round writes both layouts with code of their own projects."""
    program = (
        "import sys, torch; from auto_round import AutoRound; from fixtures import checkpoint\n"
        f"model, tokenizer = checkpoint.load({str(folder)!r}, 'cpu', 'float32')\n"
        f"AutoRound(model, tokenizer, bits={bits}, group_size=32, sym={symmetric}, iters=0, disable_opt_rtn=True, "
        "device_map='cpu', seqlen=32, nsamples=8, enable_torch_compile=False)"
        f".quantize_and_save({str(tmp_path / 'made')!r}, format={layout!r})"
    ).replace(f"{str(folder)!r}", f"__import__('pathlib').Path({str(folder)!r})")
    done = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    (made,) = {file.parent for file in (tmp_path / "made").rglob("config.json")}
    facts = verify(folder, made)
    assert facts["format"] == layout.removeprefix("auto_")
    assert facts["layers"] == 14
    assert facts["max_levels"] == 2**bits
    assert facts["lowest_cosine"] > {2: 0.85, 3: 0.97, 4: 0.99}[bits]


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_words_unpack_to_what_was_packed(bits: int) -> None:
    values = torch.randint(0, 2**bits, (96, 7), generator=torch.Generator().manual_seed(bits))
    assert torch.equal(unpack_rows(ready.pack(values.numpy(), bits), bits), values)
    assert torch.equal(unpack_columns(ready.pack(values.numpy(), bits).T, bits), values.T)


@pytest.mark.parametrize("version", ["gptq", "gptq_v2"])
@pytest.mark.parametrize("act_order", [False, True])
def test_gptq_unpacks_to_the_numbers_that_were_packed(
    version: str, act_order: bool, folder: Path, tmp_path: Path
) -> None:
    """Level less zero point, times scale, for each input in its own group."""
    made = ready.gptq(folder, tmp_path / "made", act_order=act_order, version=version)
    loaded: Any = formats.load(formats.recognise(made), "cpu", "float32")
    weight = ready.dense(folder)[0].model.layers[1].mlp.down_proj.weight
    order = torch.randperm(256, generator=torch.Generator().manual_seed(0)) if act_order else torch.arange(256)
    values, scale, zero = ready.rounded(weight[:, order], 4, 32, False)
    expected = (values - zero.repeat(32, 0)) * scale.repeat(32, 0)
    assert torch.equal(
        loaded.model.layers[1].mlp.down_proj.weight, torch.from_numpy(expected.T)[:, order.argsort()].float()
    )


def test_awq_unpacks_to_the_numbers_that_were_packed(folder: Path, tmp_path: Path) -> None:
    loaded: Any = formats.load(formats.recognise(ready.awq(folder, tmp_path / "made")), "cpu", "float32")
    values, scale, zero = ready.rounded(ready.dense(folder)[0].model.layers[0].self_attn.k_proj.weight, 4, 32, False)
    expected = (values - zero.repeat(32, 0)) * scale.repeat(32, 0)
    assert torch.equal(loaded.model.layers[0].self_attn.k_proj.weight, torch.from_numpy(expected.T).float())


def test_a_pruned_checkpoint_is_recognised_by_its_zeros(folder: Path, tmp_path: Path) -> None:
    facts = verify(folder, ready.pruned(folder, tmp_path / "made"))
    assert (facts["format"], facts["sparsity"], facts["pattern"], facts["survivors"]) == ("plain", 0.5, "2:4", "kept")
    assert facts["layers"] == 14


def test_a_pruned_checkpoint_in_another_type_keeps_its_survivors(folder: Path, tmp_path: Path) -> None:
    facts = verify(folder, ready.pruned(folder, tmp_path / "made", dtype=torch.bfloat16))
    assert (facts["pattern"], facts["survivors"]) == ("2:4", "kept")
    assert facts["effective_bits"] == 16
    assert facts["packed_bytes"] * 2 == facts["dense_bytes"]


def test_a_dense_model_in_bfloat16_is_as_large_as_its_file(tmp_path: Path) -> None:
    """Loaded in float32, as on a CPU, it is twice that."""
    half = tiny_models.llama(tmp_path / "half", torch.bfloat16, tie_word_embeddings=False)
    facts = verify(half, ready.pruned(half, tmp_path / "made", dtype=torch.bfloat16))
    assert facts["dense_bytes"] == facts["packed_bytes"]
    assert facts["effective_bits"] == 16


def test_a_copy_in_another_type_changes_no_layer(folder: Path, tmp_path: Path) -> None:
    facts = verify(folder, ready.copied(folder, tmp_path / "made"))
    assert (facts["format"], facts["layers"], facts["rescaled"]) == ("plain", 0, 0)
    assert facts["packed_bytes"] * 2 == facts["dense_bytes"]


def test_the_dense_model_itself_is_no_compression(folder: Path) -> None:
    with pytest.raises(TrustError, match="is the dense model itself, nothing is compressed; --method=dense"):
        verify(folder, folder)


def test_recognising_needs_no_torch(folder: Path, tmp_path: Path) -> None:
    made = ready.gptq(folder, tmp_path / "made")
    program = (
        f"import sys; from fixtures.methods import parse; parse('mine=checkpoint:{made}'); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, check=False).returncode == 0


def test_a_missing_library_is_named_before_any_work(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("hqq")
    made = ready.hqq(4, 1)(folder, tmp_path / "made")
    monkeypatch.setattr("fixtures.methods.formats.recognising.find_spec", lambda name: None)
    with pytest.raises(TrustError, match=r"is hqq, which needs hqq, .*; pip install --constraint constraints\.txt hqq"):
        methods.parse(f"mine=checkpoint:{made}")


def test_a_gguf_file_is_named_itself_where_there_are_several(folder: Path, tmp_path: Path) -> None:
    need("gguf")
    made = ready.gguf("Q4_0")(folder, tmp_path / "made")
    assert verify(folder, made / "model.gguf")["format"] == "gguf"
    shutil.copy(made / "model.gguf", made / "other.gguf")
    with pytest.raises(TrustError, match=r"holds 2 GGUF files; name one of them, as model\.gguf"):
        methods.parse(f"mine=checkpoint:{made}")


def test_loading_keeps_the_tokens_that_end_a_text(folder: Path, tmp_path: Path) -> None:
    made = ready.awq(folder, tmp_path / "made")
    (made / "generation_config.json").write_text('{"eos_token_id": [2, 5]}')
    loaded: Any = formats.load(formats.recognise(made), "cpu", "float32")
    assert loaded.generation_config.eos_token_id == [2, 5]
    assert checkpoint.load_config(made).quantization_config, "the file keeps saying what it is"
