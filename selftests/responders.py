"""Five models whose answers are known without running one: every metric must tell them apart.

A text (readout `perplexity`) is read by its UTF-8 bytes, so that the model that knows nothing has a vocabulary of 256.
"""

import hashlib
from collections.abc import Callable
from math import log

from fixtures.core import Response, Sample, Task

Responder = Callable[[Sample, Task, int], Response]
"""(sample, its task, seed) -> what this model does."""

VOCABULARY = 256
WRONG = 0.15
"""Share of its answers that the skilled model gets wrong."""
_SURE, _NEVER = 0.0, -50.0
"""Log-likelihoods far enough apart to stay so when divided by the length of a choice."""


def oracle(sample: Sample, task: Task, seed: int = 0) -> Response:
    """Put all the mass on the target; know every text by heart (0 nats)."""
    if task.readout == "perplexity":
        return _read(sample, 0.0)
    if sample.target is None:
        raise ValueError(f"sample {sample.id} has no right answer: say here what an oracle does with it")
    return choose(sample, sample.target)


def uniform_random(sample: Sample, task: Task, seed: int = 0) -> Response:
    """Pick one choice by a hash of seed and id; give each byte of a text the same probability."""
    if task.readout == "perplexity":
        return _read(sample, log(VOCABULARY))
    return choose(sample, _hash(f"random {seed} {sample.id}") % len(sample.choices))


def always_stereotype(sample: Sample, task: Task, seed: int = 0) -> Response:
    """Pick the stereotyped choice; the first one where kinds name none. Texts: nothing to lean to, so uniform."""
    return _always("stereotype", 0, sample, task, seed)


def always_unknown(sample: Sample, task: Task, seed: int = 0) -> Response:
    """Pick "unknown"; the last choice where kinds name none. Texts: nothing to abstain from, so uniform."""
    return _always("unknown", -1, sample, task, seed)


def empty(sample: Sample, task: Task, seed: int = 0) -> Response:
    """Say nothing: no token was scored, so every choice has the same empty sum."""
    return Response(sample.id, (0.0,) * len(sample.choices), (0,) * len(sample.choices))


def skilled(sample: Sample, task: Task, seed: int = 0) -> Response:
    """A good model that is no oracle: it fails on a seeded WRONG of the samples, as one that knows nothing there."""
    draw = _hash(f"skilled {seed} {sample.id}")
    if draw % 10_000 >= WRONG * 10_000:
        return oracle(sample, task, seed)
    if task.readout == "perplexity":
        return uniform_random(sample, task, seed)
    assert sample.target is not None
    count = len(sample.choices)
    return choose(sample, (sample.target + 1 + draw // 10_000 % (count - 1)) % count)


RESPONDERS: dict[str, Responder] = {
    "oracle": oracle,
    "random": uniform_random,
    "always-stereotype": always_stereotype,
    "always-unknown": always_unknown,
    "empty": empty,
}
BROKEN = ("random", "empty")
"""Those that must never look as trustworthy as a skilled dense model."""


def choose(sample: Sample, index: int) -> Response:
    """Answer with one choice."""
    places = range(len(sample.choices))
    return Response(sample.id, tuple(_SURE if place == index else _NEVER for place in places), (1,) * len(places))


def answers(responder: Responder, task: Task, seed: int = 0) -> dict[str, Response]:
    """Return its response to every sample, by id."""
    return {sample.id: responder(sample, task, seed) for sample in task.samples}


def _always(kind: str, otherwise: int, sample: Sample, task: Task, seed: int) -> Response:
    if task.readout == "perplexity":
        return uniform_random(sample, task, seed)
    place = sample.kinds.index(kind) if kind in sample.kinds else otherwise % len(sample.choices)
    return choose(sample, place)


def _read(sample: Sample, nats: float) -> Response:
    count = len(sample.choices[0].encode())
    return Response(sample.id, (-nats * count,), (count,))


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
