"""--show-prompt as a user meets it: the text that goes to the tokenizer, and no weights."""

import json
import re
import shutil
from pathlib import Path

import pytest

from fixtures.core import Demonstration, Generation, Sample, Task, TrustError
from fixtures.options import OPTIONS
from fixtures.settings import REFERENCE, Settings, read_settings
from fixtures.showing import prompt_lines
from fixtures.tasks import BUNDLED, TASKS, Draw, Source, load
from selftests.house import House
from selftests.test_engine_render import TEMPLATE


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("showing"))


@pytest.fixture(scope="module")
def talker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose weights cannot be read, with a chat template."""
    folder = tmp_path_factory.mktemp("talker") / "model"
    shutil.copytree(REFERENCE, folder)
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return folder


def settings(here: Path, wanted: str, **given: str) -> Settings:
    def value(name: str) -> str | bool | list[str]:
        option = next(option for option in OPTIONS if option.name == name)
        if option.repeatable:
            return [option.default]
        chosen = {"show_prompt": wanted, **given}
        return chosen.get(name, option.default) if option.metavar else bool(chosen.get(name))

    return read_settings(value, here)


def show(monkeypatch: pytest.MonkeyPatch, here: Path, task: Task, wanted: str = "tale", **given: str) -> list[str]:
    """Return what is printed of a task that is in no table."""
    monkeypatch.setattr("fixtures.showing.load", lambda *_: task)
    monkeypatch.setitem(TASKS, "tale", TASKS["bbq"])
    return prompt_lines(settings(here, wanted, **given))


def test_the_first_sample_of_a_task_is_shown_with_its_options(house: House) -> None:
    result = house.run("--show-prompt=bbq", "--baseline-dir=nowhere")
    assert (result.returncode, result.stderr) == (0, "")
    first = load("bbq", Source(BUNDLED, "bundled"), Draw("standard")).samples[0]
    lines = result.stdout.splitlines()
    assert lines[:3] == ["task      bbq: choices, bundled", f"sample    {first.id}", "form      raw"]
    assert f"---------- prompt\n{first.prompt}\n---------- end of prompt\n" in result.stdout
    options = [f"option    {choice!r}" for choice in first.choices]
    options[first.target or 0] += ", the right one"
    assert lines[-len(options) :] == options
    assert "the first is <s>" in result.stdout
    assert not (house.folder / "report").exists()


def test_any_sample_is_shown_by_its_id(house: House) -> None:
    last = load("bbq", Source(BUNDLED, "bundled")).samples[-1]
    result = house.run(f"--show-prompt=bbq:{last.id}", "-n2", "--tier=smoke")
    assert result.returncode == 0
    assert f"sample    {last.id}\n" in result.stdout
    assert f"\n{last.prompt}\n" in result.stdout


def test_a_typo_ends_in_one_line_with_exit_4(house: House) -> None:
    result = house.run("--show-prompt=bbg")
    assert (result.returncode, result.stdout) == (4, "")
    assert result.stderr.strip() == "ERROR: unknown task 'bbg'. Did you mean 'bbq'?"


@pytest.mark.parametrize(
    ("wanted", "given", "message"),
    [
        ("bbq:nobody", {}, "--show-prompt=bbq:nobody: no sample has that id; bbq's look like "),
        ("bbq", {"plan": "yes"}, "--plan and --show-prompt exclude each other"),
        ("bbq", {"tier": "standart"}, "Did you mean 'standard'?"),
    ],
)
def test_what_cannot_be_shown_is_said(tmp_path: Path, wanted: str, given: dict[str, str], message: str) -> None:
    with pytest.raises(TrustError, match=re.escape(message)):
        prompt_lines(settings(tmp_path, wanted, **given))


def test_a_text_is_shown_alone(tmp_path: Path) -> None:
    text = load("wikitext", Source(BUNDLED, "bundled"), Draw("standard")).samples[0].choices[0]
    assert prompt_lines(settings(tmp_path, "wikitext"))[-3:] == ["---------- text", text, "---------- end of text"]


def test_a_chat_prompt_is_shown_as_the_template_writes_it(
    talker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Sample("s", "who ?", (), "c", system="speak .", demonstrations=(Demonstration("where ?", " here"),))
    task = Task("tale", (asked,), "generate", form="chat", sensitive=True, generation=Generation(9, 5, 0.7))
    lines = show(monkeypatch, tmp_path, task, model=str(talker), data=str(BUNDLED))
    assert "\n".join(lines[lines.index("---------- prompt") :]) == (
        "---------- prompt\n<s><system>speak .</system>\n<user>where ?</user>\n<assistant>here</assistant>\n"
        "<user>who ?</user>\n<assistant>\n\n---------- end of prompt\n"
        "texts     5, at temperature 0.7, of at most 9 tokens"
    )
    assert lines[2].startswith("form      chat template, sha256 ")
    raw = show(monkeypatch, tmp_path, task, model=str(talker), data=str(BUNDLED), chat_template="never")
    assert raw[2] == "form      raw"
    assert "speak .\n\nwhere ? here\n\nwho ?" in raw


def test_greedy_texts_and_chat_options_are_shown(talker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"model": str(talker), "data": str(BUNDLED)}
    greedy = Task("tale", (Sample("s", "who ?", (), "c"),), "generate", generation=Generation(9, 1, 0.0))
    assert show(monkeypatch, tmp_path, greedy, **given)[-1] == "texts     1, greedy, of at most 9 tokens"
    choices = Task("tale", (Sample("s", "who ?", (" I", " you"), "c", target=1),), "choices", form="chat")
    lines = show(monkeypatch, tmp_path, choices, **given)
    assert lines[-2:] == ["option    '\\nI'", "option    '\\nyou', the right one"]


def test_demonstrations_that_do_not_fit_are_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = tuple(Demonstration(f"what is {number} ?", " one") for number in range(10, 90))
    limit = json.loads((REFERENCE / "config.json").read_text())["max_position_embeddings"]
    asked = Sample("s", "who ?", (), "c", demonstrations=shown)
    task = Task("tale", (asked,), "generate", generation=Generation(20))
    lines = show(monkeypatch, tmp_path, task)
    (examples,) = (line for line in lines if line.startswith("examples"))
    kept = int(examples.split()[1])
    assert examples == f"examples  {kept} of 80"
    assert 0 < kept < 80
    assert "\n".join(lines).count("what is") == kept
    (tokens,) = (line for line in lines if line.startswith("tokens"))
    assert int(tokens.split()[1]) <= limit
    assert f"of {limit};" in tokens
    too_long = Task("tale", (Sample("s", "who " * 2 * limit, (), "c"),), "generate", generation=Generation(20))
    with pytest.raises(TrustError, match="task tale: sample s needs"):
        show(monkeypatch, tmp_path, too_long)


def test_no_weights_are_read(talker: Path, house: House) -> None:
    weights = talker / "model.safetensors"
    header = 8 + int.from_bytes(weights.read_bytes()[:8], "little")
    whole = weights.read_bytes()
    weights.write_bytes(whole[:header] + b"\xff" * (len(whole) - header))
    result = house.run("--show-prompt=hellaswag", f"--model={talker}", f"--data={BUNDLED}")
    weights.write_bytes(whole)
    assert (result.returncode, result.stderr) == (0, "")
