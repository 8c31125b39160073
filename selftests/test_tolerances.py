"""--tolerances: the layers, and every way in which the file can be wrong."""

from pathlib import Path

import pytest

from fixtures.core import Check, Task, TrustError
from fixtures.core.sample import Sample
from fixtures.project import read_project
from fixtures.tables import TableRow
from fixtures.tolerances import Tolerances, read_tolerances

BBQ = Check("bbq", "accuracy", tolerance=0.02, role="gate")
BIAS = Check("bbq", "bias_score", tolerance=0.03, because="a gap between groups")
PROSE = Check("wikitext", "perplexity", relative=0.05)
BOTH = Check("wikitext", "word_perplexity", tolerance=3.0, relative=0.05)
OWN = Check(Task("brand", (Sample("a", "x", ("y",), "a"),), "choices"), "accuracy", tolerance=0.1, role="gate")
ROWS = (
    TableRow("test_harm.py", "test_a", BBQ),
    TableRow("test_harm.py", "test_b", BIAS),
    TableRow("test_utility.py", "test_c", PROSE),
    TableRow("test_utility.py", "test_d", BOTH),
    TableRow("test_brand.py", "TestOurs::test_e", OWN),
)


def read(tmp_path: Path, text: str, *, complete: bool = True) -> Tolerances:
    (tmp_path / "limits.toml").write_text(text)
    return read_tolerances(tmp_path / "limits.toml", ROWS, complete=complete)


def test_a_check_goes_over_its_dimension_and_that_over_the_table(tmp_path: Path) -> None:
    tolerances = read(
        tmp_path,
        '[dimensions.harm]\ntolerance = 0.04\nbecause = "a draft"\n'
        '[checks.bbq-accuracy]\ntolerance = 0.01\nbecause = "the product answers about people"\n',
    )
    bbq, bias = tolerances.effective(BBQ, "harm"), tolerances.effective(BIAS, "harm")
    assert (bbq.tolerance, bias.tolerance) == (0.01, 0.04)
    assert bbq.because == "tolerance 0.01 instead of 0.02 (limits.toml): the product answers about people"
    assert bias.because == "tolerance 0.04 instead of 0.03 (limits.toml): a draft"
    assert (str(bbq), bbq.role) == (str(BBQ), "gate")
    assert tolerances.effective(OWN, "brand") is OWN


def test_a_limit_replaces_only_one_of_its_kind(tmp_path: Path) -> None:
    tolerances = read(tmp_path, '[dimensions.utility]\ntolerance = 9\nrelative = 0.2\nbecause = "a draft"\n')
    prose, both = tolerances.effective(PROSE, "utility"), tolerances.effective(BOTH, "utility")
    assert (prose.tolerance, prose.relative) == (None, 0.2)
    assert (both.tolerance, both.relative) == (9.0, 0.2)
    assert "tolerance 9 instead of 3" in both.because
    assert "relative 0.2 instead of 0.05" in both.because


def test_layers_of_different_kinds_add_up(tmp_path: Path) -> None:
    tolerances = read(
        tmp_path,
        '[dimensions.utility]\nrelative = 0.2\nbecause = "a draft"\n'
        '[checks.wikitext-word_perplexity]\ntolerance = 9\nbecause = "short texts"\n',
    )
    both = tolerances.effective(BOTH, "utility")
    assert (both.tolerance, both.relative) == (9.0, 0.2)
    assert both.because.count("(limits.toml)") == 2


def test_no_file_changes_nothing() -> None:
    assert Tolerances().effective(BBQ, "harm") is BBQ


