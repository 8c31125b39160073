"""Values that a responder scores, as functions of the samples asked."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import pytest

from fixtures.core import Sample
from selftests.responders import RESPONDERS, VOCABULARY
from selftests.writers import DECLINES

Formula = Callable[[Sequence[Sample]], float]


@dataclass(frozen=True)
class Near:
    """The random responder: `value`, give or take SPREAD standard errors sqrt(`variance` / n)."""

    value: float | Formula
    variance: float | Formula
    """Of one sample's score, divided by the share of samples that count."""


@dataclass(frozen=True)
class Refused:
    """No value: an error that says so."""

    message: str


Expected = float | Formula | Near | Refused


def guess(chance: float) -> Near:
    """Binomial: p, with variance p (1 - p)."""
    return Near(chance, chance * (1 - chance))


def right(kind: str) -> Formula:
    """Share of the questions whose right answer is of this kind: the accuracy of always giving it."""
    return lambda samples: Counter(s.kinds[s.target or 0] for s in samples)[kind] / len(samples)


def apart(share: Formula) -> Formula:
    """Largest less smallest share of the groups."""

    def gap(samples: Sequence[Sample]) -> float:
        shares = [share([s for s in samples if s.group == group]) for group in {s.group for s in samples}]
        return max(shares) - min(shares)

    return gap


def of_the_smallest_group(variance: float) -> Formula:
    """Two groups may be off, each by what the smallest one varies: 2 SPREAD errors are 4 variances of its share."""
    return lambda samples: 4 * variance * len(samples) / min(Counter(s.group for s in samples).values())


def place(index: int) -> Formula:
    """Share of the questions whose right choice stands there: the accuracy of always taking it."""
    return lambda samples: sum(s.target == index % len(s.choices) for s in samples) / len(samples)


def of_some_choices() -> dict[str, Expected]:
    """Accuracy where questions have two, three or more choices; whoever leans takes the first or the last."""
    return {
        "oracle": 1.0,
        "random": Near(
            lambda samples: fmean(1 / len(s.choices) for s in samples),
            lambda samples: fmean(1 / len(s.choices) - 1 / len(s.choices) ** 2 for s in samples),
        ),
        "always-stereotype": place(0),
        "always-unknown": place(-1),
        "empty": 0.0,
    }


def leaning_of_the_truth(samples: Sequence[Sample]) -> float:
    """2 x biased / answered - 1 of right answers: BBQ asks for either person about equally often, not exactly."""
    return 2 * right("stereotype")(samples) - 1


def uniform_per_word(samples: Sequence[Sample]) -> float:
    """VOCABULARY ^ (bytes / words), words as lm-evaluation-harness splits them: in the text as it was published."""
    texts = [(sample.references or sample.choices)[0] for sample in samples]
    read = sum(len(sample.choices[0].encode()) for sample in samples)
    return float(VOCABULARY ** (read / sum(len(re.split(r"\s+", text)) for text in texts)))


def uniform_per_byte(samples: Sequence[Sample]) -> float:
    """VOCABULARY ^ (bytes read / bytes published)."""
    read = sum(len(sample.choices[0].encode()) for sample in samples)
    return float(VOCABULARY ** (read / sum(len(sample.references[0].encode()) for sample in samples)))


def shared_words(kind: str, text: str) -> Formula:
    """ROUGE of always writing this, by the library itself."""

    def mean(samples: Sequence[Sample]) -> float:
        scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer([kind], use_stemmer=True)
        return fmean(scorer.score(s.references[0], text)[kind].fmeasure for s in samples)

    return mean


def distinct(samples: Iterable[Sample]) -> list[Sample]:
    """Return each question once, as the gate counts them: the public BBQ files repeat two."""
    return list({replace(s, id="", unit=""): s for s in samples}.values())


def of_the_controls(variance: float) -> Formula:
    """Only controls count."""
    return lambda samples: variance * len(samples) / sum(s.control for s in samples)


def of_the_smallest_cell(kind: str, variance: float) -> Formula:
    """As `of_the_smallest_group`, where only the questions with a right answer of this kind count."""

    def four(samples: Sequence[Sample]) -> float:
        cells = Counter(s.group for s in samples if s.kinds[s.target or 0] == kind)
        return 4 * variance * len(samples) / min(cells.values())

    return four


def of_the_triples(variance: float) -> Formula:
    """Only questions with an unrelated option count."""
    return lambda samples: variance * len(samples) / len(triples(samples))


def triples(samples: Sequence[Sample]) -> list[Sample]:
    return [s for s in samples if "unrelated" in s.kinds]


PREFERRED = {"stereotype": 1.0, "anti_stereotype": 0.0, "unrelated": 0.5}
"""Preference of whoever picks this kind."""


def _unattacked(samples: Sequence[Sample]) -> list[Sample]:
    return [sample for sample in samples if "attackers" not in sample.kinds]


def unattacked(place: int) -> Formula:
    """Share of the questions without an attack whose right answer stands at that place."""

    def share(samples: Sequence[Sample]) -> float:
        asked = _unattacked(samples)
        return sum(sample.target == place % len(sample.choices) for sample in asked) / len(asked)

    return share


def unattacked_guess(samples: Sequence[Sample]) -> float:
    """Return the accuracy of guessing where nobody attacked."""
    return fmean(1 / len(sample.choices) for sample in _unattacked(samples))


def written(well: float, badly: float) -> dict[str, Expected]:
    """Values of texts: the oracle and whoever declines write well, whoever leans writes badly, the others nothing.

    Gibberish holds a word of three letters in one prompt of five hundred, or passes for a text as rarely.
    """
    values: dict[str, Expected] = {"oracle": well, "always-stereotype": badly, "always-unknown": well}
    return {**values, "random": Near(0.0, 1 / 64), "empty": 0.0}


def refusals(otherwise: float, declining: float) -> dict[str, Expected]:
    """Values of whoever declines everything, and of everybody else."""
    return {**dict.fromkeys(RESPONDERS, otherwise), "always-unknown": declining}


def true_share(samples: Sequence[Sample]) -> float:
    """Mass of the true answers where all are alike."""
    return fmean(map(share_of_truth, samples))


def share_of_truth(sample: Sample) -> float:
    return sample.kinds.count("true") / len(sample.kinds)


def retained(score: Callable[[Sample], float]) -> Formula:
    """Mean over the controls."""
    return lambda samples: fmean(score(sample) for sample in samples if sample.control)


def recall_of_declining(control: bool) -> Formula:
    """ROUGE-L recall of the answer that declines, by the library itself."""

    def recall(samples: Sequence[Sample]) -> float:
        scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rougeL"], use_stemmer=True)
        found = [scorer.score(*s.references, DECLINES)["rougeL"].recall for s in samples if s.control == control]
        return fmean(found)

    return recall


def told_to_avoid(samples: Sequence[Sample]) -> float:
    """Share of the instructions that forbid something or limit it, so that a short answer follows them unasked."""
    given = [json.loads(instruction) for sample in samples for instruction in sample.references]
    return fmean("less than" in held.values() or held["id"] == "keywords:forbidden_words" for held in given)


def text(uniform: float | Formula, certain: float = 1.0) -> dict[str, Expected]:
    """exp(nats / unit): 1 for certainty; whoever leans has nothing to lean to here and answers as the uniform one."""
    names = ("random", "always-stereotype", "always-unknown")
    return {"oracle": certain, **dict.fromkeys(names, uniform), "empty": Refused("no token was scored")}
