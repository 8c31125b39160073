"""The whole house on the embedded model: verdicts, messages, exit codes, baselines, options that need a run."""

import gzip
import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from fixtures.settings import CHECKOUT, REFERENCE
from fixtures.tables import read_tables
from fixtures.tasks import BUNDLED, Source, absent
from selftests.house import QUICK, House, Result

BASELINE = CHECKOUT / "baselines" / "reference"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="module")
def shipped(house: House) -> Result:
    """The whole suite on a model that the gate lets go."""
    return house.run("--method=gptq-4bit", report="shipped")


@pytest.fixture(scope="module")
def damaged(house: House) -> Result:
    """The whole suite on a model that two bits have ruined."""
    return house.run("--method=rtn-2bit", "--junitxml=junit.xml", "-v", report="damaged")


def test_gptq_4bit_of_the_reference_model_ships(house: House, shipped: Result) -> None:
    found = house.results("shipped")
    assert found["decision"] == "ship", shipped.stdout
    assert shipped.returncode == 0
    lacking = absent(Source(BUNDLED, "bundled"))
    assert {row["dimension"] for row in found["verdicts"] if row["role"] == "gate"} == {
        row.dimension for row in read_tables() if row.check.task_name not in lacking
    }
    assert found["not_judged"][-2].startswith("Tasks that these data leave out: ")
    assert found["releases"]["gptq-4bit"]["verified"]["max_levels"] == 16
    assert "trust gate" in shipped.stdout
    assert "CANNOT PASS" not in shipped.stdout


SOME = "-kbbq or hellaswag or privacy_events or toxigen or ethics_commonsense"
"""A part of the suite that holds choices, written answers, and checks of one task in two tests."""


def test_two_workers_give_the_same_results(house: House) -> None:
    some = "--method=gptq-4bit", "--fresh", SOME
    house.run(*some, report="one")
    assert house.run(*some, "-n2", report="two").returncode == 0
    one, two = house.results("one"), house.results("two")
    del one["run"], two["run"]
    assert one == two


def colours(result: Result) -> dict[str, str]:
    """Return what pytest -v says of each test."""
    found = re.findall(
        r"(test_\w+\[\S+\])\S* (?:\x1b\[\d+m)?(PASSED|FAILED|ERROR|SKIPPED)|"
        r"(PASSED|FAILED|ERROR|SKIPPED) \S*?(test_\w+\[\S+\])",
        result.stdout,
    )
    return {before or after: outcome or colour for before, outcome, colour, after in found}


ETHICS = "test_wrong_acts_are_told_from_innocent_ones"


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ([SOME], SOME[2:].split(" or ")),
        ([SOME, "-n2"], SOME[2:].split(" or ")),
        (["-kbbq"], ["bbq"]),
        ([f"{CHECKOUT}/trust_tests/test_machine_ethics.py::{ETHICS}"], [ETHICS]),
    ],
    ids=["some", "on two workers", "one data set", "one test"],
)
def test_every_colour_is_the_same_whatever_runs_beside_it(
    house: House, damaged: Result, arguments: list[str], asked: list[str]
) -> None:
    whole = colours(damaged)
    assert len(whole) == len(house.results("damaged")["verdicts"])
    assert set(whole.values()) == {"FAILED", "PASSED"}
    found = colours(house.run("--method=rtn-2bit", "-v", *arguments, report="colours"))
    assert found == {name: colour for name, colour in whole.items() if any(word in name for word in asked)}


def test_one_test_alone_has_the_same_verdict(house: House, shipped: Result) -> None:
    house.run("--method=gptq-4bit", "-kbbq_disambiguated-accuracy", report="alone")
    (alone,) = house.results("alone")["verdicts"]
    assert alone in house.results("shipped")["verdicts"]


def test_dense_flips_nothing_against_its_own_baseline(house: House) -> None:
    result = house.run("--method=dense", SOME, report="dense")
    assert result.returncode == 0, result.stdout
    for row in house.results("dense")["verdicts"]:
        assert (row["lost"], row["gained"], row["loss"]) == (0, 0, 0.0)


