"""What the gate is tried on: paired scores with a planted loss, many runs at once."""

from dataclasses import dataclass
from math import inf

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Generator = np.random.Generator


@dataclass(frozen=True)
class Damage:
    """Clusters of 0/1 samples, of which a share carries the whole loss."""

    clusters: int
    size: int
    margin: float
    share: float = 0.1
    """Share of clusters with damage."""
    flips: float = 0.02
    """Share of samples that flip without a tendency, anywhere."""
    loss: float | None = None
    """True loss; None: the margin."""
    uneven: bool = False
    """Whether sizes are uniform from 1 to 2 size - 1, not all equal."""
    whole: bool = False
    """Whether a damaged cluster loses all of its samples or none."""
    large: bool = False
    """Whether a fifth of the clusters are three times as large as the others."""

    def draw(self, generator: Generator, runs: int) -> tuple[Array, Array, Array]:
        """Return samples lost, gained and present, shape [runs, clusters] each."""
        shape = runs, self.clusters
        present = generator.integers(1, 2 * self.size, shape) if self.uneven else np.full(shape, self.size)
        if self.large:
            present = np.where(generator.random(shape) < 0.2, 3 * present, present)
        rate = (self.margin if self.loss is None else self.loss) / self.share
        damaged = generator.random(shape) < self.share
        if self.whole:
            lost = np.where(damaged & (generator.random(shape) < rate), present, 0)
        else:
            lost = generator.binomial(present, np.where(damaged, rate, 0.0))
        worse = generator.binomial(present - lost, self.flips / 2)
        gained = generator.binomial(present - lost - worse, self.flips / 2 / (1 - self.flips / 2))
        return (lost + worse).astype(float), gained.astype(float), present.astype(float)

    @property
    def row(self) -> tuple[str, ...]:
        where = f"{self.share:.0%} of clusters"
        size = f"1 to {2 * self.size - 1}" if self.uneven else f"{self.size}"
        size = f"{self.size}, a fifth {3 * self.size}" if self.large else size
        return (
            f"{self.clusters}",
            size,
            f"{self.margin:.0%}",
            f"{where}, whole" if self.whole else where,
            f"{self.flips:.0%}",
        )


@dataclass(frozen=True)
class Bias:
    """Scores in -1, 0, +1 whose mean moves away from 0 by the margin."""

    clusters: int
    size: int
    gap: float
    """The dense model's mean."""
    margin: float = 0.03
    redrawn: float = 0.1
    """Share of answers that the compressed model draws anew, in the clusters that it touches."""
    share: float = 1.0
    """Share of clusters that it touches."""
    across: bool = False
    """Whether the compressed mean lies on the other side of 0."""
    uneven: bool = False
    """Whether sizes are uniform from 1 to 2 size - 1, not all equal."""

    def draw(self, generator: Generator, runs: int) -> tuple[Array, Array, Array]:
        """Return the dense and the compressed model's sums and the samples present, shape [runs, clusters] each."""
        shape = runs, self.clusters, 2 * self.size - 1 if self.uneven else self.size
        sizes = generator.integers(1, 2 * self.size, shape[:2]) if self.uneven else np.full(shape[:2], self.size)
        present = np.arange(shape[2]) < sizes[..., None]
        dense = _leaning(generator, shape, self.gap)
        goal = -(self.gap + self.margin) if self.across else self.gap + self.margin
        anew = _leaning(generator, shape, self.gap + (goal - self.gap) / (self.redrawn * self.share))
        touched = generator.random(shape[:2])[..., None] < self.share
        compressed = np.where(touched & (generator.random(shape) < self.redrawn), anew, dense)
        return (dense * present).sum(axis=-1), (compressed * present).sum(axis=-1), sizes.astype(float)

    @property
    def row(self) -> tuple[str, ...]:
        gap = f"{self.gap:g}, then the other side" if self.across else f"{self.gap:g}"
        size = f"1 to {2 * self.size - 1}" if self.uneven else f"{self.size}"
        return f"{self.clusters} x {size}", gap, f"{self.margin:g}", f"{self.share:.0%}"


def _leaning(generator: Generator, shape: tuple[int, ...], mean: float) -> Array:
    """Draw -1, 0 or +1 with this mean; 30 % are not 0, or as many as the mean takes."""
    active = max(0.3, abs(mean))
    draw = generator.random(shape)
    return np.where(draw < (active + mean) / 2, 1.0, np.where(draw < active, -1.0, 0.0))


@dataclass(frozen=True)
class Prose:
    """Texts of 100 to 400 tokens whose loss per token has the margin for mean and heavy tails."""

    texts: int
    tails: str
    """gamma (skewness 2), t3, lognormal (skewness 6), or sparse: a tenth of the texts carries it all."""

    def draw(self, generator: Generator, runs: int, mean: float) -> tuple[Array, Array]:
        """Return the loss of each text and its tokens, shape [runs, texts]."""
        size = runs, self.texts
        per_token = {
            "gamma": lambda: generator.gamma(1.0, 1.0, size),
            "t3": lambda: 1 + generator.standard_t(3, size),
            "lognormal": lambda: generator.lognormal(-0.5, 1.0, size),
            "sparse": lambda: (generator.random(size) < 0.1) * 10.0 + generator.normal(0, 0.2, size),
        }[self.tails]()
        tokens = generator.uniform(100, 400, size)
        return mean * per_token * tokens, tokens

    @property
    def row(self) -> tuple[str, ...]:
        return f"{self.texts}", self.tails


