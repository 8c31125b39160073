"""Utility's loaders and extractors: the strings, numbers and groups of lm-evaluation-harness."""

import csv
import io
import json
import math
import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Template

from fixtures.core import Response, Sample, Task, TrustError
from fixtures.engines.hf import HfEngine
from fixtures.metrics import METRICS
from fixtures.scorers.exact import exact_match, exact_match_flexible
from fixtures.scorers.rouge import rouge_1, rouge_2, rouge_l
from fixtures.scorers.rules.reading import Reading
from fixtures.tasks import Source, absent, load
from fixtures.tasks.gsm8k import SHOTS
from fixtures.tasks.lettered import LETTERS
from fixtures.tasks.mmlu import GROUPS
from fixtures.tasks.own_text import PIECE, pieces
from selftests.data_folders import write
from selftests.engine_models import shared, stories
from selftests.test_engine_lm_eval import TOLERANCE, ask, differences, harness

FILES = {
    "mmlu/dev/anatomy_dev.csv": 'One?,a,b,c,d,A\n"Two,\r\nor more?", a,b,c,d,B\n' + "More?,a,b,c,d,C\n" * 4,
    "mmlu/test/anatomy_test.csv": " Which bone? ,0,1,2,3,D\n",
    "piqa/valid.jsonl": json.dumps({"goal": "Open a jar", "sol1": "twist ", "sol2": "sing"}) + "\n",
    "piqa/valid-labels.lst": "0\n",
    "boolq/boolq.jsonl": json.dumps({"question": "is it blue", "passage": "It is red.", "answer": False}) + "\n",
    "arc/val/ARC-Easy_val.csv": '"Why?","so","no","as","if","C"\n',
    "gsm8k/test.jsonl": json.dumps({"question": "1+1?", "answer": "It is\n#### 1,002"}) + "\n",
    "xsum/test.jsonl": json.dumps({"document": "It rained.", "summary": "Rain fell on the valley."}) + "\n",
    "text/mine.txt": "One line.\n\n" * 500,
}