def test_two_bits_regress_with_the_message(damaged: Result, house: House) -> None:
    assert damaged.returncode == 1
    assert house.results("damaged")["decision"] == "regressed"
    said = damaged.stdout.splitlines()
    start = next(i for i, line in enumerate(said) if line.startswith("rtn-2bit lost 0."))
    message = said[start : start + 20]
    for expected in ("               dense     rtn-2bit", "  accuracy     0.", "  flips        ", "  loss         "):
        assert any(line.startswith(expected) for line in message), message
    assert "where False" not in damaged.stdout
    assert "Traceback" not in damaged.stdout


def test_at_80_columns_only_names_and_commands_are_longer(damaged: Result) -> None:
    said = damaged.stdout.splitlines()
    start = next(i for i, line in enumerate(said) if "FAILURES" in line)
    end = next(i for i, line in enumerate(said) if "warnings summary" in line or "= trust =" in line)
    long = [line for line in said[start:end] if len(line) > 80]
    named = "rerun", "baseline", "report", "_ test_", "rtn-2bit"  # a headline holds the names of metric and task
    assert all(line.lstrip().startswith(named) for line in long), long


def test_ci_shows_the_whole_message_in_the_short_summary(house: House) -> None:
    said = house.run("--method=rtn-2bit", QUICK, report="ci", CI="1").stdout
    summary = said.partition("short test summary info")[2]
    assert "rtn-2bit lost 0." in summary
    assert "accuracy on ethics_commonsense; 0.020 is allowed" in summary
    assert "  flips        " in summary


def test_junit_holds_scalars_only(damaged: Result, house: House) -> None:
    properties: dict[str, list[str]] = {}
    for node in ElementTree.parse(house.folder / "junit.xml").iter("property"):
        properties.setdefault(str(node.get("name")), []).append(str(node.get("value")))
    assert "regressed" in properties["outcome"]
    assert {"loss", "lower", "upper", "margin", "dense", "compressed", "evidence_sha256"} <= properties.keys()
    assert not {"examples", "groups"} & properties.keys()


def test_smoke_finds_a_regression_and_approves_nothing(house: House) -> None:
    assert house.run("--method=rtn-2bit", "--tier=smoke", SOME, report="smoke").returncode == 1
    result = house.run("--method=gptq-4bit", "--tier=smoke", SOME, report="smoke")
    assert house.results("smoke")["decision"] == "inconclusive"
    assert result.returncode == 0


@pytest.mark.parametrize(("policy", "code"), [("fail", 1), ("warn", 0), ("skip", 0)])
def test_what_an_inconclusive_gate_check_does(house: House, policy: str, code: int) -> None:
    result = house.run("--method=gptq-4bit", QUICK, "--samples=60", f"--on-inconclusive={policy}")
    assert house.results()["decision"] == "inconclusive"
    assert result.returncode == code
    assert "CANNOT PASS" in result.stdout


def test_a_watch_check_alone_decides_nothing(house: House) -> None:
    assert house.run("--method=gptq-4bit", "-kwikitext").returncode == 1
    assert house.results()["releases"]["gptq-4bit"]["because"] == "no gate check was selected"


def test_several_methods_are_decided_each(house: House) -> None:
    result = house.run("--method=rtn-8bit", "--method=rtn-2bit", "-mmachine_ethics")
    releases = house.results()["releases"]
    assert result.returncode == 1
    assert (releases["rtn-8bit"]["decision"], releases["rtn-2bit"]["decision"]) == ("ship", "regressed")


def test_options_are_ini_keys_too(house: House) -> None:
    settings = house.folder / "ours.ini"
    settings.write_text("[pytest]\ntrust_method = rtn-8bit\ntrust_tier = smoke\n")
    house.run("-c", str(settings), f"--rootdir={CHECKOUT}", QUICK)
    found = house.results()
    assert list(found["releases"]) == ["rtn-8bit"]
    assert found["provenance"]["settings"]["tier"] == "smoke"


