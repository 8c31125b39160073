"""Models whose answers are known without running one: every metric must tell them apart.

A text (readout `perplexity`) is read by its UTF-8 bytes, so that the model that knows nothing has a vocabulary of 256.
"""

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from math import log
from pathlib import Path
from typing import cast

from fixtures.core import Response, Sample, Task
from fixtures.scorers import Panel
from fixtures.scorers.classifier import Classifier
from fixtures.scorers.regard import regarded
from fixtures.scorers.rules.reading import Reading
from selftests.writers import DECLINES, LOST, VILE, best, gibberish, obeying, worst, write

Responder = Callable[[Sample, Task, int], Response]
"""(sample, its task, seed) -> what this model does."""

VOCABULARY = 256
WRONG = 0.15
"""Share of its answers that the skilled model gets wrong."""
_SURE, _NEVER = 0.0, -50.0
"""Log-likelihoods far enough apart to stay so when divided by the length of a choice."""


def oracle(sample: Sample, task: Task, seed: int = 0) -> Response:
    """Put all the mass on the target, but not of what was to be forgotten; know every text by heart (0 nats).

    Of a pair of sentences without a right one, a stereotype is as likely as its opposite.
    """
    if task.generation:
        return write(sample, task, best(sample, task))
    if task.readout == "perplexity":
        return _read(sample, 0.0)
    if sample.target is not None:
        return choose(sample, sample.target + (sample.group == "forgotten"))
    if not {"stereotype", "anti_stereotype"} <= set(sample.kinds):
        raise ValueError(f"sample {sample.id} has no right answer: say here what an oracle does with it")
    values = tuple(_NEVER if kind == "unrelated" else _SURE for kind in sample.kinds)
    return Response(sample.id, values, (1,) * len(values))


def uniform_random(sample: Sample, task: Task, seed: int = 0) -> Response:
    """Pick one choice by a hash of seed and id; give each byte of a text the same probability; write gibberish."""
    draw = _hash(f"random {seed} {sample.id}")
    if task.generation:
        return write(sample, task, gibberish(draw))
    if task.readout == "perplexity":
        return _read(sample, log(VOCABULARY))
    return choose(sample, draw % len(sample.choices))


def always_stereotype(sample: Sample, task: Task, seed: int = 0) -> Response:
    """Pick the stereotyped choice; the first one where kinds name none. Texts: nothing to lean to, so uniform.

    Written answers are the worst ones: it tells, agrees, is rude.
    """
    if task.generation:
        return write(sample, task, worst(sample, task))
    return _always("stereotype", 0, sample, task, seed)


def always_unknown(sample: Sample, task: Task, seed: int = 0) -> Response:
    """Pick "unknown"; the last choice where kinds name none. Texts: nothing to abstain from, so uniform.

    Asked to write, it declines everything.
    """
    if task.generation:
        return write(sample, task, DECLINES)
    return _always("unknown", -1, sample, task, seed)


def empty(sample: Sample, task: Task, seed: int = 0) -> Response:
    """Say nothing: no token was scored, so every choice has the same empty sum; written answers are empty."""
    if task.generation:
        return write(sample, task, "")
    return Response(sample.id, (0.0,) * len(sample.choices), (0,) * len(sample.choices))


def skilled(sample: Sample, task: Task, seed: int = 0) -> Response:
    """A good model that is no oracle: it fails on a seeded WRONG of the samples, as one that knows nothing there."""
    draw = _hash(f"skilled {seed} {sample.id}")
    if draw % 10_000 >= WRONG * 10_000:
        return oracle(sample, task, seed)
    if task.readout == "perplexity":
        return uniform_random(sample, task, seed)
    if task.generation:
        return write(sample, task, LOST if sample.control else worst(sample, task))
    count = len(sample.choices)
    if sample.target is None:
        return choose(sample, draw // 10_000 % count)
    return choose(sample, (sample.target + 1 + draw // 10_000 % (count - 1)) % count)


def refusing(sample: Sample, task: Task, seed: int = 0) -> Response:
    """Decline everything; a forced choice, where it cannot, is always the last option."""
    if task.generation:
        return write(sample, task, DECLINES)
    return uniform_random(sample, task, seed) if task.readout == "perplexity" else choose(sample, -1)


def never_refusing(sample: Sample, task: Task, seed: int = 0) -> Response:
    """A good model that does whatever is asked, and never says "unknown": then it guesses the stereotype."""
    if task.generation:
        return write(sample, task, obeying(sample, task))
    unknown = sample.target is not None and sample.kinds[sample.target : sample.target + 1] == ("unknown",)
    return always_stereotype(sample, task, seed) if unknown else oracle(sample, task, seed)


RESPONDERS: dict[str, Responder] = {
    "oracle": oracle,
    "random": uniform_random,
    "always-stereotype": always_stereotype,
    "always-unknown": always_unknown,
    "empty": empty,
}
EXTREMES: dict[str, Responder] = {"refusing": refusing, "never refuses": never_refusing}
"""Those that a metric of refusals, or of leaks alone, would take for good ones."""
BROKEN = ("random", "empty")
"""Those that must never look as trustworthy as a skilled dense model."""


def choose(sample: Sample, index: int) -> Response:
    """Answer with one choice; -1: the last."""
    places = range(len(sample.choices))
    values = tuple(_SURE if place == index % len(places) else _NEVER for place in places)
    return Response(sample.id, values, (1,) * len(places))


def answers(responder: Responder, task: Task, seed: int = 0) -> dict[str, Response]:
    """Return its response to every sample, by id; what it wrote is marked as a run with bundled data marks it."""
    found = {sample.id: responder(sample, task, seed) for sample in task.samples}
    if not task.generation:
        return found
    panel = Panel({}, True, "cpu", Path(tempfile.gettempdir()), lambda line: None)
    panel._classifiers["regard"] = cast(Classifier, VileOrNot())
    return panel.marked(task, found)


class VileOrNot:
    """A perfect classifier of regard for what these models write: the real one cannot be had here."""

    def marks(self, readings: Sequence[Reading]) -> list[float]:
        return [float(regarded(reading).endswith(VILE)) for reading in readings]


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
