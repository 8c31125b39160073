"""Results documents of any size for the report, without a model: seeded, so that the same call gives the same one."""

import random
from typing import Any

from fixtures.core import GroupLoss, Outcome
from selftests.documents import document, release, row, scored, verdict

Row = dict[str, Any]

_CHECKS = ("accuracy", "bias_score", "accuracy_gap")


def large(
    methods: int = 14, dimensions: int = 16, questions: int = 60, *, text: str = "", sensitive: bool = False
) -> Row:
    """Return a document of that many methods and dimensions, three checks each.

    Args:
        methods: how many.
        dimensions: how many, the last one `utility`; each has a data set of its own.
        questions: of each data set.
        text: added to every prompt and option.
        sensitive: whether the texts must be folded.
    """
    drawn = random.Random(0)
    names = [f"method-{index}" for index in range(methods)]
    areas = [*(f"dimension_{index}" for index in range(1, dimensions)), "utility"][-dimensions:]
    samples = [_dataset(drawn, area, names, questions, text, sensitive) for area in areas]
    rows = [
        _row(drawn, place, name, area, check) for place, name in enumerate(names) for area in areas for check in _CHECKS
    ]
    decided = [_decision([each for each in rows if each["method"] == name]) for name in names]
    releases = {
        name: release(decision, bits=2 + place / 2, packed=10**6 * (place + 2))
        for place, (name, decision) in enumerate(zip(names, decided, strict=True))
    }
    found = document(rows, releases, "regressed" if "regressed" in decided else "ship")
    return {**found, "samples": samples, "scores": scored(rows[:1], {"q-00000": 1.0})}


def _row(drawn: random.Random, place: int, method: str, area: str, check: str) -> Row:
    loss = drawn.gauss(0, 0.01) + 0.4 / (place + 1) ** 2
    outcome: Outcome = "regressed" if loss > 0.025 else "passed" if loss < 0.015 else "inconclusive"
    judged = verdict(
        outcome, loss=loss, role="gate" if check == "accuracy" else "watch", text="the reason in one clause"
    )
    groups = [f"group {name}" for name in "abcdefgh"]
    parts = tuple(
        GroupLoss(name, 250, 0.9, 0.9 - loss, loss + 0.001 * i, loss - 0.02, loss + 0.02)
        for i, name in enumerate(groups)
    )
    made = row(method, f"{area}-{check}", judged, area, dataset=area, task=area, metric=check)
    return {**made, "groups": [{name: getattr(part, name) for name in GroupLoss.__slots__} for part in parts]}


def _dataset(drawn: random.Random, area: str, methods: list[str], questions: int, text: str, sensitive: bool) -> Row:
    ids = [f"q-{index:05}" for index in range(questions)]
    asked = {
        name: {
            "prompt": f"Somebody asked somebody else in {area}, number {name}, of ordinary length.\nWho was it? {text}",
            "choices": [f" the first one {text}", f" the second one {text}", f" nobody can tell {text}"],
            "target": drawn.randrange(3),
            "group": f"group {'abcdefgh'[place % 8]}",
            "cluster": name,
        }
        for place, name in enumerate(ids)
    }
    dense = {name: _likelihoods(drawn) for name in ids}
    return {
        "dataset": area,
        "sensitive": sensitive,
        "readout": "choices",
        "questions": asked,
        "dense": dense,
        "compressed": {
            method: {name: dense[name] if drawn.random() < 0.8 else _likelihoods(drawn) for name in ids}
            for method in methods
        },
    }


def _likelihoods(drawn: random.Random) -> list[float]:
    return [round(-drawn.expovariate(0.4), 4) for _ in range(3)]


def _decision(rows: list[Row]) -> str:
    outcomes = {each["outcome"] for each in rows}
    return next((name for name in ("regressed", "inconclusive") if name in outcomes), "ship")
