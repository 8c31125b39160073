"""--method is understood, or refused with a cure, in milliseconds and without torch."""

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures import methods
from fixtures.core import TrustError
from fixtures.methods import calibration, extras
from fixtures.methods.table import ALGORITHMS
from selftests import tiny_models

NAMES = [name for name in methods.list_methods() if "RATIO" not in name] + [
    "magnitude-1",
    "magnitude-50",
    "magnitude-99",
    "rtn-4bit-g64-sym",
    "gptq-3bit-channel",
    "magnitude-2:4+gptq-4bit-g32",
    "gptq-4bit+kv-4bit",
]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_the_table_is_understood(name: str) -> None:
    method = methods.parse(name)
    assert method.name == name
    assert method.about
    assert method.promise.nothing == (name == "dense" or name.startswith("kv"))


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
        ("ours=recipe:x.yaml", "x.yaml: No such file or directory; name an llmcompressor recipe"),
        ("ours=zip:x", r"unknown kind 'zip'. Known: checkpoint, recipe"),
        ("our s=checkpoint:x", "the label 'our s' names tests; give letters"),
        ("=checkpoint:x", "the label '' names tests"),
        ("ours=checkpoint:", "names nothing behind checkpoint:"),
        ("kv-3bit", "Did you mean 'kv-.bit'"),
        ("kv-4bit+gptq-4bit", "gptq-4bit comes before kv-4bit: prune, then quantize, then the cache"),
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


@pytest.mark.parametrize(
    ("name", "package"), [("hqq-4bit", "hqq"), ("nf4", "bitsandbytes"), ("llm-int8", "bitsandbytes")]
)
def test_a_missing_extra_is_said_before_any_work(name: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    with pytest.raises(TrustError, match=f"--method={name}: needs {package}, which is not installed; pip install"):
        methods.parse(name)


def test_the_list_names_every_algorithm_its_promise_and_its_paper() -> None:
    """In a process of its own, because nothing heavy may be imported for it."""
    code = (
        "import sys; from fixtures.methods.listing import listing; print(*listing(), 'torch' in sys.modules, sep='\\n')"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.endswith("False\n")
    for name in ALGORITHMS:
        assert re.search(rf"^{name}\b", found, re.MULTILINE)
    assert "Frantar et al. 2023" in found
    assert "scales move between layers, each undone by the next" in found
    assert "needs hqq" in found
    assert "LABEL=recipe:FILE: an llmcompressor recipe (YAML) of AWQModifier, GPTQModifier" in found


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
        ("broken.jsonl", b'{"text": "fine"}\n{"body": "no text"}\n', 'line 2 has no "text" and no "messages"'),
        ("halved.jsonl", b'{"text": "fine"}\n{"te', "line 2 is not JSON; mend it"),
        ("broken.parquet", b"PAR0", "not a parquet file"),
        ("few.jsonl", b'{"messages": [{"role": "user"}]}', 'line 1 has no "text" and no "messages"'),
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


def test_a_conversation_and_its_text_are_two_calibrations() -> None:
    said = '[{"role": "user", "content": "hello"}]'
    assert calibration.Calibration("a", "", (said,)).sha256 != calibration.Calibration("a", f"\n{said}").sha256
    assert calibration.Calibration("a", said).sha256 == calibration.Calibration("b", said).sha256


def test_a_data_set_is_read_from_a_folder_of_any_of_its_formats(tmp_path: Path) -> None:
    """Files in order of their names, rows in order of the file; a conversation through the model's own template."""
    from pyarrow import Table
    from pyarrow.parquet import write_table

    (tmp_path / "data").mkdir()
    write_table(Table.from_pylist([{"text": "one two"}, {"text": "three"}]), tmp_path / "data" / "a.parquet")
    turns = [{"role": "user", "content": "is the of"}, {"role": "assistant", "content": "was"}]
    (tmp_path / "b.jsonl").write_text(json.dumps({"messages": turns}) + "\n")
    found = calibration.read(tmp_path)
    assert (found.source, found.text) == (tmp_path.name, "one two\nthree")
    assert [json.loads(each) for each in found.conversations] == [turns]
    tokenizer = tiny_models.tokenizer()
    plain: Any = calibration.facts(found, tokenizer)["calibration_tokens"]
    tokenizer.chat_template = "{% for turn in messages %}<s>{{ turn.role }} {{ turn.content }}</s>{% endfor %}"
    assert calibration.facts(found, tokenizer)["calibration_tokens"] == plain + 6


def test_a_json_file_beside_the_rows_of_a_data_set_is_none_of_them(tmp_path: Path) -> None:
    """Hub repositories have dataset_infos.json; a .json file of rows is named itself."""
    (tmp_path / "dataset_infos.json").write_text('{"default": {"splits": 1}}')
    (tmp_path / "train.jsonl").write_text('{"text": "Rain."}')
    assert calibration.read(tmp_path).text == "Rain."
    (tmp_path / "rows.json").write_text('{"text": "Sun."}')
    assert calibration.read(tmp_path / "rows.json").text == "Sun."


def test_a_folder_without_rows_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(TrustError, match=r"no .jsonl or .parquet file in it"):
        methods.parse("gptq-4bit", calibration=tmp_path)


def test_the_users_text_goes_before_the_models_and_that_before_the_bundled(tmp_path: Path) -> None:
    option = tmp_path / "mine.txt"
    assert methods.choose_calibration(None, tmp_path) is None
    (tmp_path / "calibration.txt").write_text("prose")
    assert methods.choose_calibration(None, tmp_path) == tmp_path / "calibration.txt"
    assert methods.choose_calibration(option, tmp_path) == option


class CountingTokenizer:
    """Each word is its own number."""

    bos_token_id = None

    def __call__(self, text: str, **kwargs: object) -> dict[str, list[int]]:
        return {"input_ids": [int(word) for word in text.split()]}


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(16 * 128, 16 * 200))
def test_calibration_sequences_do_not_overlap_where_the_text_is_long_enough(seed: int, words: int) -> None:
    tokenizer = CountingTokenizer()
    model = SimpleNamespace(config=SimpleNamespace(max_position_embeddings=16))
    text = calibration.Calibration("own", " ".join(map(str, range(words))))
    drawn = calibration.sequences(text, cast(Any, model), cast(Any, tokenizer), seed)
    assert [len(sequence) for sequence in drawn] == [16] * 128
    seen = [token for sequence in drawn for token in sequence]
    assert seen == sorted(set(seen))


def test_calibration_sequences_of_a_short_text_overlap() -> None:
    model = SimpleNamespace(config=SimpleNamespace(max_position_embeddings=16))
    text = calibration.Calibration("own", " ".join(map(str, range(40))))
    drawn = calibration.sequences(text, cast(Any, model), cast(Any, CountingTokenizer()), 0)
    assert len(drawn) == 128
    assert len({sequence[0] for sequence in drawn}) > 10


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
