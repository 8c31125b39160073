"""Compression methods once more, in a few lines of plain torch: what the libraries' results are compared with."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from fixtures.methods.layers import group_size, linears

Layer = Callable[[Tensor, Tensor], Tensor]
"""(weight [outputs, inputs], inputs X'X / n [inputs, inputs]) -> the compressed weight."""


def apply(model: Any, sequences: Sequence[Sequence[int]], compress: Layer) -> None:
    """Compress a Llama block after block, all layers of one on the inputs that compressed blocks before it give."""
    named = linears(model)
    for block in range(len(model.model.layers)):
        layers = [module for name, module in named.items() if f".{block}." in name]
        for module, seen in zip(layers, _inputs(model, layers, sequences), strict=True):
            weight: Any = module.weight
            weight.data = compress(weight.data.double(), seen).to(weight.dtype)


def _inputs(model: Any, layers: list[Any], sequences: Sequence[Sequence[int]]) -> list[Tensor]:
    found: list[list[Tensor]] = [[] for _ in layers]
    hooks = [
        layer.register_forward_pre_hook(
            lambda _, given, rows=rows: rows.append(given[0].reshape(-1, given[0].shape[-1]))
        )
        for layer, rows in zip(layers, found, strict=True)
    ]
    with torch.no_grad():
        for tokens in sequences:
            model(input_ids=torch.tensor([tokens]), use_cache=False)
    for hook in hooks:
        hook.remove()
    joined = [torch.cat(rows).double() for rows in found]
    return [rows.T @ rows / len(rows) for rows in joined]


def rtn(bits: int) -> Layer:
    def compress(weight: Tensor, _: Tensor) -> Tensor:
        group = group_size(weight.shape[1])
        parts = weight.reshape(len(weight), -1, group)
        low, high = parts.amin(-1, True).clamp(max=0), parts.amax(-1, True).clamp(min=0)
        scale = (high - low) / (2**bits - 1)
        zero = (-low / scale).round()
        levels: Tensor = ((parts / scale).round() + zero).clamp(0, 2**bits - 1)
        result: Tensor = (levels - zero) * scale
        return result.reshape(weight.shape)

    return compress


def magnitude(ratio: float) -> Layer:
    return lambda weight, _: weight * (weight.abs() > weight.abs().flatten().kthvalue(int(ratio * weight.numel()))[0])


def wanda(ratio: float) -> Layer:
    def compress(weight: Tensor, seen: Tensor) -> Tensor:
        score = weight.abs() * seen.diagonal().sqrt()
        lost = score.argsort(-1)[:, : int(ratio * weight.shape[1])]
        return weight.scatter(1, lost, 0.0)

    return compress


def _inverse(seen: Tensor) -> Tensor:
    """Return the upper Cholesky factor of the dampened inverse Hessian."""
    damped = seen + 0.01 * seen.diagonal().mean() * torch.eye(len(seen), dtype=seen.dtype)
    factor: Tensor = torch.linalg.cholesky(torch.linalg.inv(damped), upper=True)
    return factor


def sparsegpt(ratio: float, block: int = 128) -> Layer:
    def compress(weight: Tensor, seen: Tensor) -> Tensor:
        weight, factor = weight.clone(), _inverse(seen)
        for column in range(weight.shape[1]):
            if column % block == 0:
                ahead = slice(column, column + block)
                score = (weight[:, ahead] / factor.diagonal()[ahead]) ** 2
                lost = score <= score.flatten().sort()[0][int(ratio * score.numel())]
            kept = weight[:, column] * ~lost[:, column % block]
            error = (weight[:, column] - kept) / factor[column, column]
            weight[:, column:] -= error[:, None] * factor[column, column:]
            weight[:, column] = kept
        return weight

    return compress


def gptq(bits: int) -> Layer:
    def compress(weight: Tensor, seen: Tensor) -> Tensor:
        group = group_size(weight.shape[1])
        parts = weight.reshape(len(weight), -1, group)
        low, high = parts.amin(-1).clamp(max=0), parts.amax(-1).clamp(min=0)
        scale = ((high - low) / (2**bits - 1)).repeat_interleave(group, 1)
        zero = (-low.repeat_interleave(group, 1) / scale).round()
        order = seen.diagonal().argsort(descending=True)
        result, factor = weight[:, order].clone(), _inverse(seen[order][:, order])
        for place, column in enumerate(order.tolist()):
            steps = (result[:, place] / scale[:, column]).round() + zero[:, column]
            rounded = (steps.clamp(0, 2**bits - 1) - zero[:, column]) * scale[:, column]
            error = (result[:, place] - rounded) / factor[place, place]
            result[:, place:] -= error[:, None] * factor[place, place:]
            result[:, place] = rounded
        return result[:, order.argsort()]

    return compress
