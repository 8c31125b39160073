"""Damage that leaves most of a ready-made checkpoint as it was is found; what honest methods leave is not damage."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from fixtures.core import TrustError
from fixtures.methods import likeness, traces
from fixtures.methods.layers import linears
from selftests import ready_models as ready
from selftests import tiny_models
from selftests.test_ready_formats import verify

Weights = dict[str, torch.Tensor]
UP = "model.layers.1.mlp.up_proj"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.llama(
        tmp_path_factory.mktemp("dense") / "m", hidden_size=128, intermediate_size=192, tie_word_embeddings=False
    )


def half_of_the_scales(weights: Weights) -> None:
    weights[f"{UP}.scales"][::2] = 0


def one_output_of_many(weights: Weights) -> None:
    weights[f"{UP}.scales"][:, 7] = 0


def two_outputs_negated(weights: Weights) -> None:
    weights[f"{UP}.scales"][:, 3:5] *= -1


def five_outputs_doubled(weights: Weights) -> None:
    weights[f"{UP}.scales"][:, 3:8] *= 2


def five_outputs_swapped(weights: Weights) -> None:
    weights[f"{UP}.qweight"][:, 3:8] = weights[f"{UP}.qweight"][:, 4:9].clone()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (half_of_the_scales, r"has cosine 0\.7\d* with its dense weights, below 0\.95"),
        (one_output_of_many, r"has cosine 0\.000 in output 7"),
        (two_outputs_negated, r"has cosine -0\.99\d in output 3"),
        (
            five_outputs_doubled,
            r"is scaled at place 3, but the layers that read it do not undo that \((0\.5|1\.9|2\.0)",
        ),
        (five_outputs_swapped, r"has cosine -?0\.[012]\d* in output 3"),
    ],
)
def test_a_part_of_a_layer_is_found(
    damage: Callable[[Weights], None], message: str, folder: Path, tmp_path: Path
) -> None:
    made = ready.gptq(folder, tmp_path / "made")
    assert verify(folder, made)["lowest_cosine"] > 0.99
    ready.edit(made, damage)
    with pytest.raises(TrustError, match=rf"{UP}.weight {message}"):
        verify(folder, made)


def test_lost_groups_are_found_where_the_cosine_bears_them(folder: Path, tmp_path: Path) -> None:
    """A twelfth of a layer of 2 bits: cosine .9, far above its floor."""
    made = ready.gptq(folder, tmp_path / "made", 2)
    verify(folder, made)
    ready.edit(made, lambda weights: weights[f"{UP}.scales"][0, ::3].zero_())
    with pytest.raises(TrustError, match=rf"{UP}.weight is zero in 64 whole groups, 8\.\d% of its dense weights'"):
        verify(folder, made)


def save_plain(folder: Path, out: Path, change: Callable[[torch.Tensor], torch.Tensor]) -> Path:
    model, tokenizer = ready.dense(folder)
    for name in linears(model):
        weight = model.get_submodule(name).weight
        weight.data = change(weight.data)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return out


def noisy(weight: torch.Tensor) -> torch.Tensor:
    return weight + 0.5 * weight.std() * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))


def smallest(ratio: float) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda weight: weight * (weight.abs() > weight.abs().flatten().quantile(ratio))


def on_grid(bits: int, *, size: int = 32) -> Callable[[torch.Tensor], torch.Tensor]:
    def change(weight: torch.Tensor) -> torch.Tensor:
        groups, top = weight.reshape(-1, size), 2 ** (bits - 1)
        step = groups.abs().amax(1, keepdim=True) / (top - 0.5)
        rounded: torch.Tensor = ((groups / step).round().clamp(-top, top - 1) * step).reshape(weight.shape)
        return rounded

    return change


def test_plain_weights_that_show_no_compression_are_refused(folder: Path, tmp_path: Path) -> None:
    """Half as much noise as weights: cosine .89."""
    made = save_plain(folder, tmp_path / "made", noisy)
    with pytest.raises(TrustError, match="is not the dense one, and shows neither a grid nor the zeros of most other"):
        verify(folder, made)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.7, 0.9])
def test_pruned_weights_are_none_the_worse_for_it(ratio: float, folder: Path, tmp_path: Path) -> None:
    facts = verify(folder, save_plain(folder, tmp_path / "made", smallest(ratio)))
    assert (facts["layers"], facts["survivors"]) == (14, "kept")
    assert facts["sparsity"] == pytest.approx(ratio, abs=0.01)


@pytest.mark.parametrize(("bits", "lowest"), [(2, 0.8), (3, 0.95), (4, 0.99), (8, 0.9999)])
def test_a_grid_in_plain_numbers_is_seen(bits: int, lowest: float, folder: Path, tmp_path: Path) -> None:
    assert verify(folder, save_plain(folder, tmp_path / "made", on_grid(bits)))["lowest_cosine"] > lowest


def test_a_pruned_model_with_one_layer_half_empty_is_refused(folder: Path, tmp_path: Path) -> None:
    made = save_plain(folder, tmp_path / "made", smallest(0.5))
    ready.edit(made, lambda weights: weights[f"{UP}.weight"].reshape(-1, 16)[::2].zero_())
    with pytest.raises(
        TrustError, match=rf"{UP}.weight (is not the dense one, and shows|has cosine 0\.6\d\d .* below 0\.999)"
    ):
        verify(folder, made)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_the_fewest_bits_of_a_grid_are_found(bits: int) -> None:
    weight = torch.randn(96, 128, generator=torch.Generator().manual_seed(bits))
    assert traces.grid_bits(on_grid(bits)(weight)) == bits
    assert traces.grid_bits(on_grid(bits)(weight).bfloat16().float()) == bits
    assert traces.grid_bits(weight) == 0


def test_floors_fall_with_bits_and_zeros() -> None:
    assert likeness.floor(8) > likeness.floor(4) > likeness.floor(2)
    assert likeness.floor(4) > likeness.floor(4, 0.1) > likeness.floor(4, 0.5) > likeness.floor(4, 0.9) > 0.2
    assert likeness.floor(8, 0.7) < 0.7, "what SparseGPT keeps"


def test_a_heavy_weight_in_an_output_is_no_damage() -> None:
    """One scale an output rounds the others away: cosine .6 in that output, by an honest method."""
    weight = torch.randn(512, 1024, generator=torch.Generator().manual_seed(0))
    weight[5, 9] = 30.0
    result = on_grid(4, size=1024)(weight)
    assert likeness.unlike(weight, result, likeness.floor(4)) == ""
