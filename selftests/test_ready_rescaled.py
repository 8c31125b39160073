"""Scales that AWQ moved between layers are moved back, and damage behind them is found."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from fixtures.core import TrustError
from selftests import ready_models as ready
from selftests.test_ready_formats import verify
from selftests.test_ready_refused import UP, Weights, folder, lose, scaled, swap

__all__ = ["folder"]


def rescale(folder: Path, *, norms: bool = True) -> Weights:
    """Scale as AWQ does: what a norm, v_proj and up_proj give is divided, what reads it multiplied."""
    weights: Weights = ready.dense(folder)[0].state_dict()
    chance = torch.Generator().manual_seed(5)

    def move(giver: str, *readers: str) -> None:
        scale = (torch.rand(len(weights[f"{giver}.weight"]), generator=chance) * 2 - 1).exp2()
        own = weights[f"{giver}.weight"]
        weights[f"{giver}.weight"] = own / (scale if own.dim() == 1 else scale[:, None])
        for reader in readers:
            weights[f"{reader}.weight"] = weights[f"{reader}.weight"] * scale

    for layer in ("model.layers.0", "model.layers.1"):
        heads = [f"{layer}.self_attn.{name}_proj" for name in "qkvo"]
        if norms:
            move(f"{layer}.input_layernorm", *heads[:3])
            move(f"{layer}.post_attention_layernorm", f"{layer}.mlp.gate_proj", f"{layer}.mlp.up_proj")
        move(heads[2], heads[3])
        move(f"{layer}.mlp.up_proj", f"{layer}.mlp.down_proj")
    return weights


@pytest.mark.parametrize("norms", [True, False])
def test_an_honest_awq_with_rescaled_norms_and_columns_is_not_refused(
    norms: bool, folder: Path, tmp_path: Path
) -> None:
    made = ready.awq(folder, tmp_path / "made", rescale(folder, norms=norms))
    facts = verify(folder, made)
    assert facts["rescaled"] == (8 if norms else 4)
    assert facts["lowest_cosine"] > 0.99
    assert facts["layers"] == 14


def test_rescaled_weights_give_the_dense_models_answers(folder: Path) -> None:
    """The scaling of the test above is that of AWQ: it changes nothing but the grid."""
    model, _ = ready.dense(folder)
    tokens = torch.arange(16)[None]
    with torch.no_grad():
        before = model(tokens).logits
        model.load_state_dict(rescale(folder))
        assert torch.allclose(model(tokens).logits, before, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (swap(UP.format(0), UP.format(1)), "layers.0.mlp.up_proj.weight has cosine"),
        (
            swap("model.layers.0.input_layernorm", "model.layers.1.input_layernorm"),
            "layers.0.(input_layernorm|self_attn.._proj).weight (is|has)",
        ),
        (
            lambda weights: weights["model.layers.0.input_layernorm.weight"][:1].mul_(2),
            "layers.0.input_layernorm.weight is scaled at place 0, .* do not undo that",
        ),
        (scaled("model.layers.0.mlp.down_proj.scales", 2), "layers.0.mlp.down_proj.weight is (1.9|2.0). times"),
        (lose("model.layers.0.mlp.down_proj.scales"), "down_proj.scales is missing"),
    ],
)
def test_a_tampered_rescaled_awq_is_refused(
    change: Callable[[Weights], object], message: str, folder: Path, tmp_path: Path
) -> None:
    made = ready.awq(folder, tmp_path / "made", rescale(folder))
    ready.edit(made, change)
    with pytest.raises(TrustError, match=message):
        verify(folder, made)