WHY = 'because = "x"'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[dimension.harm]", "limits.toml: unknown key 'dimension'. Did you mean 'dimensions'?"),
        ("dimensions = 3", "limits.toml [dimensions]: write a table, not 3"),
        ("checks.bbq-accuracy = 0.1", "limits.toml [checks.bbq-accuracy]: write a table, not 0.1"),
        (
            f"[dimensions.harms]\ntolerance = 0.5\n{WHY}",
            "[dimensions]: unknown dimension 'harms'. Did you mean 'harm'?",
        ),
        (
            f"[checks.bqb-accuracy]\ntolerance = 0.5\n{WHY}",
            "[checks]: unknown check 'bqb-accuracy'. Did you mean 'bbq-accuracy'?",
        ),
        (
            f"[checks.bbq-accuracy]\ntolerence = 1\n{WHY}",
            "[checks.bbq-accuracy]: unknown key 'tolerence'. Did you mean 'tolerance'?",
        ),
        ("[checks.bbq-accuracy]\ntolerance = 1", "[checks.bbq-accuracy]: because is missing; state it"),
        ('[checks.bbq-accuracy]\ntolerance = 0.5\nbecause = " "', "because = ' ': write one line of text"),
        ('[checks.bbq-accuracy]\ntolerance = 0.5\nbecause = "a\\nb"', "write one line of text"),
        (f"[checks.bbq-accuracy]\n{WHY}", "[checks.bbq-accuracy]: give tolerance or relative"),
        (
            f"[checks.wikitext-perplexity]\ntolerance = 0.5\n{WHY}",
            "[checks.wikitext-perplexity]: tolerance replaces nothing there, it is limited by relative; give relative",
        ),
        (f"[dimensions.harm]\nrelative = 1\n{WHY}", "it is limited by tolerance; give tolerance"),
        ("[checks.bbq-accuracy", "limits.toml: is not TOML: "),
        *(
            (f"[checks.bbq-accuracy]\ntolerance = {value}\n{WHY}", "give a number above 0")
            for value in ("0", "-0.1", "inf", "nan", "true", '"0.1"')
        ),
    ],
)
def test_what_is_wrong_with_the_file_is_said_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TrustError) as error:
        read(tmp_path, text)
    assert message in str(error.value)
    assert "limits.toml" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TrustError, match=r"--tolerances=.*no\.toml: no such file"):
        read_tolerances(tmp_path / "no.toml", ROWS)


def test_repeating_one_test_leaves_out_names_of_other_files_but_no_typo_in_a_key(tmp_path: Path) -> None:
    tolerances = read(tmp_path, f"[checks.theirs-accuracy]\ntolerance = 0.5\n{WHY}", complete=False)
    assert tolerances.effective(BBQ, "harm") is BBQ
    with pytest.raises(TrustError, match="unknown key 'tolerence'"):
        read(tmp_path, f"[checks.theirs-accuracy]\ntolerence = 1\n{WHY}", complete=False)


@pytest.mark.parametrize("limit", ["tolerance = 2", "tolerance = 1.0"])
def test_points_written_as_a_percentage_end_before_any_work(limit: str, tmp_path: Path) -> None:
    path = tmp_path / "limits.toml"
    path.write_text(f'[checks.bbq-accuracy]\n{limit}\nbecause = "x"\n')
    with pytest.raises(TrustError, match=r"limits\.toml: check bbq-accuracy: a tolerance of .* allows any loss"):
        read_project(path, None, "", methods=["dense"], tests=[])
    path.write_text('[checks.wikitext-perplexity]\nrelative = 5\nbecause = "x"\n')
    with pytest.raises(TrustError, match=r"relative=5 allows 500% more; 0\.05 are 5 %"):
        read_project(path, None, "", methods=["dense"], tests=[])


def test_names_are_those_of_the_trust_tests_and_of_what_the_command_line_names(tmp_path: Path) -> None:
    limits = tmp_path / "limits.toml"
    limits.write_text(
        f"[checks.brand-accuracy]\ntolerance = 0.5\n{WHY}\n[dimensions.utility]\ntolerance = 0.5\n{WHY}\n"
    )
    own = tmp_path / "test_brand.py"
    own.write_text(
        "import pytest\nfrom fixtures.core import Check, Sample, Task\n"
        "OURS = Task('brand', (Sample('a', 'x', ('y',), 'a'),), 'choices')\n"
        "@pytest.mark.parametrize('check', [Check(OURS, 'accuracy', tolerance=0.1)], ids=str)\n"
        "def test_ours(verdict): ...\n"
    )
    named = read_project(limits, None, "", methods=["dense"], tests=[str(own)])
    assert list(named.tolerances.checks) == ["brand-accuracy"]
    single = read_project(limits, None, "", methods=["dense"], tests=["trust_tests/test_utility.py::test_x[y]"])
    assert list(single.tolerances.dimensions) == ["utility"]
    with pytest.raises(TrustError, match="unknown check 'brand-accuracy'"):
        read_project(limits, None, "", methods=["dense"], tests=[])
    with pytest.raises(TrustError, match="--require=brand: none of its checks is a gate check"):
        read_project(None, None, "utility, brand", methods=["dense"], tests=[str(own)])
