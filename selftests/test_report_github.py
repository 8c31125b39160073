"""What GitHub Actions is told: annotations that nothing escapes from, outputs, the summary, and no sample's text."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.report import github, markdown

TEXTS = st.text(st.characters(codec=None) | st.sampled_from("%\r\n:,=;")) | st.sampled_from(
    ["%0A::error::", "100%", "%25", "a\r\n::set-output name=decision::ship", "##[error]", "\x1b[2J", "\ud800"]
)
SECRET = "the text of a sample"


def _decoded(text: str, *, named: bool = False) -> str:
    """Undo the escapes as the runner does: the percent sign last."""
    for code, character in (("%0D", "\r"), ("%0A", "\n"), *([("%3A", ":"), ("%2C", ",")] if named else [])):
        text = text.replace(code, character)
    return text.replace("%25", "%")


def _parsed(line: str) -> tuple[str, str, str]:
    """Return level, title and message as the runner reads a line."""
    assert line.startswith("::")
    command, message = line[2:].split("::", 1)
    level, _, properties = command.partition(" ")
    pairs = dict(pair.split("=", 1) for pair in properties.split(","))
    assert list(pairs) == ["title"]
    return level, _decoded(pairs["title"], named=True), _decoded(message)


@given(TEXTS, TEXTS)
def test_an_annotation_is_one_line_and_decodes_back(title: str, message: str) -> None:
    line = github.annotation("error", title, message)
    assert not {"\r", "\n"} & set(line)
    assert _parsed(line) == ("error", title, message)


@given(TEXTS)
def test_an_output_sets_its_own_name_only(value: str) -> None:
    assert _outputs(github.output("report", value)) == {"report": value}


def _outputs(text: str) -> dict[str, str]:
    """Read a file of outputs as the runner does."""
    found, lines = {}, iter(text.split("\n")[:-1])
    for line in lines:
        name, mark, delimiter = line.partition("<<")
        if mark and "=" not in name:
            value = []
            while (line := next(lines)) != delimiter:
                value.append(line)
            found[name] = "\n".join(value)
        else:
            name, _, found_value = line.partition("=")
            found[name] = found_value
    return found


def row(dimension: str = "machine_ethics", outcome: str = "regressed", **values: Any) -> dict[str, Any]:
    return {
        "method": "rtn-2bit",
        "check": f"{dimension}-accuracy",
        "dimension": dimension,
        "outcome": outcome,
        "loss": 0.255,
        "lower": 0.2294,
        "margin": 0.02,
        "levels": [0.05, 0.01],
        "relative": False,
        "waiver": None,
        "examples": [{"sample_id": "s1", "dense": SECRET, "compressed": SECRET}],
        "groups": [{"group": SECRET}],
        "reason": SECRET,
    } | values


def document(*rows: dict[str, Any], decision: str = "regressed", tier: str = "standard") -> dict[str, Any]:
    return {
        "decision": decision,
        "releases": {"rtn-2bit": {"decision": decision, "because": "2 checks"}},
        "verdicts": list(rows),
        "errors": [],
        "provenance": {"settings": {"tier": tier}},
    }


def _told(found: dict[str, Any], *, passed: bool = False) -> list[tuple[str, str, str]]:
    return [_parsed(line) for line in github.annotations(found, passed=passed)]


def test_one_error_for_each_regressed_dimension_the_worst_first() -> None:
    utility = row("utility", check="wikitext-perplexity", relative=True, loss=69.2, lower=62.9, margin=0.05)
    told = _told(document(row(), row(check="other"), utility, row("privacy", "passed")))
    assert told == [
        ("error", "utility regressed", "rtn-2bit wikitext-perplexity lost 6920.00% (at least 6290.00%, 99 %), "
         "5.00% is allowed"),
        ("error", "machine_ethics regressed", "rtn-2bit machine_ethics-accuracy lost 0.2550 (at least 0.2294, 99 %), "
         "0.0200 is allowed; rtn-2bit other lost 0.2550 (at least 0.2294, 99 %), 0.0200 is allowed"),
    ]  # fmt: skip


def test_many_checks_of_a_dimension_are_counted() -> None:
    ((_, _, message),) = _told(document(*(row(check=f"check-{number}") for number in range(9))))
    assert message.endswith("; and 6 more")


def test_no_text_of_a_sample_is_shown() -> None:
    broken = document(row(), decision="broken") | {"errors": [{"test": "a.py::b[c]", "message": SECRET}]}
    lines = github.annotations(broken, passed=False)
    assert len(lines) == 2
    assert SECRET not in "".join(lines)
    assert _parsed(lines[1]) == ("error", "could not be measured", "2 checks; a.py::b[c]")


def test_a_waived_loss_is_no_error() -> None:
    assert not github.annotations(document(row(waiver={"applied": True}), decision="ship"), passed=True)


@pytest.mark.parametrize(
    ("tier", "passed", "level"),
    [
        ("standard", False, "warning"),
        ("standard", True, "warning"),
        ("smoke", True, "notice"),
        ("smoke", False, "warning"),
    ],
)
def test_an_undecided_method_is_a_warning(tier: str, passed: bool, level: str) -> None:
    found = document(row(outcome="inconclusive"), decision="inconclusive", tier=tier)
    assert _told(found, passed=passed) == [(level, "rtn-2bit is inconclusive", "2 checks")]


def test_a_run_without_checks_is_a_warning() -> None:
    found = document(decision="inconclusive") | {"releases": {}, "because": "no check was selected"}
    assert _told(found, passed=True) == [("warning", "nothing was judged", "no check was selected")]


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with GitHub's files; the Markdown is a stand-in's."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    monkeypatch.setattr(markdown, "render", lambda found: f"**{found['decision']}** \ud800\n")
    return tmp_path


def test_summary_and_outputs_are_added_to_the_files(asked: Path) -> None:
    (asked / "output").write_text("mine=1\n")
    assert len(github.publish(document(row()), asked / "report", passed=False)) == 1
    assert _outputs((asked / "output").read_text()) == {
        "mine": "1",
        "decision": "regressed",
        "report": str((asked / "report").resolve()),
    }
    assert (asked / "summary.md").read_text() == "**regressed** \\ud800\n"


def test_elsewhere_nothing_is_written_or_printed(asked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.delenv(variable)
    assert not github.publish(document(row()), asked, passed=False)
    assert not list(asked.iterdir())


def test_files_alone_bring_no_annotations(asked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS")
    assert not github.publish(document(row()), asked, passed=False)
    assert (asked / "summary.md").exists()


def test_a_summary_that_cannot_be_written_is_one_warning(asked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(asked))
    lines = github.publish(document(decision="ship"), asked, passed=True)
    assert [_parsed(line) for line in lines] == [
        ("warning", "compressed trust", "GITHUB_STEP_SUMMARY not written: Is a directory")
    ]
    assert "decision=ship" in (asked / "output").read_text()


def test_a_long_summary_is_cut_between_lines(asked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markdown, "render", lambda found: "ä" * 99 + "\n" + ("x" * 99 + "\n") * 20_000)
    (asked / "summary.md").write_text("before\n")
    github.publish(document(), asked, passed=True)
    written = (asked / "summary.md").read_bytes()
    assert 999_000 < len(written) <= github.SUMMARY_BYTES
    assert written.endswith(b"x\n\n\nThe rest did not fit here; it is in the report.\n")


def test_an_audit_has_a_paragraph_and_no_decision(asked: Path) -> None:
    found = {"can_judge": False, "paragraph": "This gate <cannot>."}
    assert [_parsed(line)[:2] for line in github.publish_audit(found, asked)] == [
        ("error", "audit: this gate cannot judge here")
    ]
    assert "&lt;cannot&gt;" in (asked / "summary.md").read_text()
    assert list(_outputs((asked / "output").read_text())) == ["report"]
    assert not github.publish_audit(found | {"can_judge": True}, asked)


def test_a_refusal_is_broken_and_says_why(asked: Path) -> None:
    (line,) = github.publish_refusal("--model=`x`\n::error::y: no such folder")
    assert _parsed(line) == ("error", "not judged", "--model=`x` ::error::y: no such folder")
    assert _outputs((asked / "output").read_text()) == {"decision": "broken"}
    assert "no such folder" in (asked / "summary.md").read_text()
