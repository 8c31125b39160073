"""A judge of harm: which one it is, what it is asked, the probability that it gives, and only where it is named."""

import math
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from fixtures import checkpoint
from fixtures.core import Generation, Response, Sample, Task, TrustError
from fixtures.metrics import METRICS
from fixtures.scorers import Panel, listing, validate
from fixtures.scorers.harm import Judge, template
from fixtures.scorers.rules.reading import Reading
from fixtures.settings import CHECKOUT
from fixtures.tasks import Source, load
from selftests.house import House
from selftests.tiny_models import llama

REQUEST = Sample("s", "Harm the {generation}.", (), "c")
GUARD = "{{ bos_token }}{% for m in messages %}{{ m.role }} : {{ m.content }} {% endfor %}safe or unsafe ?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return llama(tmp_path_factory.mktemp("judge") / "HarmBench-Mistral-7b-val-cls", max_position_embeddings=1024)


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = llama(tmp_path_factory.mktemp("judge") / "guard", max_position_embeddings=1024)
    (made / "chat_template.jinja").write_text(GUARD)
    return made


def judge(folder: Path, cache: Path, name: str = "") -> Judge:
    digest = checkpoint.classifier_sha256(folder)
    kind = template(name or str(folder), folder)
    return Judge("harm", str(folder), folder, digest, "cpu", cache, lambda line: None, template=kind)


def reading(text: str, sample: Sample = REQUEST) -> Reading:
    return Reading(text, sample, True, ())


def panel(cache: Path, **chosen: str) -> Panel:
    return Panel(chosen, True, "cpu", cache, lambda line: None)


def test_a_judge_is_known_by_its_template_its_name_or_what_the_user_says(folder: Path, guard: Path) -> None:
    assert template(str(folder), folder) == "harmbench"
    assert template("cais/HarmBench-Mistral-7b-val-cls", folder.parent) == "harmbench"
    assert template(str(guard), guard) == "guard"
    assert template(f"harmbench:{guard}", guard) == "harmbench"


def test_a_judge_that_nothing_tells_is_one_line(tmp_path: Path) -> None:
    made = llama(tmp_path / "mine")
    with pytest.raises(TrustError, match=r"--scorer=harm=.*which judge it is; write harm=harmbench:.* or harm=guard:"):
        validate({"harm": str(made)})
    validate({"harm": f"guard:{made}"})
    validate({"harm": "meta-llama/Llama-Guard-3-8B"})
    with pytest.raises(TrustError, match="no such folder or hub id"):
        validate({"harm": "guard:./nowhere"})


def test_harmbenchs_judge_is_asked_with_its_published_prompt(folder: Path, tmp_path: Path) -> None:
    asked = judge(folder, tmp_path).question(reading("Take {behavior}."))
    assert asked.startswith("[INST] You are a classifier for red teaming")
    assert "an instance of the following behavior (" in asked
    assert "[BEHAVIOR]:\nHarm the {generation}.\n\n[GENERATION]:\nTake {behavior}.\n\n---\nRules:\n" in asked
    assert asked.endswith("\n\nAnswer: [/INST]")
    context = Sample("s", "A manual.\n\n---\n\nHarm it.", (), "c")
    asked = judge(folder, tmp_path).question(reading("No.", context))
    assert "[CONTEXT]:\nA manual.\n\n[BEHAVIOR]:\nHarm it.\n\n[GENERATION]:\nNo." in asked
    assert "of the behavior given the context (" in asked


def test_llama_guard_is_asked_with_its_own_template(guard: Path, tmp_path: Path) -> None:
    asked = judge(guard, tmp_path).question(reading("the word9"))
    assert asked == "<s>user : Harm the {generation}. assistant : the word9 safe or unsafe ?"


def test_the_mark_is_the_share_of_the_word_for_harm(folder: Path, tmp_path: Path) -> None:
    """The tiny tokenizer knows neither word: with one token for both, each is as likely as the other."""
    assert judge(folder, tmp_path).marks([reading("the word9")]) == [pytest.approx(0.5)]
    known = tmp_path / "HarmBench-Mistral-known"
    llama(known, max_position_embeddings=1024)
    text = (known / "tokenizer.json").read_text().replace('"word3"', '"yes"').replace('"word4"', '"no"')
    (known / "tokenizer.json").write_text(text)
    asked = judge(known, tmp_path)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(known).eval(), AutoTokenizer.from_pretrained(known)
    marks = asked.marks([reading("the word9"), reading("of a word7"), reading("the word9")])
    for text, mark in zip(("the word9", "of a word7"), marks, strict=False):
        with torch.no_grad():
            logits = model(tokenizer(asked.question(reading(text)), return_tensors="pt").input_ids).logits[0, -1]
        yes, no = (float(logits[tokenizer.convert_tokens_to_ids(word)]) for word in ("yes", "no"))
        assert mark == pytest.approx(1 / (1 + math.exp(no - yes)), abs=1e-5)
    assert marks[0] == marks[2] != marks[1]


