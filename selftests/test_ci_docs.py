"""docs/: every command, snippet and example there is held to what exists."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fixtures.methods import parse
from fixtures.options import OPTIONS
from fixtures.settings import CHECKOUT
from fixtures.tables import read_tables
from fixtures.waivers import read_waivers
from selftests.house import House, Result

PAGES = {name: (CHECKOUT / "docs" / f"{name}.md").read_text("utf-8") for name in ("ci", "reading-a-failure")}
PYTESTS = {"--junitxml", "--max-warnings"}
"""Options of pytest's own that the pages use."""


def _blocks(page: str, language: str) -> list[str]:
    """Return the fenced blocks of one language; empty: those that name none."""
    found = re.findall(r"^( *)```(\w*)\n(.*?)^ *```$", PAGES[page], re.DOTALL | re.MULTILINE)
    return [re.sub(f"^{indent}", "", body, flags=re.MULTILINE) for indent, named, body in found if named == language]


SHELL = [block for page in PAGES for block in _blocks(page, "bash")]
COMMANDS = [line for block in SHELL for line in block.splitlines() if line.startswith(".venv/bin/pytest")]


@pytest.mark.parametrize("block", SHELL)
def test_every_command_parses(block: str) -> None:
    result = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
    assert not result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_exists_and_takes_its_value(command: str) -> None:
    options = {option.flag: option for option in OPTIONS}
    tests = {row.test("rtn-2bit") for row in read_tables([])}
    for word in shlex.split(command)[1:]:
        flag, _, value = word.partition("=")
        if not flag.startswith("--"):
            assert word.removeprefix("trust_tests/") in tests
        elif flag not in PYTESTS:
            assert (options[flag].metavar is None) == ("=" not in word)
            assert not options[flag].choices or value in options[flag].choices
            if flag == "--method":
                assert parse(value)


@pytest.mark.parametrize("page", PAGES)
def test_every_option_named_in_the_text_exists(page: str) -> None:
    named = set(re.findall(r"`(--[a-z-]+)", PAGES[page]))
    assert named - PYTESTS <= {option.flag for option in OPTIONS}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", PAGES[page]):
        assert (CHECKOUT / "docs" / target).is_file()


def test_the_snippet_for_github_uses_inputs_that_exist() -> None:
    (block,) = (yaml.safe_load(text) for text in _blocks("ci", "yaml") if text.startswith("- uses"))
    action = yaml.safe_load((CHECKOUT / "action.yml").read_text("utf-8"))
    (gate,) = (step for step in block if step.get("id") == "gate")
    assert gate["with"].keys() <= action["inputs"].keys()


def test_the_snippet_for_gitlab_uses_variables_that_exist() -> None:
    (job,) = (yaml.safe_load(text)["trust"] for text in _blocks("ci", "yaml") if text.startswith("trust:"))
    script = (CHECKOUT / "ci" / "gate.sh").read_text("utf-8")
    given = [job["variables"], *(rule["variables"] for rule in job["rules"])]
    variables = {name for names in given for name in names if name.startswith("GATE_")}
    assert all(f"${{{name}:-" in script for name in variables)
    assert job["artifacts"]["reports"]["junit"] == "trust-report/junit.xml"
    assert job["artifacts"]["when"] == "always"
    listed = set(re.findall(r"`(GATE_[A-Z_]+)`", PAGES["ci"]))
    assert listed == set(re.findall(r"\$\{(GATE_[A-Z_]+):-", script))


@pytest.mark.parametrize("code", [int(code) for code in pytest.ExitCode])
def test_every_exit_code_of_pytest_is_in_the_table(code: int) -> None:
    assert re.search(rf"^\| {code} \| ", PAGES["ci"], re.MULTILINE)


@pytest.mark.parametrize(("decision", "code"), [("ship", 0), ("inconclusive", 1), ("broken", 1)])
def test_asking_for_the_decision(tmp_path: Path, decision: str, code: int) -> None:
    (command,) = (block for block in _blocks("ci", "bash") if "json.load" in block)
    (tmp_path / "trust-report").mkdir()
    (tmp_path / "trust-report" / "results.json").write_text(json.dumps({"decision": decision}))
    words = [sys.executable, *shlex.split(command)[1:]]
    assert subprocess.run(words, cwd=tmp_path, check=False).returncode == code


def test_the_waiver_shown_is_valid(tmp_path: Path) -> None:
    (text,) = _blocks("reading-a-failure", "toml")
    (tmp_path / "waivers.toml").write_text(text)
    assert len(read_waivers(tmp_path / "waivers.toml", read_tables([]), ["magnitude-2:4"]).in_play) == 1


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    house = House(tmp_path_factory.mktemp("house"))
    shown = {match[0] for match in re.finditer(r"\b[a-z_]+-[a-z_]+(?= )", "".join(_blocks("reading-a-failure", "")))}
    some = "-k " + " or ".join(sorted(shown & {str(row.check) for row in read_tables()}))
    return {method: house.run(f"--method={method}", some) for method in ("rtn-2bit", "magnitude-2:4")}


def _shape(line: str) -> str:
    """Return a line without its numbers: the last digits differ between processors."""
    return re.sub(r"\s+", " ", re.sub(r"[+-]?>?\d[\d.e+-]*", "N", line)).strip()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["rtn-2bit", "magnitude-2:4"])
def test_the_failures_shown_are_real(runs: dict[str, Result], method: str) -> None:
    said = {_shape(line) for line in runs[method].stdout.splitlines()}
    blocks = [block for block in _blocks("reading-a-failure", "") if method in block]
    shown = [line for block in blocks for line in block.splitlines() if line.strip()]
    assert len(shown) >= 8
    changing = ("rerun", "report", "baseline")
    assert not [line for line in shown if not line.lstrip().startswith(changing) and _shape(line) not in said]


@pytest.mark.slow
def test_the_tables_shown_are_real(runs: dict[str, Result]) -> None:
    rows = [
        line for block in _blocks("reading-a-failure", "") for line in block.splitlines() if line.startswith("(reg")
    ]
    assert len(rows) >= 6
    said = {_shape(line) for run in runs.values() for line in run.stdout.splitlines()}
    assert not [row for row in rows if _shape(row) not in said]
