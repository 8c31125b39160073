"""`python -m fixtures.fetch`: what is collected is what --data=DIR reads, and nothing half-way."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import load_file

from fixtures.core import Sample, Task
from fixtures.fetch.__main__ import main
from fixtures.fetch.collecting import chosen, paths
from fixtures.fetch.listing import licences
from fixtures.scorers.table import DEFAULTS, KNOWN
from fixtures.settings import CHECKOUT
from fixtures.tasks import SUMS, TASKS, Entry, Source, download, verify_files
from fixtures.tasks.download import sha256_of
from fixtures.tasks.source import Dataset, Hub, Raw, Row, read_sums
from selftests.loopback import Host, serving

FULL = b'{"text": "the jug is full"}\n{"text": "the jug is empty"}\n'
BLUE = b'{"text": "the jug is blue"}\n'
JUGS = Dataset(
    name="Jugs",
    pattern="jugs/*.jsonl",
    fields=frozenset(["text"]),
    published={
        "jugs/full.jsonl": hashlib.sha256(FULL).hexdigest(),
        "jugs/blue.jsonl": hashlib.sha256(BLUE).hexdigest(),
    },
    hub=Raw("potter/jugs", "c0ffee"),
    licence="CC0",
    paper="Potter, 1999",
)
TABLE = Dataset("Table", "table/*.jsonl", frozenset(["text"]), {}, hub=Hub("o/t", "test", "a" * 40))
SEALED = Dataset("Sealed", "sealed/*.csv", frozenset(), {}, hub=None, obtain="ask its authors")
OURS = Dataset("Ours", "own/*.jsonl", frozenset(), {}, hub=None, own=True)


def _load(dataset: Dataset) -> Entry:
    def sample(row: Row) -> Sample:
        return Sample(row["text"], row["text"], (" yes", " no"), row["text"], target=0)

    return Entry(lambda source: Task("t", source.samples(dataset, sample), "choices"), (dataset,))


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    for name in list(TASKS):
        monkeypatch.delitem(TASKS, name)
    for dataset in (JUGS, TABLE, SEALED):
        monkeypatch.setitem(TASKS, dataset.name.lower(), _load(dataset))
    monkeypatch.setitem(TASKS, "pool", Entry(None, parts=("jugs", "sealed")))
    monkeypatch.setitem(TASKS, "ours", Entry(None, (OURS,)))
    monkeypatch.setattr(download, "PAUSE", 0.01)

    def load_dataset(*given: object, **named: object) -> list[Row]:
        return [{"text": "Käse\u2028"}, {"text": "b"}]

    import datasets

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with serving() as host:
        monkeypatch.setenv(download.MIRROR, host.address)
        host.files = {"potter/jugs/c0ffee/full.jsonl": FULL, "potter/jugs/c0ffee/blue.jsonl": BLUE}
        yield host


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """Stands for the hub's client: writes a tiny classifier, and tells what was asked for."""
    asked = []

    def download(name: str, *, revision: str | None, local_dir: Path, **patterns: list[str]) -> str:
        asked.append((name, revision))
        assert "*.bin" in patterns["ignore_patterns"]
        (local_dir / ".cache" / "huggingface").mkdir(parents=True)
        (local_dir / "config.json").write_text('{"model_type": "bert"}')
        save_file({"weight": np.zeros(2, np.float32)}, local_dir / "model.safetensors")
        return str(local_dir)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    return asked


