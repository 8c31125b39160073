"""Classifiers as scorers: labels, windows, batches, the cache, and what is refused."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from fixtures import checkpoint
from fixtures.core import Sample, TrustError
from fixtures.scorers.classifier import Classifier, label
from fixtures.scorers.rules.reading import Reading
from fixtures.scorers.table import KNOWN, known_as
from selftests.tiny_classifiers import LENGTH, bert, roberta

JIGSAW = {0: "toxic", 1: "severe_toxic", 2: "obscene", 3: "threat", 4: "insult", 5: "identity_hate"}
REGARD = {0: "negative", 1: "neutral", 2: "positive", 3: "other"}
LONG = "the cook was kind . " * 12 + "rude fool fool rude ."
TEXTS = ["the cook was kind .", "rude fool", "", LONG, "kind kind kind the the cook", "rude"]


def classifier(folder: Path, cache: Path, mark: str = "toxicity", said: list[str] | None = None) -> Classifier:
    digest = checkpoint.classifier_sha256(folder)
    heard = said if said is not None else []
    return Classifier(mark, str(folder), folder, digest, "cpu", cache, heard.append, known_as(str(folder)))


def marks(scorer: Classifier, texts: Sequence[str]) -> list[float]:
    return scorer.marks([Reading(text, Sample("s", "", (), "c"), True, ()) for text in texts])


def alone(folder: Path, text: str) -> torch.Tensor:
    """Return one text's logits as transformers gives them, without batch or padding."""
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    logits: torch.Tensor = model(**AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")).logits[0]
    return logits.detach()


@pytest.fixture(scope="module")
def two_labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return roberta(tmp_path_factory.mktemp("roberta"), {0: "neutral", 1: "toxic"})


def test_two_labels_share_a_softmax(two_labels: Path, tmp_path: Path) -> None:
    found = dict(zip(TEXTS, marks(classifier(two_labels, tmp_path), TEXTS), strict=True))
    for text in ("the cook was kind .", "rude fool", "", "rude"):
        assert found[text] == pytest.approx(float(alone(two_labels, text).softmax(-1)[1]), abs=1e-6)


def test_several_labels_have_a_sigmoid_each(tmp_path: Path) -> None:
    folder = bert(tmp_path / "toxic-bert", JIGSAW, problem_type="multi_label_classification")
    found = marks(classifier(folder, tmp_path), ["rude fool"])
    assert found == [pytest.approx(float(alone(folder, "rude fool").sigmoid()[0]), abs=1e-6)]


@pytest.mark.parametrize("make", [roberta, bert])
def test_a_long_text_is_its_worst_window(make: Any, tmp_path: Path) -> None:
    """Cut at the right, the rude end would go unread."""
    folder = make(tmp_path / "model", {0: "neutral", 1: "toxic"})
    words, room, step = LONG.split(), LENGTH - 2, LENGTH - 2 - LENGTH // 4
    windows = [" ".join(words[start : start + room]) for start in range(0, len(words) - room + step, step)]
    worst = max(float(alone(folder, window).softmax(-1)[1]) for window in windows)
    assert marks(classifier(folder, tmp_path), [LONG]) == [pytest.approx(worst, abs=1e-6)]


def test_marks_do_not_depend_on_company_or_order(two_labels: Path, tmp_path: Path) -> None:
    together = marks(classifier(two_labels, tmp_path / "a"), TEXTS)
    backwards = marks(classifier(two_labels, tmp_path / "b"), TEXTS[::-1])[::-1]
    single = [marks(classifier(two_labels, tmp_path / "c"), [text])[0] for text in TEXTS]
    assert together == pytest.approx(backwards, abs=1e-6)
    assert together == pytest.approx(single, abs=1e-6)
    assert marks(classifier(two_labels, tmp_path / "d"), ["rude", "rude"])[0] == pytest.approx(together[-1], abs=1e-6)


class TestTheCache:
    def test_a_text_is_scored_once(self, two_labels: Path, tmp_path: Path) -> None:
        said: list[str] = []
        first = marks(classifier(two_labels, tmp_path, said=said), TEXTS)
        assert said == [f"toxicity: {len(TEXTS)} texts for {two_labels}"]
        assert marks(classifier(two_labels, tmp_path, said=said), [*TEXTS, "kind"])[:-1] == first
        assert said[1:] == [f"toxicity: 1 texts for {two_labels}"]

    def test_a_killed_run_goes_on(self, two_labels: Path, tmp_path: Path) -> None:
        first = marks(classifier(two_labels, tmp_path), TEXTS)
        (file,) = tmp_path.glob("*.jsonl")
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join(lines[:3]) + lines[3][:20])
        said: list[str] = []
        assert marks(classifier(two_labels, tmp_path, said=said), TEXTS) == pytest.approx(first, abs=1e-6)
        assert said == [f"toxicity: {len(TEXTS) - 3} texts for {two_labels}"]
        assert len(file.read_text().splitlines()) == len(TEXTS) + 1  # the torn line stays

    def test_other_weights_are_another_scorer(self, two_labels: Path, tmp_path: Path) -> None:
        other = bert(tmp_path / "bert", {0: "neutral", 1: "toxic"})
        scorers = [classifier(folder, tmp_path / "cache") for folder in (two_labels, other)]
        assert len({scorer.identity for scorer in scorers}) == 2
        for scorer in scorers:
            marks(scorer, ["rude"])
        assert len(list((tmp_path / "cache").glob("*.jsonl"))) == 2

    def test_the_same_files_elsewhere_are_the_same_scorer(self, tmp_path: Path) -> None:
        twins = [roberta(tmp_path / name, {0: "neutral", 1: "toxic"}) for name in ("a", "b")]
        assert len({classifier(folder, tmp_path).identity for folder in twins}) == 1


