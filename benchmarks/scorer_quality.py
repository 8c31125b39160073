"""Measure the scorers on labelled texts: what fixtures/scorers/table.py states.

python -m benchmarks.scorer_quality DATA [MARK=NAME ...]

DATA is a folder of public files as `--data` reads them. Toxicity: HateCheck (Röttger et al., 2021, arXiv 2012.15606).
Sentiment: SST-2's validation sentences. Refusal: our own refusals.tsv, written before the phrases, by the same hand.
Coherence: human texts, and broken ones.
"""

import csv
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.broken_texts import broken_texts
from fixtures.core import Generation, Response, Sample, Task
from fixtures.scorers import Panel

HERE = Path(__file__).parent
DEFAULT = ("toxicity=lexical", "sentiment=vader", "refusal=phrases", "coherence=rules")

Judge = Callable[[Sequence[str]], list[float]]


@dataclass(frozen=True)
class Rates:
    """How often a scorer is right."""

    sensitivity: float
    """Share of the texts that have it, marked above one half."""
    specificity: float
    """Share of the texts that do not, marked at one half or below."""
    positives: int
    negatives: int

    def __str__(self) -> str:
        return (
            f"sensitivity {self.sensitivity:.3f} ({self.positives} texts), specificity {self.specificity:.3f} "
            f"({self.negatives} texts)"
        )


def judge(mark: str, name: str, device: str = "cpu") -> Judge:
    """Return what marks texts, as a run marks them."""

    def marks(texts: Sequence[str]) -> list[float]:
        samples = tuple(Sample(f"{number}", "", (), f"{number}") for number in range(len(texts)))
        task = Task("texts", samples, "generate", generation=Generation(1), marks=(mark,))
        written = {f"{n}": Response.written(f"{n}", [text], [True], [1]) for n, text in enumerate(texts)}
        with tempfile.TemporaryDirectory() as cache:
            panel = Panel({mark: name}, False, device, Path(cache), lambda line: None)
            return [response.marks[mark][0] for response in panel.marked(task, written).values()]

    return marks


def rates(judge: Judge, labelled: Iterable[tuple[str, bool]]) -> Rates:
    """Return how often the judge's word is the label."""
    texts, labels = zip(*labelled, strict=True)
    found = list(zip(judge(texts), labels, strict=True))
    positives, negatives = ([mark for mark, label in found if label is kind] for kind in (True, False))
    return Rates(
        sum(mark > 0.5 for mark in positives) / len(positives),
        sum(mark <= 0.5 for mark in negatives) / len(negatives),
        len(positives),
        len(negatives),
    )


def hatecheck(data: Path) -> list[tuple[str, bool]]:
    """Return HateCheck's cases, and whether each is hateful."""
    rows = _csv(data / "hatecheck" / "test_suite_cases.csv")
    return [(row["test_case"], row["label_gold"] == "hateful") for row in rows]


def sst2(data: Path) -> list[tuple[str, bool]]:
    """Return SST-2's validation sentences, and whether each is negative."""
    lines = (data / "sst2" / "test.tsv").read_text("utf-8").splitlines()[1:]
    return [(text, label == "0") for text, label in (line.split("\t") for line in lines)]


def refusals() -> dict[str, list[str]]:
    """Return our own answers by what they are: refusal, compliance, or partial, which refuses and then helps."""
    found: dict[str, list[str]] = {}
    for line in (HERE / "refusals.tsv").read_text("utf-8").splitlines():
        kind, text = line.split("\t")
        found.setdefault(kind, []).append(text)
    return found


def languages() -> dict[str, list[str]]:
    """Return our own sentences by language."""
    found: dict[str, list[str]] = {}
    for line in (HERE / "languages.tsv").read_text("utf-8").splitlines():
        language, text = line.split("\t")
        found.setdefault(language, []).append(text)
    return found


def seen_texts(data: Path) -> dict[str, list[str]]:
    """Return the human texts on which the rules of coherence were set."""
    endings = [row["endings"][int(row["label"])] for row in _jsonl(data / "hellaswag" / "hellaswag.jsonl")]
    toxic = _jsonl(data / "decodingtrust" / "toxicity" / "user_prompts" / "toxic.jsonl")
    foreign = languages().values()
    return {
        "HellaSwag's endings": endings,
        "WikiText-2's sentences": wikitext(data),
        "GSM8K's answers": [row["answer"] for row in _jsonl(data / "gsm8k" / "test.jsonl")],
        "XSTest's prompts": [row["prompt"] for row in _csv(data / "xstest" / "xstest_prompts.csv")],
        "toxic RealToxicityPrompts": [row["prompt"]["text"] for row in toxic],
        f"our sentences in {len(foreign)} languages": [text for texts in foreign for text in texts],
    }


def unseen_texts(data: Path) -> dict[str, list[str]]:
    """Return human texts on which nothing was set."""
    questions = _jsonl(data / "tofu" / "resplit" / "retain10.json")
    return {
        "BoolQ's passages": [row["passage"] for row in _jsonl(data / "boolq" / "boolq.jsonl")],
        "PIQA's solutions": [row["sol1"] for row in _jsonl(data / "piqa" / "valid.jsonl")],
        "TOFU's answers": [row["answer"] for row in questions],
        "AdvBench's goals": [row["goal"] for row in _csv(data / "advbench" / "harmful_behaviors.csv")],
    }


def wikitext(data: Path) -> list[str]:
    """Return WikiText-2's sentences of four words and more."""
    lines = (data / "wikitext-2-raw-v1" / "wiki.test.raw").read_text("utf-8").splitlines()
    sentences = (sentence for line in lines for sentence in re.split(r"(?<= [.?!]) ", line.strip()))
    return [sentence for sentence in sentences if len(sentence.split()) >= 4]


def shares(judge: Judge, texts: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Return the share of each kind of text that is called incoherent."""
    return {kind: sum(mark < 0.5 for mark in judge(some)) / len(some) for kind, some in texts.items()}


def broken(data: Path) -> dict[str, list[str]]:
    """Return texts that are broken on purpose, by kind."""
    return broken_texts(wikitext(data), [text for texts in languages().values() for text in texts])


def main(data: Path, chosen: Sequence[str]) -> None:
    """Print how well each chosen scorer judges."""
    for mark, _, name in (choice.partition("=") for choice in chosen):
        print(f"{mark}={name}")
        for line in _lines(mark, judge(mark, name), data):
            print(f"  {line}", flush=True)


def _lines(mark: str, scorer: Judge, data: Path) -> Iterable[str]:
    if mark == "toxicity":
        yield f"HateCheck: {rates(scorer, hatecheck(data))}"
    elif mark == "sentiment":
        yield f"SST-2: {rates(scorer, sst2(data))}"
    elif mark == "refusal":
        ours = refusals()
        yield f"our own answers: {rates(scorer, [(t, kind) for kind in (True, False) for t in ours[_KIND[kind]]])}"
        yield f"partial refusals called refusals: {sum(scorer(ours['partial'])):g} of {len(ours['partial'])}"
    else:
        for title, texts in (("seen", seen_texts(data)), ("unseen", unseen_texts(data)), ("broken", broken(data))):
            for kind, share in shares(scorer, texts).items():
                yield f"{title}, {kind}: {share:.2%} of {len(texts[kind])} called incoherent"


_KIND = {True: "refusal", False: "compliance"}


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip()]


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(f"usage: {(__doc__ or '').splitlines()[2]}")
    main(Path(sys.argv[1]), sys.argv[2:] or DEFAULT)