def test_fresh_measures_again(house: House) -> None:
    arguments = ("--method=rtn-8bit", QUICK, "--samples=100")
    house.run(*arguments)
    logs = sorted((house.folder / "cache" / "responses").glob("ethics*.jsonl"))
    sizes = [len(log.read_text().splitlines()) for log in logs]
    house.run(*arguments)
    assert [len(log.read_text().splitlines()) for log in logs] == sizes
    house.run(*arguments, "--fresh")
    assert sum(len(log.read_text().splitlines()) for log in logs) > sum(sizes)


@pytest.mark.parametrize("option", ["--batch-tokens=300", "--device=cpu", "--dtype=float32"])
def test_how_it_runs_does_not_change_a_lossless_verdict(house: House, option: str) -> None:
    result = house.run("--method=rtn-8bit", QUICK, option)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("option", ["--seed=1", "--calibration=text.txt"])
def test_what_calibration_sees_makes_another_artefact(house: House, option: str) -> None:
    text = (REFERENCE / "calibration.txt").read_text().splitlines()
    (house.folder / "text.txt").write_text("\n".join(reversed(text)))
    hashes = []
    for options in ([], [option]):
        house.run("--method=gptq-3bit", QUICK, "--samples=200", *options)
        hashes.append(house.results()["releases"]["gptq-3bit"]["artefact_sha256"])
    assert hashes[0] != hashes[1]


def test_another_dtype_is_not_comparable_without_a_noise_floor(house: House) -> None:
    result = house.run("--method=rtn-8bit", QUICK, "--dtype=bfloat16")
    assert result.returncode == 1
    assert "dtype float32 there and bfloat16 here, and no noise floor of" in result.stdout
    assert house.results()["decision"] == "broken"


def test_a_chat_template_that_was_off_is_not_comparable(house: House) -> None:
    result = house.run("--method=rtn-8bit", QUICK, "--chat-template=never")
    assert "engine chat_template is auto there and never here" in result.stdout


def test_a_folder_of_data_and_a_dimension_of_the_users_own(house: House) -> None:
    (house.folder / "test_brand.py").write_text(
        "import pytest\n"
        "from fixtures.core import Check, Sample, Task\n"
        "from fixtures.metrics import METRICS\n"
        "OURS = Task('brand', tuple(\n"
        "    Sample(f'b{i}', 'Yesterday I', (' waited', ' slept'), f'b{i}', target=i % 2) for i in range(400)\n"
        "), readout='choices')\n"
        "@pytest.mark.parametrize('check', [Check(OURS, METRICS['accuracy'], tolerance=0.02, role='gate')], ids=str)\n"
        "def test_ours(verdict):\n"
        "    assert verdict.acceptable, verdict.explain()\n"
    )
    arguments = (str(CHECKOUT / "trust_tests" / "test_machine_ethics.py"), "test_brand.py")
    baseline = f"--baseline-dir={house.folder / 'ours'}"
    stored = house.run(*arguments, "--method=dense", "--update-baselines", baseline)
    assert "baseline stored in" in stored.stdout, stored.stdout
    house.run(*arguments, "--method=rtn-8bit", baseline, "-mbrand")
    (row,) = house.results()["verdicts"]
    assert (row["dimension"], row["outcome"]) == ("brand", "uninformative")


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BASELINE, tmp_path / "baseline"))


def _drop_sample(folder: Path) -> None:
    path = folder / "evidence.jsonl.gz"
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(lines[1:])))


def _put_nan(folder: Path) -> None:
    path = folder / "evidence.jsonl.gz"
    row = json.loads(gzip.decompress(path.read_bytes()).splitlines()[0])
    row["loglikelihoods"][0] = float("nan")
    rest = gzip.decompress(path.read_bytes()).partition(b"\n")[2]
    path.write_bytes(gzip.compress(json.dumps(row).encode() + b"\n" + rest))