class TestLabels:
    def test_the_known_ones_are_read_as_they_are_meant(self) -> None:
        by_name = {known.name: known for known in KNOWN}
        configs: dict[str, tuple[dict[str, Any], tuple[int, bool]]] = {
            "s-nlp/roberta_toxicity_classifier": ({"id2label": {"0": "neutral", "1": "toxic"}}, (1, False)),
            "unitary/toxic-bert": (
                {"id2label": JIGSAW, "problem_type": "multi_label_classification"},
                (0, True),
            ),
            "tomh/toxigen_roberta": ({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}, (1, False)),
            "protectai/distilroberta-base-rejection-v1": (
                {"id2label": {"0": "NORMAL", "1": "REJECTION"}, "problem_type": "single_label_classification"},
                (1, False),
            ),
            "sasha/regardv3": ({"id2label": REGARD}, (0, False)),
            "distilbert/distilbert-base-uncased-finetuned-sst-2-english": (
                {"id2label": {"0": "NEGATIVE", "1": "POSITIVE"}},
                (0, False),
            ),
        }
        assert configs.keys() == by_name.keys()
        for name, (config, expected) in configs.items():
            assert label(config, by_name[name].mark, by_name[name], "--scorer") == expected

    def test_a_folder_is_known_by_its_name(self) -> None:
        for known in KNOWN:
            own = known.name.split("/")[1]
            for name in (known.name, f"/data/{own}", f"scorers/{known.name.replace('/', '--')}/", f"C:\\a\\{own}"):
                assert known_as(name) is known
        assert known_as("somebody/else") is None

    @pytest.mark.parametrize(
        ("config", "words"),
        [
            ({"id2label": {0: "LABEL_0", 1: "LABEL_1"}}, r"which of its labels \(LABEL_0, LABEL_1\) is the toxicity"),
            ({"id2label": {0: "toxic", 1: "toxicity"}}, "which of its labels"),
            ({}, r"which of its labels \(none\)"),
            ({"id2label": JIGSAW}, "exclude each other"),
            ({"id2label": JIGSAW, "problem_type": "regression"}, "exclude each other"),
            ({"id2label": {0: "toxic"}}, "exclude each other"),
        ],
    )
    def test_a_doubtful_one_is_refused_by_name(self, config: dict[str, Any], words: str) -> None:
        with pytest.raises(TrustError, match=words) as error:
            label(config, "toxicity", None, "--scorer=toxicity=a/b")
        assert str(error.value).startswith("--scorer=toxicity=a/b: ")


class TestRefusals:
    def test_weights_that_are_missing(self, two_labels: Path, tmp_path: Path) -> None:
        from safetensors.torch import load_file, save_file

        folder = roberta(tmp_path / "model", {0: "neutral", 1: "toxic"})
        held = load_file(folder / "model.safetensors")
        held.pop("classifier.out_proj.weight")
        save_file(held, folder / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(TrustError, match=r"--scorer=toxicity=.*1 weights would be random"):
            marks(classifier(folder, tmp_path), ["rude"])

    def test_weights_that_nothing_needs_are_ignored(self, tmp_path: Path) -> None:
        from safetensors.torch import load_file, save_file

        folder = roberta(tmp_path / "model", {0: "neutral", 1: "toxic"})
        expected = marks(classifier(folder, tmp_path / "a"), ["rude"])
        held = load_file(folder / "model.safetensors")
        save_file(
            {**held, "roberta.pooler.dense.weight": torch.zeros(16, 16)},
            folder / "model.safetensors",
            metadata={"format": "pt"},
        )
        assert marks(classifier(folder, tmp_path / "b"), ["rude"]) == expected

    def test_numbers_that_are_none(self, tmp_path: Path) -> None:
        from safetensors.torch import load_file, save_file

        folder = roberta(tmp_path / "model", {0: "neutral", 1: "toxic"})
        held = {
            name: torch.full_like(value, torch.nan) for name, value in load_file(folder / "model.safetensors").items()
        }
        save_file(held, folder / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(TrustError, match=r"gives nan; check its weights"):
            marks(classifier(folder, tmp_path), ["rude"])

    def test_pickled_weights(self, tmp_path: Path) -> None:
        folder = roberta(tmp_path / "model", {0: "neutral", 1: "toxic"})
        (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
        with pytest.raises(TrustError, match=r"only pickled weights \(pytorch_model.bin\)"):
            checkpoint.classifier_sha256(folder)

    def test_a_tokenizer_that_cannot_pad(self, tmp_path: Path) -> None:
        folder = roberta(tmp_path / "model", {0: "neutral", 1: "toxic"})
        told = json.loads((folder / "tokenizer_config.json").read_text())
        del told["pad_token"]
        (folder / "tokenizer_config.json").write_text(json.dumps(told))
        (folder / "special_tokens_map.json").unlink(missing_ok=True)
        with pytest.raises(TrustError, match="a padding token"):
            marks(classifier(folder, tmp_path), ["rude"])
