"""Checkpoints of a few thousand random weights, with a word-level tokenizer, written in milliseconds."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

VOCABULARY = 96


def llama(folder: Path, dtype: torch.dtype = torch.float32, **changes: Any) -> Path:
    """Two layers of width 64; the inner width of 172 is stories260K's, whose largest divisor up to 128 is 86."""
    sizes = {
        "vocab_size": VOCABULARY,
        "hidden_size": 64,
        "intermediate_size": 172,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "tie_word_embeddings": True,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    return _write(folder, LlamaForCausalLM(LlamaConfig(**(sizes | changes))), dtype)


def gpt2(folder: Path, dtype: torch.dtype = torch.float32) -> Path:
    """GPT-2, whose linear layers are transformers' Conv1D: weights stored as [inputs, outputs]."""
    config = GPT2Config(
        vocab_size=VOCABULARY, n_embd=48, n_layer=2, n_head=4, n_positions=64, bos_token_id=1, eos_token_id=2
    )
    return _write(folder, GPT2LMHeadModel(config), dtype)


def tokenizer() -> PreTrainedTokenizerFast:
    """Read the commonest words of English; everything else is <unk>."""
    words = ["<unk>", "<s>", "</s>", "the", "of", "and", "a", "to", "in", "is", "was", "for", "with", "that", "by"]
    words += [f"word{number}" for number in range(VOCABULARY - len(words))]
    model = models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<unk>")
    backend = Tokenizer(model)
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", bos_token="<s>", eos_token="</s>")


def _write(folder: Path, model: PreTrainedModel, dtype: torch.dtype) -> Path:
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.1
        parameter.data = parameter.data.to(dtype)
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder
