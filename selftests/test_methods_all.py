"""Every algorithm makes, saves and reads back a model that keeps its promise."""

from pathlib import Path

import pytest

from fixtures import checkpoint, methods
from fixtures.methods import calibration, measure
from fixtures.methods.table import ALGORITHMS
from selftests import tiny_models

NAMES = [
    "dense", "rtn-4bit", "gptq-4bit", "awq-4bit", "hqq-4bit", "quanto-int4", "llm-int8", "nf4", "fp8", "w8a8", "nvfp4",
    "magnitude-50", "wanda-50", "sparsegpt-2:4", "gblm-50", "kv-4bit", "wanda-50+gptq-4bit", "sparsegpt-2:4+awq-4bit",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.llama(tmp_path_factory.mktemp("llama"), tie_word_embeddings=False, intermediate_size=176)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_made_saved_and_read_back(
    name: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "SEQUENCES", 2)
    dense, tokenizer = checkpoint.load(folder)
    working, _ = checkpoint.load(folder)
    method = methods.parse(name)
    made = methods.make(method, dense, working, tokenizer)
    method.save(made.model, tokenizer, tmp_path)
    loaded = method.load(tmp_path)
    methods.verify_reload(made.model, loaded)
    methods.verify(dense, loaded, method)
    moved = float((measure.probe(loaded) - measure.probe(dense)).abs().max())
    assert (moved > 0) == (method.kept is None and name != "dense")


def test_no_algorithm_is_left_out() -> None:
    assert {name.partition("-")[0] for name in NAMES} == set(ALGORITHMS)