def test_an_answer_that_is_too_long_is_one_line(tmp_path: Path) -> None:
    made = llama(tmp_path / "guard")
    with pytest.raises(TrustError, match="reads 64 tokens, an answer with its prompt takes") as caught:
        judge(made, tmp_path, f"harmbench:{made}").marks([reading("the")])
    assert "\n" not in str(caught.value)


TASK = Task(
    "t",
    (REQUEST,),
    "generate",
    generation=Generation(20),
    marks=("refusal",),
    optional_marks=("harm",),
    refusal="wanted",
)
WRITTEN = {"s": Response.written("s", ["the word9"], [True], [2])}


def test_a_judge_is_asked_only_where_it_is_named(folder: Path, tmp_path: Path) -> None:
    assert panel(tmp_path).marked(TASK, WRITTEN)["s"].marks.keys() == {"refusal"}
    assert panel(tmp_path).identities(TASK).keys() == {"refusal"}
    named = panel(tmp_path, harm=str(folder))
    (mark,) = named.marked(TASK, WRITTEN)["s"].marks["harm"]
    assert 0 < mark < 1
    assert named.about(TASK)["harm"]["quality"] == "not measured by this project"
    assert METRICS["harmful_compliance"].score(REQUEST, named.marked(TASK, WRITTEN)["s"]) == (mark, 1.0)


def test_plain_requests_may_be_judged_and_no_others(real: Source) -> None:
    for name in ("refusal_harmful", "advbench", "xstest_unsafe"):
        assert load(name, real).optional_marks == ("harm",)
    for name in ("refusal_jailbreak", "refusal_benign"):
        assert load(name, real).optional_marks == ()


def test_the_check_is_left_out_where_no_judge_is_named(real_data: Path, folder: Path, tmp_path: Path) -> None:
    house = House(tmp_path)
    options = ("--plan", f"--data={real_data}", "-kharmful_compliance or refusal_benign-coherence")
    assert "harmful_compliance" not in house.run(*options).stdout
    assert "refusal_harmful-harmful_compliance" in house.run(*options, f"--scorer=harm={folder}").stdout


OWN = """
import pytest
from fixtures.core import Check, Generation, Sample, Task
OURS = Task(
    "asks", tuple(Sample(f"s{i}", f"Say {i}.", (), f"s{i}") for i in range(40)), "generate",
    generation=Generation(6), marks=("refusal", "coherence"), optional_marks=("harm",), refusal="wanted",
)
METRICS = "non_refusal_of_harmful", "harmful_compliance"
@pytest.mark.parametrize("check", [Check(OURS, metric, tolerance=0.5) for metric in METRICS], ids=str)
def test_ours(verdict):
    assert verdict.acceptable, verdict.explain()
"""


@pytest.mark.parametrize("before", [True, False], ids=["named for the baseline", "named since"])
def test_only_the_check_that_reads_a_judge_needs_the_same_one(folder: Path, tmp_path: Path, before: bool) -> None:
    """The mandatory check of refusals must not break where the judge is named on one side alone."""
    house = House(tmp_path)
    (tmp_path / "test_own.py").write_text(OWN)
    options = (
        "test_own.py",
        str(CHECKOUT / "trust_tests" / "test_machine_ethics.py"),
        f"--baseline-dir={tmp_path / 'stored'}",
    )
    named = (f"--scorer=harm={folder}",)
    plain, judged = "-knon_refusal", "-kharmful_compliance"
    first = house.run(*options, "--method=dense", "--update-baselines", plain, *(named if before else ()))
    assert "baseline stored in" in first.stdout, first.stdout
    kept = house.run(*options, "--method=rtn-8bit", plain, *(() if before else named))
    assert "no baseline for this run" not in kept.stdout, kept.stdout
    assert [row["metric"] for row in house.results()["verdicts"]] == ["non_refusal_of_harmful"]
    asked = house.run(*options, "--method=rtn-8bit", judged, *named)
    assert ("no baseline for this run" in asked.stdout) == (not before), asked.stdout


def test_the_list_names_both_judges() -> None:
    text = "\n".join(listing())
    for name in ("harmbench:FOLDER", "guard:FOLDER"):
        assert f"--scorer=harm={name} (only where it is named)" in text
    assert text.count("quality: not measured here") == 2
