"""What compressing leaves behind: no second model held in memory, no weights that are copies of themselves."""

import gc
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from fixtures import checkpoint, methods
from fixtures.artefacts import Store
from fixtures.core import TrustError
from fixtures.methods import calibration
from fixtures.methods.layers import linears
from fixtures.methods.rtn import RoundToNearest
from fixtures.pool import Pool
from selftests import tiny_models

THROUGH_LLMCOMPRESSOR = ["gptq-4bit", "awq-4bit", "w8a8", "nvfp4", "wanda-50", "sparsegpt-2:4"]


@pytest.fixture(autouse=True)
def few_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "SEQUENCES", 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.llama(tmp_path_factory.mktemp("llama"), tie_word_embeddings=False, intermediate_size=176)


@pytest.mark.parametrize("name", THROUGH_LLMCOMPRESSOR)
def test_the_library_works_where_the_model_is_and_lets_go_of_it(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """llmcompressor takes the first accelerator, hands weights out as copies, and keeps the model in its session."""
    from compressed_tensors.offload import OffloadCache, set_onload_device
    from llmcompressor.pipelines.data_free import pipeline as free
    from llmcompressor.pipelines.sequential import pipeline as sequential

    used: list[Any] = []

    def noted(model: Any, device: Any) -> Any:
        used.append(device)
        return set_onload_device(model, device)

    for pipeline in (free, sequential):
        monkeypatch.setattr(pipeline, "set_onload_device", noted)
        monkeypatch.setattr(pipeline, "get_main_device", lambda: torch.device("cuda:0"))
    model, tokenizer = checkpoint.load(folder)
    model = methods.parse(name).compress(model, tokenizer)
    assert set(used) == {torch.device("cpu")}, "no longer provoked, or on another device"
    assert not [module for module in model.modules() if isinstance(module._parameters, OffloadCache)]
    layer: Any = next(iter(linears(model).values()))
    layer.weight.data = layer.weight.data + 1
    layer.weight[0, 0] = 7.5
    assert layer.weight[0, 0] == 7.5
    held = weakref.ref(model)
    del model, layer
    gc.collect()
    assert held() is None


def test_the_dense_model_is_gone_before_the_compressed_one_is_read_back(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[weakref.ref[Any]] = []
    real, real_load = checkpoint.load, RoundToNearest.load

    def noted(*arguments: Any) -> Any:
        model, tokenizer = real(*arguments)
        loaded.append(weakref.ref(model))
        return model, tokenizer

    def reading(self: Any, *arguments: Any) -> Any:
        gc.collect()
        assert [model() is None for model in loaded] == [True, False]
        return real_load(self, *arguments)

    monkeypatch.setattr(checkpoint, "load", noted)
    monkeypatch.setattr(RoundToNearest, "load", reading)
    Store(tmp_path, "cpu", "float32").artefact(checkpoint.inspect(folder), methods.parse("rtn-4bit"))
    assert len(loaded) == 2


def test_the_last_model_is_let_go_before_another_is_compressed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: Any = SimpleNamespace(
        model_path=folder, device="cpu", dtype="auto", seeds=(0,), cache=folder, method=lambda name, *_: name
    )
    pool = Pool(given, "run", print)
    held: list[object] = []
    monkeypatch.setattr(Store, "artefact", lambda *_: held.append(pool._loaded))
    pool._loaded = ("rtn-4bit", "sha256"), SimpleNamespace()  # type: ignore[assignment]
    pool.artefact("gptq-4bit")
    assert held == [None]


def test_packed_weights_that_cannot_become_float32_are_refused_in_one_line(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    model, tokenizer = checkpoint.load(folder)
    method = methods.parse("nf4")
    method.save(method.compress(model, tokenizer), tokenizer, tmp_path)
    with pytest.raises(TrustError, match=r"--dtype=float16: the packed weights of .* give --dtype=float32"):
        method.load(tmp_path, "cpu", "float16")
