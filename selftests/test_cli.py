"""The command line as a user meets it: every option once, every kind of bad input in one line, no traceback."""

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from fixtures.options import OPTIONS
from fixtures.settings import CHECKOUT, REFERENCE

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run pytest on the checkout's trust tests, from another folder, as a user would."""
    here = tmp_path_factory.mktemp("user")

    def run(*arguments: str, tests: Sequence[str] = (), **environment: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
        command += tests or [str(CHECKOUT / "trust_tests")]
        return subprocess.run(
            command,
            cwd=here,
            env={"PATH": "", "HOME": str(here), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


def _seconds() -> float:
    """Processor seconds of finished children: what the wall clock says on a machine that does nothing else."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _one_line(result: "subprocess.CompletedProcess[str]") -> str:
    said = (result.stdout + result.stderr).strip()
    assert "Traceback" not in said
    lines = [line for line in said.splitlines() if line.startswith("ERROR: ")]
    assert len(lines) == 1, said
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method=gptq-4bits"], "unknown method 'gptq-4bits'. Did you mean 'gptq-4bit'?"),
        (["--method=gptq-4bits", "-n2"], "unknown method 'gptq-4bits'. Did you mean 'gptq-4bit'?"),
        (["--method=rtn-8bit", "--method=rtn-8bit"], "--method=rtn-8bit is given twice"),
        (["--method=magnitude-120"], "magnitude-120"),
        (["--tier=standart"], "--tier: unknown value 'standart'. Did you mean 'standard'?"),
        (["--on-inconclusive=ignore"], "--on-inconclusive: unknown value 'ignore'. Known: fail, skip, warn."),
        (["--dtype=float8"], "--dtype: unknown value 'float8'"),
        (["--chat-template=always"], "--chat-template: unknown value 'always'"),
        (["--device=gpu"], "--device=gpu: give auto, cpu, cuda or cuda:N"),
        (["--samples=many"], "--samples=many: give a whole number"),
        (["--max-flips=2"], "--max-flips=2: give a share above 0 and below 1; 0.02 is 2 %"),
        (["--samples=0"], "--samples=0: give a number above 0"),
        (["--batch-tokens=-1"], "--batch-tokens=-1: give a whole number"),
        (["--seed=x"], "--seed=x: give a whole number"),
        (["--model=./nowhere"], "--model=./nowhere: no such folder"),
        (["--data=nowhere"], "--data=nowhere: no such folder"),
        (["--calibration=nowhere.txt", "--method=gptq-4bit"], "nowhere.txt"),
        (["--baseline-dir=nowhere"], "no baseline in"),
        (["--update-baselines"], "use it with --method=dense alone, not gptq-4bit"),
        (["--update-baselines", "--method=dense", "--method=rtn-8bit"], "use it with --method=dense alone"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_options_end_in_one_line_with_exit_4(run: Run, arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert message in _one_line(result)
    assert result.returncode == 4


def test_a_typo_costs_less_than_3_seconds(run: Run) -> None:
    for workers in ((), ("-n2",)):
        start = _seconds()
        assert run("--method=gptq-4bits", *workers).returncode == 4
        assert _seconds() - start < 3


def _broken_model(folder: Path, kind: str) -> Path:
    shutil.copytree(REFERENCE, folder)
    config = json.loads((folder / "config.json").read_text())
    weights = folder / "model.safetensors"
    match kind:
        case "not causal":
            config["architectures"] = ["BertForSequenceClassification"]
        case "pickle":
            weights.rename(folder / "pytorch_model.bin")
        case "truncated":
            weights.write_bytes(weights.read_bytes()[:-1000])
        case "compressed":
            config["quantization_config"] = {"quant_method": "gptq", "bits": 4}
        case "no config":
            (folder / "config.json").unlink()
            return folder
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("not causal", "BertForSequenceClassification is not a causal language model"),
        ("pickle", "only pickled weights (pytorch_model.bin)"),
        ("truncated", "model.safetensors"),
        ("compressed", "is already compressed (quantization_config of config.json: gptq); name the dense model"),
        ("no config", "no config.json"),
    ],
)
def test_a_model_that_cannot_be_judged_is_refused_before_anything_is_loaded(
    run: Run, tmp_path: Path, kind: str, message: str
) -> None:
    result = run(f"--model={_broken_model(tmp_path / 'model', kind)}", "--data=bundled")
    assert message in _one_line(result)
    assert result.returncode == 4


def test_a_changed_data_file_is_refused(run: Run, tmp_path: Path) -> None:
    from fixtures.tasks import BUNDLED

    shutil.copytree(BUNDLED, tmp_path / "data")
    path = tmp_path / "data" / "hellaswag" / "hellaswag.jsonl"
    path.write_bytes(path.read_bytes().replace(b"a", b"b", 1))
    result = run(f"--data={tmp_path / 'data'}")
    assert "hellaswag.jsonl: sha256 is" in _one_line(result)
    assert result.returncode == 4


def test_collecting_is_quick_and_does_not_import_torch(run: Run) -> None:
    start = _seconds()
    result = run("--collect-only", "-q", "-s", PYTHONPROFILEIMPORTTIME="1")
    assert _seconds() - start < 2
    assert result.returncode == 0, result.stdout
    assert "[gptq-4bit-bbq-accuracy]" in result.stdout
    imported = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert "fixtures.core" in imported
    assert not imported & {"torch", "transformers", "scipy.stats", "datasets"}


def test_a_typing_error_in_a_task_does_not_wait_for_torch(run: Run) -> None:
    result = run("--show-prompt=bbg", PYTHONPROFILEIMPORTTIME="1")
    assert "Did you mean 'bbq'?" in result.stderr
    assert "torch" not in {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}


def test_help_names_every_option(run: Run) -> None:
    said = run("--help").stdout
    for option in OPTIONS:
        assert option.flag in said
        assert option.ini in said