def _other_model(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["model"]["weights_sha256"] = "0" * 64
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _other_data(folder: Path) -> None:
    path = folder / "evidence.jsonl.gz"
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    lines = [json.dumps(json.loads(line) | {"sha256": "0" * 64}) for line in lines]
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["evidence_sha256"] = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_drop_sample, "its manifest says"),
        (_put_nan, "holds NaN or infinity"),
        (_other_model, "model weights_sha256 is 000000000000... there"),
        (_other_data, "has other content here"),
    ],
)
def test_a_spoiled_baseline_is_an_error_in_one_line_never_a_verdict(
    house: House, baseline: Path, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(baseline)
    result = house.run("--method=rtn-8bit", "-kbbq_disambiguated-accuracy", f"--baseline-dir={baseline}")
    assert result.returncode == 1
    assert message in result.stdout
    assert "--method=dense --baseline-dir=" in result.stdout
    assert "Traceback" not in result.stdout
    assert house.results()["decision"] == "broken"
    assert not house.results()["verdicts"]


def test_storing_again_says_what_changed(house: House, baseline: Path) -> None:
    result = house.run("--method=dense", "--update-baselines", f"--baseline-dir={baseline}", QUICK)
    assert result.returncode == 0
    assert "0 answers changed" in result.stdout
    assert json.loads((baseline / "manifest.json").read_text())["data"].keys() >= {"bbq", "hellaswag", "wikitext"}


def test_storing_over_another_models_baseline_is_refused(house: House, baseline: Path) -> None:
    _other_model(baseline)
    before = (baseline / "manifest.json").read_bytes()
    result = house.run("--method=dense", "--update-baselines", f"--baseline-dir={baseline}", QUICK)
    assert result.returncode == 1
    assert "holds the baseline of another model" in result.stdout
    assert (baseline / "manifest.json").read_bytes() == before


def test_bundled_data_decide_nothing_about_another_model(house: House, baseline: Path) -> None:
    other = Path(shutil.copytree(REFERENCE, house.folder / "other", dirs_exist_ok=True))
    result = house.run(f"--model={other}", "--data=bundled", f"--baseline-dir={baseline}", "--method=rtn-8bit", QUICK)
    assert "DEMO DATA" in result.stdout
    assert house.results()["decision"] == "inconclusive"
    assert result.returncode == 1


def test_a_damaged_artefact_in_the_cache_is_noticed(house: House) -> None:
    house.run("--method=rtn-4bit", QUICK)
    (folder,) = (path for path in (house.folder / "cache" / "artefacts").glob("rtn-4bit-*") if path.is_dir())
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    result = house.run("--method=rtn-4bit", QUICK)
    assert result.returncode == 1
    assert "changed since it was verified; delete that folder" in result.stdout


def test_an_unexpected_error_is_named_in_reports_without_its_text(house: House) -> None:
    (house.folder / "test_secret.py").write_text(
        "import pytest\n"
        "from fixtures.core import Check, Metric\n"
        "def boom(sample, response): raise ValueError('SECRET ' + sample.prompt)\n"
        "MINE = Metric('mine', boom, 'higher', 'binary', (0.0, 1.0), None)\n"
        "CHECKS = [Check('ethics_commonsense', MINE, tolerance=0.02, role='gate')]\n"
        "@pytest.mark.parametrize('check', CHECKS, ids=str)\n"
        "def test_boom(check, verdict): assert verdict.acceptable\n"
    )
    house.run("--method=rtn-8bit", "test_secret.py", "-kboom", str(CHECKOUT / "trust_tests"), report="secret")
    found = house.results("secret")
    assert found["decision"] == "broken"
    assert [error["message"] for error in found["errors"]] == ["ValueError, see the test's own output"]
    for name in ("results.json", "report.md", "report.html"):
        assert "SECRET" not in (house.folder / "secret" / name).read_text()
