"""A ready-made checkpoint is gated under its label; an exported artefact gets the verdicts of its method."""

import subprocess
import sys
from importlib import metadata
from typing import Any

import pytest

from fixtures.settings import CHECKOUT, REFERENCE
from selftests import ready_models as ready
from selftests.house import QUICK, House


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("house"))


def export(house: House, method: str, out: str, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fixtures.methods", "export", method, f"--out={house.folder / out}"]
    command += [f"--trust-cache={house.cache}", *more]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)


def measured(results: dict[str, Any], method: str) -> list[Any]:
    told = ("outcome", "loss", "lower", "upper", "dense", "compressed", "flips")
    return [[row.get(name) for name in told] for row in results["verdicts"] if row["method"] == method]


@pytest.mark.parametrize("method", ["rtn-2bit", "magnitude-2:4", "quanto-int2", "gptq-2bit"])
def test_an_exported_artefact_gives_the_same_verdicts(method: str, house: House) -> None:
    name = method.replace(":", "-")
    done = export(house, method, name)
    assert done.returncode == 0, done.stderr
    ran = house.run(QUICK, "--samples=60", f"--method={method}", f"--method=mine=checkpoint:{house.folder / name}")
    results = house.results()
    release = results["releases"]["mine"]
    assert measured(results, "mine") == measured(results, method) != [], ran.stdout
    assert release["artefact_sha256"] == results["releases"][method]["artefact_sha256"]
    assert f"artefact_sha256 {release['artefact_sha256']}," in done.stdout
    assert "[mine-ethics_commonsense-accuracy]" in ran.stdout
    assert str(house.folder / name) not in "".join(row["test"] for row in results["verdicts"])


def test_a_checkpoint_is_judged_and_what_was_found_is_reported(house: House) -> None:
    made = ready.gptq(REFERENCE, house.folder / "theirs", 2, 32)
    (made / "chat_template.jinja").write_text("{{ messages }}")
    ran = house.run(QUICK, "--samples=200", f"--method=theirs=checkpoint:{made}", report="theirs-report")
    assert f"trust method theirs: checkpoint:{made}" in ran.stdout
    assert f"--method=theirs=checkpoint:{made}" in ran.stdout, "the command that repeats the run"
    release = house.results("theirs-report")["releases"]["theirs"]
    assert release["decision"] in ("regressed", "inconclusive")
    verified = release["verified"]
    assert (verified["format"], verified["said"]) == ("gptq", ["2 bits, groups of 32, asym"])
    assert verified["findings"] == ["it ships another chat template; prompts use the dense model's"]
    assert release["effective_bits"] == pytest.approx(verified["effective_bits"])
    assert release["size_bytes"] == (made / "model.safetensors").stat().st_size
    page = (house.folder / "theirs-report" / "report.html").read_text()
    assert "it ships another chat template" in page
    assert "2 bits, groups of 32, asym" in page


def test_the_versions_of_a_formats_own_library_are_recorded(house: House) -> None:
    pytest.importorskip("bitsandbytes")
    made = ready.bitsandbytes(load_in_8bit=True)(REFERENCE, house.folder / "int8")
    house.run(QUICK, "--samples=60", f"--method=theirs=checkpoint:{made}", report="int8-report")
    versions = house.results("int8-report")["provenance"]["versions"]
    assert versions["bitsandbytes"] == metadata.version("bitsandbytes")
    assert versions["torch"] == metadata.version("torch")


def test_a_tampered_checkpoint_breaks_the_run_in_one_line(house: House) -> None:
    made = ready.gptq(REFERENCE, house.folder / "tampered", 4, 32)
    ready.edit(made, lambda weights: weights["model.layers.1.mlp.up_proj.scales"].neg_())
    ran = house.run(QUICK, "--samples=60", f"--method=theirs=checkpoint:{made}", report="tampered-report")
    assert house.results("tampered-report")["decision"] == "broken"
    assert "model.layers.1.mlp.up_proj.weight has cosine -0.9" in ran.stdout


def test_one_label_for_two_checkpoints_is_refused(house: House) -> None:
    made = ready.gptq(REFERENCE, house.folder / "twice", 4, 32)
    ran = house.run(f"--method=theirs=checkpoint:{made}", f"--method=theirs=checkpoint:{made}/")
    assert "--method=theirs is given twice" in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("method", "more", "message"),
    [
        ("rtn-4bit", ("--out=.",), "exists; name a new folder"),
        ("rtn-4bit", ("--out=nowhere/there",), "nowhere is no folder; make it"),
        ("rtn-4bit", ("--model=no/such/model",), "no such folder"),
        ("rtn-5bit", (), "unknown method 'rtn-5bit'. Did you mean"),
        ("dense", (), "compresses no weights here, so there is nothing to write; name a method"),
        (f"mine=checkpoint:{REFERENCE}", (), "compresses no weights here"),
        ("gptq-4bit+kv-4bit", (), "a checkpoint holds weights only, and this compresses the key-value cache too"),
    ],
)
def test_an_export_that_cannot_be_is_refused_in_one_line(
    method: str, more: tuple[str, ...], message: str, house: House
) -> None:
    done = export(house, method, "new", *more)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (house.folder / "new").exists()
