"""--calibration=ORG/NAME[@REVISION]: only the files that hold the rows that are read, of one known commit."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from fixtures import methods
from fixtures.core import TrustError
from fixtures.methods import calibration, dataset, hub
from selftests import tiny_models
from selftests.loopback import Host, serving

COMMIT = "c0ffee" + "0" * 34
OTHER = "beef" + "0" * 36
NOWHERE = "http://127.0.0.1:9"
"""Nothing listens there."""


class Publisher:
    """A data set on a hub of this machine."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def put(self, commit: str, revision: str, files: dict[str, str]) -> None:
        """Publish files as a revision."""
        siblings = [{"rfilename": name} for name in files]
        listed = json.dumps({"id": "org/prose", "sha": commit, "siblings": siblings}).encode()
        for place in (f"revision/{revision}", f"revision/{commit}"):
            self.host.files[f"api/datasets/org/prose/{place}"] = listed
        if revision == "main":
            self.host.files["api/datasets/org/prose"] = listed
        for name, text in files.items():
            for at in (revision, commit):
                path = f"datasets/org/prose/resolve/{at}/{name}"
                self.host.files[path] = text.encode()
                self.host.headers[path] = {"X-Repo-Commit": commit, "ETag": f'"{commit}{name.replace("/", "-")}"'}

    @property
    def fetched(self) -> list[str]:
        return [path.partition("/resolve/")[2] for path in self.host.asked if "/resolve/" in path]


@pytest.fixture
def publisher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    """With an empty cache of the hub's files, and nothing remembered."""
    for remembered in (hub._listed, hub._fetched):
        remembered.cache_clear()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with serving() as host:
        monkeypatch.setattr(constants, "ENDPOINT", host.address)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"{host.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        )
        yield Publisher(host)


def lines(*texts: str) -> str:
    return "".join(json.dumps({"text": text}) + "\n" for text in texts)


FILES = {"README.md": "prose", "b.jsonl": lines("three"), "data/z.jsonl": lines("four"), "a.jsonl": lines("one", "two")}