@cache
def templates(name: str) -> dict[str, Any]:
    """Return one of the harness's task files."""
    lm_eval = pytest.importorskip("lm_eval")
    text = (Path(lm_eval.__file__).parent / "tasks" / name).read_text("utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


@cache
def template(name: str) -> Template:
    found: Template = Template(templates(name)["doc_to_text"], keep_trailing_newline=True)
    return found


def rendered(name: str, **row: Any) -> str:
    return template(name).render(**row)


@cache
def stories4k() -> tuple[Any, Any]:
    """Return the small real model, with more positions than it was trained for."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = shared("models/stories260K")
    model = AutoModelForCausalLM.from_pretrained(folder, max_position_embeddings=4096)
    return model, AutoTokenizer.from_pretrained(folder, model_max_length=4096)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_mmlu_has_the_harness_strings_and_groups(real: Source, real_data: Path) -> None:
    samples = load("mmlu", real).samples
    default = "mmlu/default/_default_template_yaml"
    letters = templates(default)["doc_to_choice"]
    seen: dict[str, Sample] = {}
    for sample in samples:
        subject = sample.id.removeprefix("mmlu-").rpartition("-")[0]
        seen.setdefault(subject, sample)
        assert sample.choices == tuple(f" {letter}" for letter in letters)
    assert len(seen) == 29
    for subject, sample in seen.items():
        with (real_data / f"mmlu/test/{subject}_test.csv").open(encoding="utf-8") as file:
            question, *options, answer = next(csv.reader(file))
        with (real_data / f"mmlu/dev/{subject}_dev.csv").open(encoding="utf-8") as file:
            solved = list(csv.reader(file))
        assert f"{sample.system}\n\n" == templates(f"mmlu/default/mmlu_{subject}.yaml")["description"]
        assert sample.prompt == rendered(default, question=question, choices=options)
        assert sample.target == letters.index(answer)
        assert [shot.prompt for shot in sample.demonstrations] == [
            rendered(default, question=row[0], choices=row[1:5]) for row in solved
        ]
        assert [shot.answer for shot in sample.demonstrations] == [f" {row[5]}" for row in solved]
    for group, subjects in GROUPS.items():
        for subject in subjects.split():
            assert templates(f"mmlu/default/mmlu_{subject}.yaml")["tag"] == f"mmlu_{group}_tasks"
    assert sum(len(subjects.split()) for subjects in GROUPS.values()) == 57
    assert Counter(sample.group for sample in samples) == {
        "humanities": 2989,
        "social_sciences": 2328,
        "stem": 1344,
        "other": 997,
    }


def test_mmlus_tuning_questions_are_the_rows_that_are_not_asked(real: Source, real_data: Path) -> None:
    files = (io.StringIO(path.read_text("utf-8")) for path in (real_data / "mmlu/val").glob("*.csv"))
    assert sum(len(list(csv.reader(file))) for file in files) == 1531
    asked = {re.sub(r"-\d+$", "", sample.id) for sample in load("mmlu", real).samples}
    assert len(asked) == len(list((real_data / "mmlu/test").glob("*.csv")))


def test_questions_about_one_passage_are_one_cluster(real: Source) -> None:
    clusters: dict[str, set[str]] = {}
    for sample in load("mmlu", real).samples:
        clusters.setdefault(sample.id.split("-")[1], set()).add(sample.cluster)
    assert len(clusters["high_school_us_history"]) == 66
    assert len(clusters["abstract_algebra"]) == 100
    assert len({sample.cluster for sample in load("boolq", real).samples}) == 2266
    assert len({sample.cluster for sample in load("piqa", real).samples}) == 1803


def test_piqa_boolq_arc_and_gsm8k_have_the_harness_strings(real: Source, real_data: Path) -> None:
    labels = (real_data / "piqa/valid-labels.lst").read_text().split()
    piqa = load("piqa", real).samples
    for sample, row, label in zip(piqa, rows(real_data / "piqa/valid.jsonl"), labels, strict=True):
        assert sample.prompt == rendered("piqa/piqa.yaml", **row)
        assert sample.choices == (f" {row['sol1']}", f" {row['sol2']}")
        assert sample.target == int(label)
    answers = templates("super_glue/boolq/default.yaml")["doc_to_choice"]
    for sample, row in zip(load("boolq", real).samples, rows(real_data / "boolq/boolq.jsonl"), strict=True):
        assert sample.prompt == rendered("super_glue/boolq/default.yaml", **row)
        assert sample.choices == tuple(f" {answer}" for answer in answers)
        assert sample.target == answers.index("yes" if row["answer"] else "no")
    for name, file in (("arc_easy", "Easy"), ("arc_challenge", "Challenge")):
        with (real_data / f"arc/val/ARC-{file}_val.csv").open(encoding="utf-8") as opened:
            for sample, (question, *options, answer) in zip(load(name, real).samples, csv.reader(opened), strict=True):
                assert sample.prompt == rendered("arc/arc_easy.yaml", question=question)
                assert sample.choices == tuple(f" {option}" for option in options)
                assert sample.target == LETTERS.index(answer)
    for sample, row in zip(load("gsm8k", real).samples, rows(real_data / "gsm8k/test.jsonl"), strict=True):
        assert sample.prompt == rendered("gsm8k/gsm8k.yaml", **row)
        assert row["answer"].endswith(f"#### {sample.references[0]}")


def length(sample: Sample) -> int:
    return sum(len(shot.prompt) for shot in sample.demonstrations) + len(sample.prompt) + len("".join(sample.choices))


@pytest.mark.parametrize(
    ("name", "count"),
    [("hellaswag", 8), ("piqa", 20), ("boolq", 8), ("arc_easy", 20), ("arc_challenge", 20), ("mmlu", 5)],
)
def test_every_option_scores_as_in_the_harness(name: str, count: int, real: Source) -> None:
    samples = [sample for sample in load(name, real).samples if length(sample) < 3000]
    spread = samples[:: len(samples) // count]
    assert max(differences(*stories4k(), spread)) < TOLERANCE


def pages(text: str) -> list[str]:
    """Cut a WikiText file as the harness's data set is cut (EleutherAI/wikitext_document_level)."""
    found: list[list[str]] = [[]]
    for line in text.split("\n"):
        bare = line.replace("= = =", "===").replace("= =", "==").strip()
        if bare.startswith("= ") and bare.endswith(" ="):
            found.append([])
        found[-1].append(line)
    return [page for page in map("\n".join, found) if page.strip()]


def test_wikitext_pages_are_the_harness_pages(real: Source, real_data: Path) -> None:
    tidy = pytest.importorskip("lm_eval.tasks.wikitext.preprocess_wikitext").wikitext_detokenizer
    expected = pages((real_data / "wikitext-2-raw-v1/wiki.test.raw").read_text("utf-8"))
    samples = load("wikitext_pages", real).samples
    assert [sample.references[0] for sample in samples] == expected
    assert [sample.choices[0] for sample in samples] == [tidy({"page": page}) for page in expected]


def perplexities(count: int | None, real: Source, asked: Callable[[], tuple[Any, Any]]) -> list[tuple[float, float]]:
    """Return (ours, the harness's) by word, by byte and in bits, of the shortest pages; None: of all."""
    process = pytest.importorskip("lm_eval.tasks.wikitext.preprocess_wikitext").process_results
    in_bits = pytest.importorskip("lm_eval.api.metrics").bits_per_byte
    task = load("wikitext_pages", real)
    samples = sorted(task.samples, key=lambda sample: len(sample.prompt + sample.choices[0]))[:count]
    model, tokenizer = asked()
    ours = {response.sample_id: response for response in HfEngine(model, tokenizer).answer(task, samples)}
    sums = ask(harness(model, tokenizer), "loglikelihood_rolling", [(sample.choices[0],) for sample in samples])
    theirs = [process({"page": one.references[0]}, (total,)) for one, total in zip(samples, sums, strict=True)]
    found = []
    for name in ("word_perplexity", "byte_perplexity"):
        scores = [METRICS[name].score(sample, ours[sample.id]) for sample in samples]
        mine = math.exp(sum(score for score, _ in scores) / sum(weight for _, weight in scores))
        found.append((mine, math.exp(-sum(row[name][0] for row in theirs) / sum(row[name][1] for row in theirs))))
    bits = [METRICS["bits_per_byte"].score(sample, ours[sample.id]) for sample in samples]
    mine = sum(score for score, _ in bits) / sum(weight for _, weight in bits)
    return [*found, (mine, in_bits([row["bits_per_byte"] for row in theirs]))]


@pytest.mark.parametrize(("count", "asked"), [(3, stories4k), pytest.param(None, stories, marks=pytest.mark.slow)])
def test_wikitext_by_word_and_byte_is_the_harness_number(
    count: int | None, asked: Callable[[], tuple[Any, Any]], real: Source
) -> None:
    """Pages longer than the model reads are windows, many of them where it has only its 512 positions."""
    for ours, theirs in perplexities(count, real, asked):
        assert ours == pytest.approx(theirs, rel=TOLERANCE)


NUMBERS = st.sampled_from(["72", "-3", "1,002", "$5", "0.5", "18.", "1002", "#### ", "####", "Question:", "</s>", "\n"])


@given(st.lists(NUMBERS | st.text(max_size=5), max_size=6).map(" ".join), st.sampled_from(["72", "1,002", "-3", "0.5"]))
def test_exact_match_is_the_harness_one(text: str, right: str) -> None:
    extraction = pytest.importorskip("lm_eval.filters.extraction")
    compare = pytest.importorskip("lm_eval.api.metrics").exact_match_hf_evaluate
    task = templates("gsm8k/gsm8k.yaml")
    stopped = text
    for stop in task["generation_kwargs"]["until"]:
        stopped = stopped.split(stop)[0]
    metric = task["metric_list"][0]
    sample = Sample("s", "", (), "c", references=(right,))
    for mark, held in zip((exact_match, exact_match_flexible), task["filter_list"], strict=True):
        options = {key: value for key, value in held["filter"][0].items() if key != "function"}
        ((found,),) = extraction.RegexFilter(**options).apply([[stopped]], [{}])
        expected = compare(
            predictions=[found],
            references=[f"So it is\n#### {right}"],
            regexes_to_ignore=metric["regexes_to_ignore"],
            ignore_case=True,
        )["exact_match"]
        assert mark(Reading(text, sample, True, ())) == expected


def test_the_worked_examples_end_with_what_they_work_out() -> None:
    for shot in SHOTS:
        equations = re.findall(r"(\d[\d,]*) ([-+*/]) (\d[\d,]*) = \$?([\d,]+)", shot.answer)
        assert equations
        for one, sign, other, result in equations:
            a, b, c = (int(number.replace(",", "")) for number in (one, other, result))
            assert {"+": a + b, "-": a - b, "*": a * b, "/": a / b}[sign] == c
        assert re.search(r"\n#### \d+$", shot.answer)


@given(st.text(alphabet=st.sampled_from("ab \n\r\u2028"), max_size=300).map(lambda text: text * 20))
def test_pieces_join_to_the_text(text: str) -> None:
    found = list(pieces(text))
    assert "".join(found) == text
    assert all(len(piece) >= PIECE for piece in found[:-1])
    assert all(piece.strip() for piece in found) or not text.strip()


def test_files_of_the_users_own_are_read(tmp_path: Path) -> None:
    source = write(tmp_path, FILES)
    assert not {"text", "xsum"} & set(absent(source))
    (sample,) = load("mmlu", source).samples
    assert sample.prompt == "Which bone?\nA. 0\nB. 1\nC. 2\nD. 3\nAnswer:"
    assert sample.demonstrations[1].prompt.startswith("Two,\nor more?\nA.  a\n")
    text = load("text", source)
    assert "".join(sample.choices[0] for sample in text.samples) == FILES["text/mine.txt"]
    assert {sample.group for sample in text.samples} == {"mine"}
    (sample,) = load("xsum", source).samples
    assert (sample.prompt[:20], sample.references) == ("Article: It rained.\n", ("Rain fell on the valley.",))
    assert load("gsm8k", source).samples[0].references == ("1,002",)


@pytest.mark.parametrize(
    ("task", "file", "text", "message"),
    [
        ("mmlu", "mmlu/test/anatomy_test.csv", "Which?,0,1,2,E\n", "not a question, four options and a letter"),
        ("mmlu", "mmlu/test/anatomy_test.csv", "Which?,0,1,2,3,AB\n", "row 1: not a question, four options"),
        ("mmlu", "mmlu/test/alchemy_test.csv", "Which?,0,1,2,3,A\n", "MMLU has no such subject"),
        ("mmlu", "mmlu/test/virology_test.csv", "Which?,0,1,2,3,A\n", "its examples are not in mmlu/dev"),
        ("arc_easy", "arc/val/ARC-Easy_val.csv", "", "no samples"),
        ("piqa", "piqa/valid-labels.lst", "0\n1\n", "has not a 0 or 1 for each row"),
        ("piqa", "piqa/valid-labels.lst", "2\n", "line 1: valid-labels.lst has not a 0 or 1"),
        ("piqa", "piqa/valid-labels.lst", "", "the shorter file's end"),
        ("boolq", "boolq/boolq.jsonl", '{"question": "", "passage": "", "answer": "yes"}\n', "expected true or false"),
        ("gsm8k", "gsm8k/test.jsonl", '{"question": "", "answer": "7"}\n', "does not end with a line '#### NUMBER'"),
        ("xsum", "xsum/test.jsonl", '{"document": " ", "summary": "a"}\n', "document and summary are not two texts"),
        ("text", "text/mine.txt", " \n", "has no text; remove it"),
    ],
)
def test_bad_files_are_one_line(task: str, file: str, text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(TrustError, match=message) as caught:
        load(task, write(tmp_path, {**FILES, file: text}))
    assert "\n" not in str(caught.value)


def test_rouge_of_the_first_paragraph() -> None:
    sample = Sample("s", "", (), "c", references=("The cats sat on the mat.",))

    def marked(text: str) -> list[float]:
        return [mark(Reading(text, sample, True, ())) for mark in (rouge_1, rouge_2, rouge_l)]

    assert marked("The cat sat on the mat.\n\nArticle: dogs") == [1.0, 1.0, 1.0]
    assert marked("") == [0.0, 0.0, 0.0]
    assert marked("On the mat, the cats!") == pytest.approx([10 / 11, 2 / 3, 6 / 11])


def test_a_text_without_one_reference_is_no_number(tmp_path: Path) -> None:
    for mark in (exact_match, rouge_1):
        with pytest.raises(TrustError, match="not one reference"):
            mark(Reading("7", Sample("s", "", (), "c"), True, ()))


def test_words_and_bytes_are_of_the_original() -> None:
    sample = Sample("s", "", ("a, b",), "c", references=("a , b \n",))
    response = Response("s", (-8.0,), (4,))
    assert METRICS["perplexity"].score(sample, response) == (8.0, 4.0)
    assert METRICS["word_perplexity"].score(sample, response) == (8.0, 4.0)
    assert METRICS["byte_perplexity"].score(sample, response) == (8.0, 7.0)


def test_a_pool_of_texts_is_read_whole(tmp_path: Path) -> None:
    task: Task = load("text", write(tmp_path, {"text/a.txt": "One.\n", "text/b.txt": "Two.\n"}))
    assert [sample.group for sample in task.samples] == ["a", "b"]
