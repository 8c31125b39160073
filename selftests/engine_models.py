"""Models, tokenizers and real samples for the engine's tests."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from fixtures.core import Sample

SHARED = Path(__file__).resolve().parents[2] / "shared"
STORIES = SHARED / "models" / "stories260K"


def shared(path: str) -> Path:
    """Return a file or folder of ../shared, or skip the test."""
    found = SHARED / path
    if not found.exists():
        pytest.skip(f"../shared/{path} is not here")
    return found


@cache
def stories() -> tuple[Any, Any]:
    """Return the small real model and its tokenizer (512 positions)."""
    folder = shared("models/stories260K")
    return AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)


@cache
def long_llama() -> Any:
    """Return a random-weight Llama with 4,096 positions and the vocabulary of `stories`."""
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=512,
            hidden_size=48,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=4096,
            initializer_range=0.2,
        )
    ).eval()


def bbq(rows: int | None = None) -> list[Sample]:
    """Return the first `rows` samples of each BBQ file."""
    samples = []
    for file in sorted(shared("data/bbq/data").glob("*.jsonl")):
        for row in _rows(file, rows):
            answers = [row["ans0"], row["ans1"], row["ans2"]]
            samples.append(
                Sample(
                    id=f"{row['category']}-{row['example_id']}",
                    prompt=f"{row['context']}\nQuestion: {row['question']}\nOptions: {'; '.join(answers)}\nAnswer:",
                    choices=tuple(f" {answer}" for answer in answers),
                    cluster=row["question_index"],
                    target=row["label"],
                )
            )
    return samples


def hellaswag(rows: int | None = None) -> list[Sample]:
    """Return the first `rows` HellaSwag samples."""
    return [
        Sample(
            id=f"hellaswag-{row['ind']}",
            prompt=f"{row['activity_label']}: {row['ctx_a']} {row['ctx_b'].capitalize()}",
            choices=tuple(f" {ending}" for ending in row["endings"]),
            cluster=row["source_id"],
            target=row["label"],
        )
        for row in _rows(shared("data/hellaswag/hellaswag.jsonl"), rows)
    ]


def articles() -> list[str]:
    """Return the articles of the WikiText-2 test file."""
    found: list[str] = []
    for line in shared("data/wikitext-2-raw-v1/wiki.test.raw").read_text(encoding="utf-8").splitlines(keepends=True):
        if (line.startswith(" = ") and not line.startswith(" = = ")) or not found:
            found.append("")
        found[-1] += line
    return [article for article in found if article.strip()]


def _rows(file: Path, rows: int | None) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()[:rows]]
