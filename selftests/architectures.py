"""Tiny models with random weights, one of each architecture that the methods must do or refuse by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from selftests import tiny_models

_SIZES: dict[str, Any] = {
    "vocab_size": tiny_models.VOCABULARY, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "bos_token_id": 1,
    "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip


def config(kind: str, **changes: Any) -> Any:
    from transformers import AutoConfig

    return AutoConfig.for_model(kind, **(_SIZES | changes))


CONFIGS: dict[str, Callable[[], Any]] = {
    "llama": lambda: config("llama", tie_word_embeddings=True),
    "llama untied": lambda: config("llama", tie_word_embeddings=False, num_key_value_heads=4),
    "mistral": lambda: config("mistral", sliding_window=16),
    "qwen2": lambda: config("qwen2"),
    "qwen3": lambda: config("qwen3", head_dim=16),
    "gemma": lambda: config("gemma", head_dim=16),
    "phi": lambda: config("phi", num_key_value_heads=4),
    "opt": lambda: config("opt", ffn_dim=128, word_embed_proj_dim=64),
    "gpt2": lambda: config("gpt2", n_positions=64),
    "gpt_neox": lambda: config("gpt_neox"),
    "falcon": lambda: config("falcon", new_decoder_architecture=False, multi_query=True, alibi=False),
    "mixtral": lambda: config("mixtral", num_local_experts=4),
    "odd width": lambda: config("llama", intermediate_size=131),
}


def write(name: str, folder: Path) -> Path:
    """Write the named architecture's tiny checkpoint, with norms that are not all ones."""
    return write_config(CONFIGS[name](), folder)


def write_config(made: Any, folder: Path) -> Path:
    """Write a tiny checkpoint of a configuration."""
    torch.manual_seed(0)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(made)
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        parameter.data = noise * 0.1 if parameter.dim() > 1 else parameter.data + 0.1 * noise
    model.save_pretrained(folder)
    tiny_models.tokenizer().save_pretrained(folder)
    return folder