def test_files_are_fetched_in_order_until_there_are_rows_enough(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.put(COMMIT, "main", FILES)
    monkeypatch.setattr(dataset, "MOST_ROWS", 3)
    found = calibration.read(Path("org/prose"))
    assert (found.text, found.commit) == ("one\ntwo\nthree", COMMIT)
    assert publisher.fetched == ["main/a.jsonl", "main/b.jsonl"]
    assert calibration.facts(found, tiny_models.tokenizer())["calibration_commit"] == COMMIT
    calibration.read(Path("org/prose"))
    assert len(publisher.fetched) == 2, "asked for once a process, however often --method is parsed"


def test_all_files_are_read_where_they_hold_fewer_rows(publisher: Publisher) -> None:
    publisher.put(COMMIT, "main", FILES)
    assert calibration.read(Path("org/prose")).text == "one\ntwo\nthree\nfour"
    assert "main/README.md" not in publisher.fetched


def test_of_a_data_set_with_splits_only_the_training_one_is_read(publisher: Publisher) -> None:
    """What is calibrated with a test split would be gated on what it has seen."""
    names = ("data/test-00000.jsonl", "data/train-00000.jsonl", "data/train-00001.jsonl", "constraints.jsonl")
    publisher.put(COMMIT, "main", {name: lines(name) for name in names})
    found = calibration.read(Path("org/prose"))
    assert found.text.splitlines() == ["data/train-00000.jsonl", "data/train-00001.jsonl"]
    assert found.source == "org/prose"


@pytest.mark.parametrize("revision", ["v1", COMMIT])
def test_a_revision_pins_the_rows(revision: str, publisher: Publisher) -> None:
    publisher.put(COMMIT, "v1", FILES)
    publisher.put(OTHER, "main", {"a.jsonl": lines("new")})
    found = calibration.read(Path(f"org/prose@{revision}"))
    assert (found.text, found.commit) == ("one\ntwo\nthree\nfour", COMMIT)
    assert calibration.read(Path("org/prose")).commit == OTHER


def test_the_commit_is_part_of_the_digest(publisher: Publisher) -> None:
    """Else an artefact in the cache would name another commit than the one that was read."""
    publisher.put(COMMIT, "v1", FILES)
    publisher.put(OTHER, "main", FILES)
    first, second = (methods.parse("gptq-4bit", calibration=Path(name)) for name in ("org/prose@v1", "org/prose"))
    assert first.settings["calibration"] == second.settings["calibration"]
    assert first.digest != second.digest


def test_what_was_fetched_is_read_without_a_network(publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    publisher.put(COMMIT, "main", FILES)
    monkeypatch.setattr(dataset, "MOST_ROWS", 3)
    before = calibration.read(Path("org/prose"))
    for remembered in (hub._listed, hub._fetched):
        remembered.cache_clear()
    monkeypatch.setattr(constants, "ENDPOINT", NOWHERE)
    assert calibration.read(Path("org/prose")) == before


def test_a_hub_that_refuses_is_no_missing_network(publisher: Publisher) -> None:
    """What an earlier run fetched may be another commit."""
    publisher.put(COMMIT, "main", FILES)
    calibration.read(Path("org/prose"))
    for remembered in (hub._listed, hub._fetched):
        remembered.cache_clear()
    publisher.host.faults += ["403"] * 9
    with pytest.raises(TrustError, match=r"--calibration=org/prose: the hub refuses .*403.*; retry, or name") as error:
        calibration.read(Path("org/prose"))
    assert "\n" not in str(error.value)


def test_without_a_network_what_was_not_fetched_is_said_in_one_line(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", NOWHERE)
    message = "--calibration=org/prose: no such file, and the hub cannot be reached; fetch it where there is a network"
    with pytest.raises(TrustError, match=message) as error:
        calibration.read(Path("org/prose"))
    assert "\n" not in str(error.value)


def test_a_data_set_that_moves_while_it_is_read_is_refused(publisher: Publisher) -> None:
    publisher.put(COMMIT, "main", FILES)
    publisher.host.headers["datasets/org/prose/resolve/main/b.jsonl"]["X-Repo-Commit"] = OTHER
    with pytest.raises(TrustError, match=rf"changed on the hub while it was read; name a commit, such as @{COMMIT}"):
        calibration.read(Path("org/prose"))


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("org/prose", "RepoNotFound", r"org/prose: no such file, and no data set on the hub; name a file or a folder"),
        ("org/prose@v9", "RevisionNotFound", r"org/prose@v9: the hub has no revision 'v9' of it; check the name"),
        ("org/prose", "GatedRepo", r"org/prose: gated on the hub; accept its licence there, set HF_TOKEN"),
        ("org/prose@", "", r"org/prose@: names no revision behind @; give a commit, a tag or a branch"),
    ],
)
def test_a_data_set_that_cannot_be_had_is_said_in_one_line(
    name: str, code: str, message: str, publisher: Publisher
) -> None:
    for place in ("api/datasets/org/prose", "api/datasets/org/prose/revision/v9"):
        publisher.host.headers[place] = {"X-Error-Code": code} if code else {}
    with pytest.raises(TrustError, match=f"--calibration={message}") as error:
        calibration.read(Path(name))
    assert "\n" not in str(error.value)


def test_a_data_set_without_rows_or_with_a_lost_file_is_said_in_one_line(publisher: Publisher) -> None:
    publisher.put(COMMIT, "main", {"README.md": "prose", "dataset_infos.json": "{}"})
    with pytest.raises(TrustError, match=r"org/prose: no .jsonl or .parquet file in it"):
        calibration.read(Path("org/prose"))
    publisher.put(COMMIT, "v1", {"a.jsonl": "{"})
    with pytest.raises(TrustError, match=r"org/prose@v1: a.jsonl, line 1 is not JSON; mend it"):
        calibration.read(Path("org/prose@v1"))
    publisher.put(OTHER, "v2", {"a.jsonl": ""})
    del publisher.host.files["datasets/org/prose/resolve/v2/a.jsonl"]
    with pytest.raises(TrustError, match=r"org/prose@v2: a.jsonl: the hub download failed \(.*\); retry"):
        calibration.read(Path("org/prose@v2"))


@pytest.mark.parametrize(
    ("name", "hub_name"),
    [("org/prose", True), ("org/prose@refs/pr/1", True), ("./prose", False), ("/org/prose", False), ("a/b/c", False)],
)
def test_what_may_be_a_name_on_the_hub(name: str, hub_name: bool) -> None:
    assert hub.is_hub_name(Path(name)) == hub_name
