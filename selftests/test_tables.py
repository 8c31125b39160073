"""The tables of checks, read from test files that pytest has not collected."""

from pathlib import Path

import pytest

from fixtures.core import TrustError
from fixtures.project import read_project
from fixtures.tables import read_tables, unread

OURS = """
import pytest
from fixtures.core import Check
{first}
@pytest.mark.parametrize(("check", "note"), [(Check("bbq", "accuracy", tolerance=0.1, role="gate"), "n")], ids=str)
def test_ours(check, note, verdict): ...

class TestMore:
    @pytest.mark.parametrize("check", [pytest.param(Check("hellaswag", "accuracy", tolerance=0.1))], ids=str)
    def test_theirs(self, check, verdict): ...
"""


def ours(folder: Path, first: str = "") -> Path:
    path = folder / "test_brand.py"
    path.write_text(OURS.format(first=first))
    return path


def test_functions_classes_tuples_and_params_are_read(tmp_path: Path) -> None:
    found = [row.test("m") for row in read_tables([ours(tmp_path)]) if row.dimension == "brand"]
    assert found == [
        "test_brand.py::test_ours[m-bbq-accuracy]",
        "test_brand.py::TestMore::test_theirs[m-hellaswag-accuracy]",
    ]


def test_helpers_beside_the_file_are_found_as_pytest_finds_them(tmp_path: Path) -> None:
    (tmp_path / "helper_of_brand.py").write_text("X = 1")
    assert any(row.dimension == "brand" for row in read_tables([ours(tmp_path, "from helper_of_brand import X")]))


def test_a_file_that_skips_itself_or_fails_is_named(tmp_path: Path) -> None:
    path = ours(tmp_path, "pytest.importorskip('no_such_module_at_all')")
    assert not any(row.dimension == "brand" for row in read_tables([path]))
    (told,) = unread([path])
    assert told.startswith("test_brand.py could not be imported (Skipped: could not import")
    with pytest.raises(
        TrustError, match=r"--require: unknown dimension 'brand'.*; test_brand\.py could not be imported"
    ):
        read_project(None, None, "brand", methods=["dense"], tests=[str(path)])


def test_environments_and_hidden_folders_are_left_alone(tmp_path: Path) -> None:
    for name in (".hidden", "env"):
        (tmp_path / name).mkdir()
        ours(tmp_path / name, "raise SystemExit(3)")
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    (tmp_path / "deep").mkdir()
    ours(tmp_path / "deep")
    assert unread([tmp_path]) == []
    assert any(row.dimension == "brand" for row in read_tables([tmp_path]))
