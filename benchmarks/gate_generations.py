"""Scores of generated texts: one statistic over K texts a prompt, with a planted loss."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
_LEVELS = 512
_PROVOKING = (0.0, 0.05, 0.3), (0.7, 0.2, 0.1)
"""How likely a text is harmful, by kind of prompt, and how common that kind is."""


@dataclass(frozen=True)
class Generations:
    """Prompts of three kinds; a text is harmless or harmful, each with its own distribution of scores."""

    clusters: int
    size: int
    texts: int
    statistic: str
    """mean or max, over a prompt's texts."""
    margin: float
    scores: str = "toxicity"
    """toxicity: Beta(1, 20) if harmless and Beta(6, 2) if harmful; zero-inflated: 0 or Beta(2, 2); 0 or 1."""
    share: float = 1.0
    """Share of clusters in which the compressed model writes more harm."""
    redrawn: float = 1.0
    """Share of texts that differ between the models at all; 1 as sampled, less as decoded greedily."""
    loss: float | None = None
    """True loss; None: the margin."""

    def draw(self, generator: np.random.Generator, runs: int) -> tuple[Array, Array]:
        """Return cluster means of the statistic of the dense and the compressed model, shape [runs, clusters]."""
        shape = runs, self.clusters, self.size
        rates, common = _PROVOKING
        rate = generator.choice(rates, shape, p=common)[..., None]
        more = (generator.random(shape[:2]) < self.share)[..., None, None] * (self.rise / self.redrawn)
        dense = self._texts(generator, (*shape, self.texts), rate)
        compressed = self._texts(generator, dense.shape, rate + more)
        if self.redrawn < 1:
            compressed = np.where(generator.random(dense.shape) < self.redrawn, compressed, dense)
        reduce = np.mean if self.statistic == "mean" else np.max
        return reduce(dense, axis=-1).mean(axis=-1), reduce(compressed, axis=-1).mean(axis=-1)

    def _texts(self, generator: np.random.Generator, shape: tuple[int, ...], rate: Array) -> Array:
        harmless, harmful = self._quantiles
        which = generator.integers(0, _LEVELS, shape)
        return np.where(generator.random(shape) < rate, harmful[which], harmless[which])

    @cached_property
    def rise(self) -> float:
        """By how much more likely harm must be, in the clusters that carry it, for the true loss."""
        wanted = (self.margin if self.loss is None else self.loss) / self.share
        if not wanted:
            return 0.0
        low, high = 0.0, (1 - _PROVOKING[0][-1]) * self.redrawn
        if self._expected(high) - self._expected(0.0) < wanted:
            raise ValueError(f"{self}: no such loss in so few clusters")
        for _ in range(50):
            middle = (low + high) / 2
            enough = self._expected(middle) - self._expected(0.0) >= wanted
            low, high = (low, middle) if enough else (middle, high)
        return high

    def _expected(self, rise: float) -> float:
        """Return the statistic's exact expectation where harm is more likely by so much."""
        if self.statistic == "mean":
            means = [float(values.mean()) for values in self._quantiles]
            return sum(
                common * (means[0] + (rate + rise) * (means[1] - means[0]))
                for rate, common in zip(*_PROVOKING, strict=True)
            )
        points = np.unique(np.concatenate(self._quantiles))
        harmless, harmful = (np.searchsorted(values, points, "right") / _LEVELS for values in self._quantiles)
        expected = 0.0
        for rate, common in zip(*_PROVOKING, strict=True):
            largest = ((1 - rate - rise) * harmless + (rate + rise) * harmful) ** self.texts
            expected += common * float(points @ np.diff(largest, prepend=0.0))
        return expected

    @cached_property
    def _quantiles(self) -> tuple[Array, Array]:
        """Evenly spaced quantiles of the scores of harmless and of harmful texts, ascending."""
        from scipy.special import betaincinv

        at = (np.arange(_LEVELS) + 0.5) / _LEVELS
        if self.scores == "toxicity":
            return betaincinv(1, 20, at), betaincinv(6, 2, at)
        return np.zeros(_LEVELS), betaincinv(2, 2, at) if self.scores == "zero-inflated" else np.ones(_LEVELS)

    @property
    def row(self) -> tuple[str, ...]:
        return (
            f"{self.clusters} x {self.size}",
            f"{self.statistic} of {self.texts}",
            self.scores,
            f"{self.margin:g}",
            f"{self.share:.0%}",
            f"{self.redrawn:.0%}",
        )


PROMISED = (
    Generations(150, 1, 10, "mean", 0.05),
    Generations(1200, 1, 10, "mean", 0.01),
    Generations(1200, 1, 5, "max", 0.02),
    Generations(1200, 1, 10, "max", 0.02),
    Generations(1200, 1, 10, "max", 0.02, scores="zero-inflated"),
    Generations(1200, 1, 5, "max", 0.02, scores="0 or 1", redrawn=0.1),
    Generations(150, 1, 5, "mean", 0.03, share=0.1, redrawn=0.9),
    Generations(300, 1, 5, "mean", 0.015, scores="zero-inflated", share=0.1, redrawn=0.5),
    Generations(300, 1, 5, "max", 0.03, share=0.1, redrawn=0.3),
    Generations(1200, 1, 1, "mean", 0.01, scores="zero-inflated", share=0.1, redrawn=0.3),
    Generations(100, 12, 5, "mean", 0.03, scores="zero-inflated", share=0.1, redrawn=0.9),
    Generations(100, 12, 5, "max", 0.05, share=0.1, redrawn=0.5),
    Generations(250, 8, 5, "max", 0.02, share=0.1, redrawn=0.2),
)
HARDER = (
    Generations(300, 1, 1, "mean", 0.012, scores="zero-inflated", share=0.05, redrawn=0.8),
    Generations(100, 1, 5, "mean", 0.04, scores="0 or 1", share=0.06, redrawn=0.98),
    Generations(100, 12, 5, "max", 0.04, scores="0 or 1", share=0.06, redrawn=0.8),
)

LOSSLESS = (
    Generations(1200, 1, 5, "mean", 0.02, loss=0.0),
    Generations(1200, 1, 10, "max", 0.02, loss=0.0),
    Generations(2500, 1, 5, "max", 0.02, loss=0.0),
    Generations(2500, 1, 5, "max", 0.02, redrawn=0.1, loss=0.0),
    Generations(250, 8, 5, "max", 0.02, redrawn=0.3, loss=0.0),
)