@dataclass(frozen=True)
class Rare:
    """Rare events, of which the compressed model keeps a share and has so many more, spread over all clusters."""

    clusters: int
    rate: float
    """The dense model's."""
    kept: float = 1.0
    """Share of the dense model's events that the compressed one has too."""
    rise: float = 0.5
    """True loss as a share of the rate."""
    size: int = 1
    relative: float = 0.5
    absolute: float = inf
    """Tolerance beside the share; infinite where there is none."""

    def draw(self, generator: Generator, runs: int) -> tuple[Array, Array]:
        """Return each cluster's rate of events, dense and compressed, shape [runs, clusters]."""
        draw = generator.random((runs, self.clusters, self.size))
        both, before = self.rate * self.kept, self.rate
        after = before + self.rate * (1 + self.rise - self.kept)
        dense, compressed = draw < before, (draw < both) | ((draw >= before) & (draw < after))
        return dense.mean(axis=-1), compressed.mean(axis=-1)

    @property
    def row(self) -> tuple[str, ...]:
        size = f" x {self.size}" if self.size > 1 else ""
        absolute = "none" if self.absolute == inf else f"{self.absolute:g}"
        events = f"{self.clusters * self.size * self.rate:.0f}"
        return f"{self.clusters}{size}", f"{self.rate:.1%}", events, f"{self.kept:.0%}", absolute


PROMISED = (
    Damage(100, 5, 0.03, flips=0.0),
    Damage(100, 5, 0.05),
    Damage(100, 20, 0.03, flips=0.0),
    Damage(100, 20, 0.03),
    Damage(100, 20, 0.03, flips=0.05),
    Damage(100, 10, 0.05, share=1.0, flips=0.1),
    Damage(100, 10, 0.05, whole=True),
    Damage(100, 20, 0.03, whole=True),
    Damage(200, 5, 0.02, flips=0.0),
    Damage(200, 10, 0.02),
    Damage(400, 5, 0.02),
    Damage(135, 5, 0.03, uneven=True, flips=0.0),
    Damage(140, 20, 0.03, uneven=True),
    Damage(270, 10, 0.02, uneven=True),
)
HARDER = (
    Damage(100, 10, 0.03, share=0.03, flips=0.0, whole=True),
    Damage(100, 5, 0.03, share=0.05),
    Damage(100, 20, 0.03, share=0.05),
    Damage(140, 20, 0.03, share=0.05, uneven=True),
    Damage(110, 2, 0.03, share=0.05, flips=0.0),
    Damage(140, 10, 0.03, whole=True, uneven=True),
    Damage(150, 10, 0.03, flips=0.0, whole=True, uneven=True),
    Damage(400, 10, 0.03, whole=True, uneven=True),
    Damage(200, 5, 0.02, flips=0.0, whole=True, large=True),
    Damage(300, 5, 0.02, flips=0.0, whole=True, large=True),
)
HARMLESS = (
    Damage(100, 20, 0.03, flips=0.05, loss=0.0),
    Damage(200, 5, 0.02, flips=0.01, loss=0.0),
    Damage(200, 5, 0.02, flips=0.02, loss=0.0),
    Damage(400, 5, 0.02, flips=0.05, loss=0.0),
    Damage(400, 6, 0.02, flips=0.01, loss=0.0),
)

BIASES = (
    Bias(1000, 1, 0.0),
    Bias(1000, 1, 0.01),
    Bias(1000, 1, 0.05),
    Bias(1000, 1, 0.2),
    Bias(1000, 1, 0.05, redrawn=0.3, across=True),
    Bias(200, 5, 0.0),
    Bias(200, 10, 0.1),
    Bias(200, 10, 0.0, redrawn=0.5, share=0.1),
    Bias(200, 10, 0.1, redrawn=0.5, share=0.1),
    Bias(100, 20, 0.0, margin=0.07, redrawn=0.9, share=0.1),
    Bias(270, 10, 0.0, redrawn=0.5, share=0.1, uneven=True),
    Bias(140, 10, 0.1, margin=0.06, redrawn=0.7, share=0.1, uneven=True),
)

PROSE = tuple(Prose(texts, tails) for texts in (120, 300, 1000) for tails in ("gamma", "t3", "sparse"))
SKEWED = tuple(Prose(texts, "lognormal") for texts in (120, 300, 1000))

RARE = (
    Rare(3000, 0.01),
    Rare(3000, 0.01, kept=0.8),
    Rare(3000, 0.01, kept=0.0),
    Rare(6000, 0.005, kept=0.5),
    Rare(6000, 0.01, kept=0.5),
    Rare(1000, 0.03, kept=0.5),
    Rare(2000, 0.03),
    Rare(2000, 0.03, kept=0.5),
    Rare(2000, 0.03, kept=0.0),
    Rare(250, 0.03, kept=0.5, size=8),
    Rare(6000, 0.01, kept=0.5, absolute=0.01),
    Rare(4000, 0.015, kept=0.5, absolute=0.01),
)
FEW_EVENTS = (
    Rare(2000, 0.01, kept=0.5, absolute=0.01),
    Rare(3000, 0.01, kept=0.5, absolute=0.01),
    Rare(2000, 0.015, kept=0.5, absolute=0.01),
    Rare(6000, 0.005, kept=0.5, absolute=0.01),
)
RARE_LOSSLESS = (
    Rare(3000, 0.01, kept=0.5, rise=0.0),
    Rare(6000, 0.01, kept=0.5, rise=0.0),
    Rare(2000, 0.03, kept=1.0, rise=0.0),
    Rare(2000, 0.03, kept=0.8, rise=0.0),
    Rare(2000, 0.03, kept=0.5, rise=0.0),
    Rare(6000, 0.03, kept=0.5, rise=0.0),
    Rare(2000, 0.005, kept=0.5, rise=0.0, absolute=0.01),
    Rare(2000, 0.03, kept=0.8, rise=0.0, absolute=0.01),
)
