"""Ready-made checkpoints of a tiny model, each made by its own library, or packed here by its published layout."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, TorchAoConfig

from fixtures import checkpoint
from fixtures.methods.layers import linears

Numbers = np.ndarray[Any, np.dtype[Any]]
AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)
"""Which of eight neighbouring outputs lies in each four bits of a word, lowest first (AutoAWQ, gemm)."""


def dense(folder: Path) -> tuple[Any, Any]:
    return checkpoint.load(folder, "cpu", "float32")


def _begin(folder: Path, out: Path, **quantization: Any) -> tuple[dict[str, torch.Tensor], list[str]]:
    """Write all but the weights; return the dense ones and the names of its linear layers."""
    out.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        shutil.copy(folder / name, out / name)
    config = json.loads((folder / "config.json").read_text())
    (out / "config.json").write_text(json.dumps(config | {"quantization_config": quantization}))
    return load_file(folder / "model.safetensors"), list(linears(dense(folder)[0]))


def _finish(out: Path, weights: dict[str, torch.Tensor]) -> Path:
    kept = {name: (weight.half() if weight.is_floating_point() else weight) for name, weight in weights.items()}
    save_file({name: weight.contiguous() for name, weight in kept.items()}, out / "model.safetensors", {"format": "pt"})
    return out


def pack(values: Numbers, bits: int) -> torch.Tensor:
    """Pack values [rows, columns] into words [rows * bits / 32, columns], one stream of bits a column."""
    stream = ((values[:, None, :] >> np.arange(bits)[None, :, None]) & 1).reshape(-1, 32, values.shape[1])
    words = (stream.astype(np.uint64) << np.arange(32, dtype=np.uint64)[None, :, None]).sum(1)
    return torch.from_numpy(words.astype(np.uint32).view(np.int32).copy())


def rounded(weight: torch.Tensor, bits: int, group: int, symmetric: bool) -> tuple[Numbers, Numbers, Numbers]:
    """Return integers [inputs, outputs], scales in float16 and zero points [groups, outputs]."""
    grouped = weight.double().numpy().T.reshape(-1, group, len(weight))
    low, high = np.minimum(grouped.min(1), 0), np.maximum(grouped.max(1), 0)
    if symmetric:
        high = np.maximum(high, -low)
        low = -high
    scale = ((high - low) / (2**bits - 1)).astype(np.float16).astype(np.float64)
    zero = np.full(scale.shape, 2.0 ** (bits - 1)) if symmetric else np.clip(np.round(-low / scale), 1, 2**bits - 1)
    values = np.clip(np.round(grouped / scale[:, None]) + zero[:, None], 0, 2**bits - 1)
    return values.reshape(-1, len(weight)).astype(np.int64), scale, zero.astype(np.int64)


def gptq(
    folder: Path,
    out: Path,
    bits: int = 4,
    group: int = 32,
    *,
    symmetric: bool = False,
    act_order: bool = False,
    version: str = "gptq",
) -> Path:
    """AutoGPTQ's layout; version 1 stores zero points less one. With `act_order` groups are of shuffled inputs."""
    weights, layers = _begin(
        folder, out, quant_method="gptq", bits=bits, group_size=group, sym=symmetric, desc_act=act_order,
        checkpoint_format=version,
    )  # fmt: skip
    for layer in layers:
        weight = weights.pop(f"{layer}.weight")
        inputs = weight.shape[1]
        order = (
            torch.randperm(inputs, generator=torch.Generator().manual_seed(0)) if act_order else torch.arange(inputs)
        )
        values, scale, zero = rounded(weight[:, order], bits, group, symmetric)
        index = torch.empty(inputs, dtype=torch.int32)
        index[order] = torch.arange(inputs, dtype=torch.int32) // group
        weights |= {
            f"{layer}.qweight": pack(values[order.argsort().numpy()], bits),
            f"{layer}.scales": torch.from_numpy(scale),
            f"{layer}.qzeros": pack((zero - (version == "gptq")).T, bits).T,
            f"{layer}.g_idx": index,
        }
    return _finish(out, weights)


