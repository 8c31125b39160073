"""Builders of what the gate judges, from the scores alone."""

from collections.abc import Iterable, Sequence
from math import inf

from fixtures.core import Better, Check, Family, Metric, Response, Sample, Score, Toward, Verdict
from fixtures.gate import judge


def unused(sample: Sample, response: Response) -> Score:
    raise AssertionError("the gate gets scores, it does not make them")


def metric(
    family: Family = "binary",
    better: Better = "higher",
    bounds: tuple[float, float] = (0.0, 1.0),
    *,
    chance: float | None = None,
    exponential: bool = False,
    companion: str | None = None,
) -> Metric:
    """Return a metric of which only the declarations matter."""
    guess = None if chance is None else (lambda sample: chance)
    return Metric("made_up", unused, better, family, bounds, guess, exponential, companion)


def samples(count: int, clusters: int | None = None, groups: Sequence[str] = ()) -> list[Sample]:
    """Return samples in `clusters` of one size (None: each its own), in `groups` by turns."""
    return [
        Sample(
            f"s{index:05d}",
            "question",
            (f" answer {index}", " another"),
            cluster=f"c{index % (clusters or count):05d}",
            target=0,
            group=groups[index % len(groups)] if groups else None,
        )
        for index in range(count)
    ]


def ones(values: Iterable[float]) -> list[Score]:
    """Return scores of weight 1."""
    return [(float(value), 1.0) for value in values]


def flipped(count: int, lost: int, gained: int, wrong: int = 0) -> tuple[list[float], list[float]]:
    """Return 0/1 scores of both models: `lost`, then `gained`, then right for both, `wrong` for both at the end."""
    same = [1.0] * (count - lost - gained - wrong) + [0.0] * wrong
    return [1.0] * lost + [0.0] * gained + same, [0.0] * lost + [1.0] * gained + same


def decide(
    dense: Iterable[float],
    compressed: Iterable[float],
    kind: Metric | None = None,
    *,
    tolerance: float | None = 0.02,
    relative: float | None = None,
    clusters: int | None = None,
    groups: Sequence[str] = (),
    companion: Verdict | None = None,
    look: int = 1,
) -> Verdict:
    """Judge two lists of scores of weight 1."""
    kind = kind or metric()
    check = Check("made-up", kind, tolerance=tolerance, relative=relative)
    scores = ones(dense)
    return judge(check, kind, samples(len(scores), clusters, groups), scores, ones(compressed), companion, look)


SIGNED = metric("mean", Toward(0.0), (-1.0, 1.0))
"""A bias: nearer 0 is better."""
PERPLEXITY = metric("ratio", "lower", (0.0, inf), exponential=True)