def test_what_was_collected_is_what_data_dir_reads(
    host: Host, hub: list[tuple[str, str | None]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--out", str(tmp_path / "data")]) == 0
    source = Source(tmp_path / "data", "data")
    assert [row["text"] for _, row in source.rows(JUGS)] == ["the jug is blue", "the jug is full", "the jug is empty"]
    assert [row["text"] for _, row in source.rows(TABLE)] == ["Käse\u2028", "b"]
    assert read_sums(tmp_path / "data" / SUMS).keys() == {"jugs/full.jsonl", "jugs/blue.jsonl", "table/test.jsonl"}
    said = capsys.readouterr().out
    assert "1/3 jugs/full.jsonl 0.0 MB fetched" in said
    assert "not fetched: Sealed: no pinned public file: ask its authors" in said
    assert f"measure with --data={tmp_path / 'data'}" in said


def test_it_goes_on_where_it_stopped(host: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "data"
    host.files["potter/jugs/c0ffee/blue.jsonl"] = b"gateway"
    assert main(["jugs", "--out", str(out)]) == 1
    assert [path.name for path in out.rglob("*.jsonl")] == ["full.jsonl"]
    assert "error: http://127.0.0.1" in capsys.readouterr().err
    host.files["potter/jugs/c0ffee/blue.jsonl"] = BLUE
    assert main(["jugs", "table", "--out", str(out)]) == 0
    assert main(["jugs", "table", "--out", str(out)]) == 0
    assert [path.rpartition("/")[2] for path in host.asked] == ["full.jsonl", "blue.jsonl", "blue.jsonl"]
    assert "3/3 table/test.jsonl 0.0 MB there already" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["jugs/full.jsonl", "table/test.jsonl"])
def test_a_file_of_the_users_is_never_overwritten(
    name: str, host: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / name
    mine.parent.mkdir()
    mine.write_text("mine")
    assert main(["jugs", "table", "--out", str(tmp_path)]) == 1
    assert mine.read_text() == "mine"
    assert f"{mine}: is another file than the public one; delete it" in capsys.readouterr().err


def test_a_named_data_set_without_a_public_file_is_missed(
    host: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pool", "--out", str(tmp_path)]) == 1
    assert "error: Sealed has no pinned public file" in capsys.readouterr().err
    (tmp_path / "sealed").mkdir()
    (tmp_path / "sealed" / "a.csv").write_text("theirs")
    assert main(["pool", "--out", str(tmp_path)]) == 0


def test_list_says_what_there_is(host: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == ["Jugs: CC0", "  Potter, 1999", "  github.com/potter/jugs at c0ffee, 2 files", "  task jugs"]
    assert "  huggingface.co/datasets/o/t at aaaaaaaaaaaa, test" in lines
    assert "  no pinned public file: ask its authors" in lines
    assert "  our own, in fixtures/tasks/bundled" in lines
    assert not host.asked


def test_list_counts_what_is_there(host: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jugs", "--out", str(tmp_path)]) == 0
    capsys.readouterr()
    assert main(["jugs", "--list", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["  2 files there, 0.0 MB", "  task jugs: 3 samples"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["jug", "--out", "x"], "unknown task 'jug'. Did you mean 'jugs'"),
        (["jugs"], "--out is missing; name the folder"),
    ],
)
def test_bad_input_is_one_line(given: list[str], said: str, host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(given) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_an_interruption_is_one_line(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fixtures.fetch.collecting.download", interrupted)
    assert main(["jugs", "--out", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "error: interrupted; run it again to go on\n"


def test_every_data_set_says_its_licence_and_makers() -> None:
    for dataset in chosen(()):
        if not dataset.own:
            assert dataset.licence, dataset.name
            assert dataset.paper, dataset.name
            assert dataset.hub or dataset.obtain, dataset.name


def test_public_files_lie_where_the_sources_say(real_data: Path) -> None:
    """SOURCES.md names where each real file was taken from."""
    stated = {}
    for line in (real_data / "SOURCES.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 10 and " @ " in cells[7]:
            stated[cells[2]] = cells[7]
    for dataset in chosen(()):
        for path in paths(dataset) if isinstance(dataset.hub, Raw) else ():
            repository, _, place = stated[path].partition(" @ ")
            assert isinstance(dataset.hub, Raw)
            assert dataset.hub.repository == repository, path
            assert dataset.hub.url(path).endswith(f"/{place.partition(' : ')[2]}"), path


def test_rows_written_and_read_again_are_the_same(tmp_path: Path, host: Host) -> None:
    assert main(["table", "--out", str(tmp_path)]) == 0
    line = (tmp_path / "table" / "test.jsonl").read_text("utf-8").split("\n")[0]
    assert json.loads(line) == {"text": "Käse\u2028"}


def test_classifiers_lie_where_the_panel_looks(
    host: Host, hub: list[tuple[str, str | None]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--scorers", "org/own", KNOWN[0].name, "--out", str(tmp_path)]) == 0
    assert hub == [("org/own", None), (KNOWN[0].name, KNOWN[0].revision)]
    assert sorted(path.name for path in (tmp_path / "scorers" / "org--own").iterdir()) == [
        "config.json",
        "model.safetensors",
    ]
    assert not host.asked
    assert main(["--scorers", "org/own", "--out", str(tmp_path)]) == 0
    assert len(hub) == 2
    assert "scorer org/own there already" in capsys.readouterr().out


@pytest.mark.parametrize("given", [[], ["--scorers"]])
def test_the_default_classifier_comes_with_everything(
    given: list[str], host: Host, hub: list[tuple[str, str | None]], tmp_path: Path
) -> None:
    assert main([*given, "--out", str(tmp_path)]) == 0
    assert hub == [(known.name, known.revision) for known in KNOWN if known.name in DEFAULTS.values()]
    assert {known.mark for known in KNOWN if known.name in DEFAULTS.values()} == {"toxicity", "regard"}


def test_a_broken_download_is_not_kept_as_a_classifier(
    hub: list[tuple[str, str | None]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(name: str, **given: object) -> str:
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    assert main(["--scorers", "org/own", "--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--scorers=org/own: the hub download failed (no route)" in error
    assert not (tmp_path / "scorers" / "org--own").exists()


def test_pickled_weights_are_converted(
    hub: list[tuple[str, str | None]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The default classifier's repository has no others."""
    held: object = {"weight": torch.arange(4.0), "tied": torch.ones(2)}

    def download(name: str, *, allow_patterns: list[str], local_dir: Path, **given: object) -> str:
        local_dir.mkdir(parents=True, exist_ok=True)
        (local_dir / "config.json").write_text('{"model_type": "bert"}')
        if "pytorch_model.bin" in allow_patterns:
            torch.save(held, local_dir / "pytorch_model.bin")
        return str(local_dir)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert main(["--scorers", "org/own", "--out", str(tmp_path)]) == 0
    folder = tmp_path / "scorers" / "org--own"
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert load_file(folder / "model.safetensors")["weight"].tolist() == [0, 1, 2, 3]
    held = {"weight": Path("anything but a tensor")}
    assert main(["--scorers", "org/bad", "--out", str(tmp_path)]) == 1
    assert "cannot be read as tensors alone" in capsys.readouterr().err
    assert not (tmp_path / "scorers" / "org--bad").exists()


def test_a_scorer_that_is_no_hub_id(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--scorers", "toxic-bert", "--out", "x"]) == 2
    assert "--scorers: unknown classifier 'toxic-bert'. Did you mean 'unitary/toxic-bert'" in capsys.readouterr().err


def test_the_page_of_licences_is_complete() -> None:
    """docs/data.md ends with this table; TRUST_WRITE_DOCS=1 writes it."""
    page = CHECKOUT / "docs" / "data.md"
    text, head, _ = page.read_text("utf-8").partition("Please cite their makers.\n\n")
    expected = text + head + "".join(f"{line}\n" for line in licences(chosen(())))
    if os.environ.get("TRUST_WRITE_DOCS"):
        page.write_text(expected, "utf-8")
    assert page.read_text("utf-8") == expected


def test_the_real_files_are_collected(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pinned = [held for held in chosen(()) if isinstance(held.hub, Raw)]
    tasks = [name for name, entry in TASKS.items() if entry.datasets and all(held in pinned for held in entry.datasets)]
    with serving() as host:
        monkeypatch.setenv(download.MIRROR, host.address)
        for dataset in pinned:
            for path in paths(dataset):
                assert isinstance(dataset.hub, Raw)
                url = dataset.hub.url(path).removeprefix(f"{host.address}/")
                host.files[url] = (real_data / path).read_bytes()
        assert main([*tasks, "--out", str(tmp_path)]) == 0
    verify_files(Source(tmp_path, "collected"))
    for path, sha256 in read_sums(tmp_path / SUMS).items():
        assert sha256 == sha256_of(real_data / path)