def awq(folder: Path, out: Path, weights: dict[str, torch.Tensor] | None = None, group: int = 32) -> Path:
    """AutoAWQ's gemm layout; `weights` are rescaled ones in place of the dense model's."""
    own, layers = _begin(folder, out, quant_method="awq", bits=4, group_size=group, zero_point=True, version="gemm")
    weights = dict(weights or own)
    for layer in layers:
        values, scale, zero = rounded(weights.pop(f"{layer}.weight"), 4, group, False)
        words, zeros = (_interleaved(rows) for rows in (values, zero))
        weights |= {f"{layer}.qweight": words, f"{layer}.qzeros": zeros, f"{layer}.scales": torch.from_numpy(scale)}
    return _finish(out, weights)


def _interleaved(rows: Numbers) -> torch.Tensor:
    shuffled = rows.reshape(len(rows), -1, 8)[..., AWQ_ORDER].reshape(len(rows), -1)
    return pack(shuffled.T, 4).T


def compressed(scheme: str, *, calibrated: bool = False) -> Callable[[Path, Path], Path]:
    """compressed-tensors, written by llmcompressor; `calibrated`: scales of the inputs, from chance tokens."""

    def make(folder: Path, out: Path) -> Path:
        from llmcompressor import oneshot
        from llmcompressor.modifiers.quantization import QuantizationModifier

        model, tokenizer = dense(folder)
        recipe = QuantizationModifier(targets="Linear", scheme=scheme, ignore=["re:.*lm_head"])
        with checkpoint.quiet():
            oneshot(model=model, recipe=recipe, **(_calibration() if calibrated else {}))
        return _saved(model, tokenizer, out)

    return make


def _calibration() -> dict[str, Any]:
    from datasets import Dataset

    tokens = torch.randint(3, 96, (8, 32), generator=torch.Generator().manual_seed(0)).tolist()
    rows = Dataset.from_dict({"input_ids": tokens, "attention_mask": [[1] * 32] * 8})
    return {"dataset": rows, "num_calibration_samples": 8, "max_seq_length": 32}


def bitsandbytes(**settings: Any) -> Callable[[Path, Path], Path]:
    def make(folder: Path, out: Path) -> Path:
        return _quantized(folder, out, BitsAndBytesConfig(**settings))

    return make


def torchao(kind: str) -> Callable[[Path, Path], Path]:
    def make(folder: Path, out: Path) -> Path:
        from torchao import quantization

        four: Any = getattr(torch, "int4")  # noqa: B009  (newer than torch's own annotations)
        settings = {
            "int8": lambda: quantization.Int8WeightOnlyConfig(),
            "int4": lambda: quantization.IntxWeightOnlyConfig(four, quantization.PerGroup(32)),
            "float8": lambda: quantization.Float8WeightOnlyConfig(),
        }
        return _quantized(folder, out, TorchAoConfig(settings[kind]()))

    return make


def _quantized(folder: Path, out: Path, settings: Any) -> Path:
    with checkpoint.quiet():
        model = AutoModelForCausalLM.from_pretrained(
            folder, quantization_config=settings, dtype=torch.float32, device_map="cpu"
        )
    return _saved(model, checkpoint.load_tokenizer(folder), out)


def quanto(kind: str) -> Callable[[Path, Path], Path]:
    def make(folder: Path, out: Path) -> Path:
        from optimum.quanto import QuantizedModelForCausalLM, freeze, quantize

        model, tokenizer = dense(folder)
        quantize(model, weights=kind, exclude="lm_head")
        freeze(model)
        return _saved(QuantizedModelForCausalLM(model), tokenizer, out)

    return make


def hqq(bits: int, axis: int) -> Callable[[Path, Path], Path]:
    def make(folder: Path, out: Path) -> Path:
        from hqq.core.quantize import BaseQuantizeConfig
        from hqq.models.hf.base import AutoHQQHFModel

        model, tokenizer = dense(folder)
        settings = BaseQuantizeConfig(nbits=bits, group_size=64, axis=axis)
        with checkpoint.quiet():
            AutoHQQHFModel.quantize_model(model, settings, compute_dtype=torch.float32, device="cpu")
            AutoHQQHFModel.save_to_safetensors(model, str(out))
        tokenizer.save_pretrained(out)
        return out

    return make


