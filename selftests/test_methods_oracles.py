"""The libraries' results are those of the papers' formulas, written once more in plain torch."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from fixtures import checkpoint, methods
from fixtures.methods import calibration
from selftests import oracles, tiny_models

pytestmark = pytest.mark.slow

ORACLES = {
    "rtn-4bit": oracles.rtn(4),
    "rtn-3bit": oracles.rtn(3),
    "magnitude-50": oracles.magnitude(0.5),
    "wanda-50": oracles.wanda(0.5),
    "sparsegpt-50": oracles.sparsegpt(0.5),
    "gptq-4bit": oracles.gptq(4),
    "gptq-3bit": oracles.gptq(3),
}


@pytest.fixture(autouse=True)
def few_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "SEQUENCES", 4)


def perplexity(model: Any, tokens: list[int]) -> float:
    row = torch.tensor([tokens])
    with torch.no_grad():
        return math.exp(float(model(input_ids=row, labels=row, use_cache=False).loss))


@pytest.mark.parametrize("name", ORACLES)
def test_on_a_real_model_the_perplexity_is_within_one_per_cent(name: str, stories: Path) -> None:
    text = calibration.read(None)
    working, tokenizer = checkpoint.load(stories)
    compressed = methods.parse(name).compress(working, tokenizer)
    expected, _ = checkpoint.load(stories)
    oracles.apply(expected, calibration.sequences(text, expected, tokenizer, 0), ORACLES[name])
    judged = calibration.sequences(text, expected, tokenizer, 1)
    found, wanted = (
        sum(math.log(perplexity(model, row)) for row in judged) / len(judged) for model in (compressed, expected)
    )
    assert math.exp(found - wanted) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("name", ["rtn-4bit", "magnitude-50", "wanda-50"])
def test_where_nothing_is_summed_up_the_weights_are_the_same(name: str, tmp_path: Path) -> None:
    folder = tiny_models.llama(tmp_path)
    working, tokenizer = checkpoint.load(folder)
    expected, _ = checkpoint.load(folder)
    sequences = calibration.sequences(calibration.read(None), expected, tokenizer, 0)
    oracles.apply(expected, sequences, ORACLES[name])
    found = methods.parse(name).compress(working, tokenizer).state_dict()
    for key, weight in expected.state_dict().items():
        same = torch.isclose(found[key], weight, rtol=1e-4, atol=1e-6)
        assert same.float().mean() > 0.998, key  # a tie in a score may fall either way


def test_gblm_scores_weights_by_inputs_and_gradients(tmp_path: Path) -> None:
    """Each row keeps exactly the half with the highest |W| (||X|| + 100 ||G||), computed layer by layer by autograd."""
    folder = tiny_models.llama(tmp_path)
    working, tokenizer = checkpoint.load(folder)
    dense, _ = checkpoint.load(folder)
    sequences = calibration.sequences(calibration.read(None), dense, tokenizer, 0)
    layer = dense.model.layers[1].mlp.up_proj
    inputs: list[torch.Tensor] = []
    hook = layer.register_forward_pre_hook(lambda _, given: inputs.append(given[0].detach()[0]))
    layer.weight.requires_grad_(True)
    squares = torch.zeros_like(layer.weight)
    for tokens in sequences:
        row = torch.tensor([tokens])
        (gradient,) = torch.autograd.grad(dense(input_ids=row, labels=row).loss, layer.weight)
        squares += gradient**2
    hook.remove()
    score = layer.weight.abs() * (torch.cat(inputs).square().mean(0).sqrt() + 100 * squares.sqrt())
    kept = methods.parse("gblm-50").compress(working, tokenizer).model.layers[1].mlp.up_proj.weight != 0
    assert bool((kept.sum(1) == 32).all())
    lowest_kept = score.masked_fill(~kept, float("inf")).amin(1)
    assert bool((score.masked_fill(kept, 0.0).amax(1) <= lowest_kept * 1.001).all())
