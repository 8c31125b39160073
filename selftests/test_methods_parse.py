"""--method is understood, or refused with a cure, in milliseconds and without torch."""

from pathlib import Path

import pytest

from fixtures import methods
from fixtures.core import TrustError
from fixtures.methods import calibration
from selftests import tiny_models

NAMES = [name for name in methods.list_methods() if "RATIO" not in name and not name.startswith("kv")] + [
    "magnitude-1",
    "magnitude-50",
    "magnitude-99",
    "rtn-4bit-g64-sym",
    "gptq-3bit-channel",
    "magnitude-2:4+gptq-4bit-g32",
]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_the_table_is_understood(name: str) -> None:
    method = methods.parse(name)
    assert method.name == name
    assert method.about
    assert (method.promise == methods.Promise()) == (name == "dense")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gptq-4bits", r"unknown method 'gptq-4bits'. Did you mean 'gptq-4bit'\?"),
        ("magnitud-30", r"Did you mean 'magnitude-30'\?"),
        ("magnitude-2-4", r"Did you mean 'magnitude-2:4'\?"),
        ("quanto-int3", r"Did you mean 'quanto-int"),
        ("zip", "unknown method 'zip'. --list-methods prints those"),
        ("gptq", r"Did you mean 'gptq-.bit'"),
        ("", "unknown method ''"),
        ("gptq-4bit-g33", r"--method=gptq-4bit-g33: unknown option 'g33'. Did you mean 'g32'\?"),
        ("gptq-4bit-g32-g64", "g32 and g64 exclude each other"),
        ("rtn-4bit-sym-asym", "sym and asym exclude each other"),
        ("magnitude-50-g32", r"unknown method 'magnitude-50-g32'. Did you mean 'magnitude-.*'\?"),
        ("rtn-4bit-", "unknown option ''"),
        ("magnitude-20%", "whole percentage from 1 to 99, such as magnitude-50"),
        ("magnitude-0.5", "whole percentage from 1 to 99"),
        ("magnitude-0", "whole percentage from 1 to 99"),
        ("magnitude-100", "whole percentage from 1 to 99"),
        ("magnitude-RATIO", "whole percentage from 1 to 99"),
        ("ours=checkpoint:/models/x", "no such folder; give a folder or hub id"),
        ("ours=recipe:x.yaml", "not available yet"),
        ("ours=zip:x", r"unknown kind 'zip'. Known: checkpoint, recipe"),
        ("our s=checkpoint:x", "the label 'our s' names tests; give letters"),
        ("=checkpoint:x", "the label '' names tests"),
        ("ours=checkpoint:", "names nothing behind checkpoint:"),
        ("kv-4bit", "cannot be measured yet"),
        ("rtn-4bit+magnitude-50", "magnitude-50 comes before rtn-4bit: prune, then quantize"),
        ("rtn-4bit+gptq-4bit", "both rtn-4bit and gptq-4bit quantize; name one"),
        ("magnitude-20+magnitude-2:4", "both magnitude-20 and magnitude-2:4 prune; name one"),
        ("magnitude-50+quanto-int4", "quanto-int4 has no exact zero, so nothing would be left of magnitude-50"),
        ("dense+rtn-4bit", "dense compresses nothing; leave it out"),
        ("magnitude-50+", "unknown method ''"),
        ("magnitude-50+rtn-5bit", "Did you mean 'rtn-.bit'"),
    ],
)
def test_other_names_end_with_a_cure(name: str, message: str) -> None:
    with pytest.raises(TrustError, match=message) as error:
        methods.parse(name)
    assert "\n" not in str(error.value)


def test_the_digest_is_equal_for_equal_settings_and_differs_for_all_methods() -> None:
    assert methods.parse("gptq-3bit").digest == methods.parse("gptq-3bit").digest
    assert len({methods.parse(name).digest for name in NAMES}) == len(NAMES)


def test_the_digest_depends_on_seed_and_text_only_where_they_matter(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("other prose " * 600)
    for name, matters in (("gptq-4bit", True), ("rtn-4bit", False), ("magnitude-50", False), ("quanto-int4", False)):
        digest = methods.parse(name).digest
        assert (methods.parse(name, seed=1).digest != digest) == matters
        assert (methods.parse(name, calibration=text).digest != digest) == matters


def test_the_digest_depends_on_the_versions_of_the_libraries_that_do_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    from fixtures.methods import method

    before = methods.parse("gptq-4bit").digest
    monkeypatch.setattr(method, "version", lambda library: "9.9")
    assert methods.parse("gptq-4bit").digest != before


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.txt", None, "No such file"),
        ("empty.txt", b" \n", "holds no text"),
        ("empty.jsonl", b"\n", "holds no text"),
        ("binary.txt", b"\xff\xfe\x00\x80", "is not UTF-8 text"),
        ("broken.jsonl", b'{"text": "fine"}\n{"body": "no text"}\n', 'line 2 is not JSON with a "text"'),
    ],
)
def test_a_calibration_file_without_text_stops_at_once(
    name: str, content: bytes | None, message: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(TrustError, match=message) as error:
        methods.parse("gptq-4bit", calibration=tmp_path / name)
    assert f"--calibration={tmp_path / name}" in str(error.value)


def test_json_lines_and_plain_text_are_the_same_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one two\nthree")
    (tmp_path / "a.jsonl").write_text('{"text": "one two"}\n{"text": "three"}\n')
    assert calibration.read(tmp_path / "a.txt").sha256 == calibration.read(tmp_path / "a.jsonl").sha256


def test_the_users_text_goes_before_the_models_and_that_before_the_bundled(tmp_path: Path) -> None:
    option = tmp_path / "mine.txt"
    assert methods.choose_calibration(None, tmp_path) is None
    (tmp_path / "calibration.txt").write_text("prose")
    assert methods.choose_calibration(None, tmp_path) == tmp_path / "calibration.txt"
    assert methods.choose_calibration(option, tmp_path) == option


def test_the_bundled_prose_is_varied() -> None:
    """GPTQ calibrated on few or repeated sentences is worse than no GPTQ at all."""
    paragraphs = calibration.read(None).text.strip().split("\n\n")
    words = [word.strip(".,;:!?()\"'").lower() for paragraph in paragraphs for word in paragraph.split()]
    assert len(set(paragraphs)) == len(paragraphs) > 100
    assert len(words) > 11_000
    assert len(set(words)) > 5_000


def test_a_vocabulary_that_does_not_know_the_prose_is_shown() -> None:
    facts = methods.parse("gptq-4bit").facts(tiny_models.tokenizer())
    assert facts["calibration"] == "bundled"
    assert isinstance(facts["calibration_unknown"], float)
    assert facts["calibration_unknown"] > 0.5