def gguf(kind: str) -> Callable[[Path, Path], Path]:
    """As llama.cpp's converter writes a Llama: its names, and query and key rows in its order."""

    def make(folder: Path, out: Path) -> Path:
        import gguf as library

        model, tokenizer = dense(folder)
        config: Any = model.config
        out.mkdir()
        writer = library.GGUFWriter(out / "model.gguf", "llama")
        writer.add_name("tiny")
        writer.add_context_length(config.max_position_embeddings)
        writer.add_embedding_length(config.hidden_size)
        writer.add_block_count(config.num_hidden_layers)
        writer.add_feed_forward_length(config.intermediate_size)
        writer.add_head_count(config.num_attention_heads)
        writer.add_head_count_kv(config.num_key_value_heads)
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
        writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
        writer.add_vocab_size(config.vocab_size)
        words = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__)
        writer.add_tokenizer_model("llama")
        writer.add_token_list(words)
        writer.add_token_scores([0.0] * len(words))
        writer.add_token_types([1] * len(words))
        for token, add in ((1, writer.add_bos_token_id), (2, writer.add_eos_token_id), (0, writer.add_unk_token_id)):
            add(token)
        names = library.get_tensor_name_map(library.MODEL_ARCH.LLAMA, config.num_hidden_layers)
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
        for name, weight in model.named_parameters():  # a tied output layer is not written twice
            values, leaf = weight.detach().numpy(), name.split(".")[-2]
            if leaf in heads:
                split = values.reshape(heads[leaf], 2, -1, values.shape[1])
                values = np.ascontiguousarray(split.swapaxes(1, 2)).reshape(values.shape)
            own = library.GGMLQuantizationType[kind if values.ndim > 1 else "F32"]
            packed = q4_k(values) if kind == "Q4_K" and values.ndim > 1 else library.quantize(values, own)
            writer.add_tensor(names.get_name(name, try_suffixes=(".weight", ".bias")), packed, raw_dtype=own)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return out

    return make


def q4_k(values: Numbers) -> Numbers:
    """Round to llama.cpp's Q4_K, which gguf-py only reads: 8 groups of 32 under 6-bit scales and minima."""
    blocks = values.reshape(-1, 8, 32)
    low = np.minimum(blocks.min(-1), 0)
    step = np.maximum((blocks.max(-1) - low) / 15, 1e-8)
    d, floor = ((part.max(-1, keepdims=True) / 63).astype(np.float16) for part in (step, -low))
    scales = np.clip(np.round(step / d), 1, 63).astype(np.uint8)
    minima = np.clip(np.round(-low / np.maximum(floor, 1e-6)), 0, 63).astype(np.uint8)
    real, least = scales * d.astype(np.float32), minima * floor.astype(np.float32)
    codes = np.clip(np.round((blocks + least[..., None]) / real[..., None]), 0, 15).astype(np.uint8)
    table = np.concatenate(
        [
            scales[:, :4] | (scales[:, 4:] >> 4) << 6,
            minima[:, :4] | (minima[:, 4:] >> 4) << 6,
            (scales[:, 4:] & 15) | (minima[:, 4:] & 15) << 4,
        ],
        axis=1,
    )
    nibbles = (codes[:, 0::2] | codes[:, 1::2] << 4).reshape(len(blocks), -1)
    packed = np.concatenate([d.view(np.uint8), floor.view(np.uint8), table, nibbles], axis=1)
    return packed.reshape(len(values), -1)


def pruned(folder: Path, out: Path, *, dtype: torch.dtype = torch.float32) -> Path:
    """2:4 by magnitude, in plain safetensors."""
    model, tokenizer = dense(folder)
    for name in linears(model):
        weight = model.get_submodule(name).weight.data
        fours = weight.reshape(-1, 4)
        fours.scatter_(1, fours.abs().argsort(1)[:, :2], 0.0)
    return _saved(model.to(dtype), tokenizer, out)


def copied(folder: Path, out: Path) -> Path:
    """The dense model in bfloat16."""
    model, tokenizer = dense(folder)
    return _saved(model.bfloat16(), tokenizer, out)


def _saved(model: Any, tokenizer: Any, out: Path) -> Path:
    with checkpoint.quiet():
        model.save_pretrained(out)
        tokenizer.save_pretrained(out)
    return out


def edit(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Change the tensors of a checkpoint of one safetensors file, whatever it says beside them."""
    from safetensors import safe_open

    file = folder / "model.safetensors"
    with safe_open(file, framework="pt") as held:
        metadata = held.metadata()
    weights = load_file(file)
    change(weights)
    save_file(weights, file, metadata)


def edit_config(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))
