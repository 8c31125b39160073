"""Runs of a quantized key-value cache: what was read of it stands in the reports, and without it nothing is green."""

from pathlib import Path
from typing import Any

import pytest
from transformers import MistralConfig, MistralForCausalLM

from fixtures import checkpoint, methods
from fixtures.artefacts import Store
from fixtures.core import TrustError
from fixtures.settings import CHECKOUT
from selftests import tiny_models
from selftests.house import QUICK, House
from selftests.test_report_schema import check

ETHICS = str(CHECKOUT / "trust_tests" / "test_machine_ethics.py")
"""Tests of one's own need the checkout's beside them."""
SHORT = """
import pytest
from fixtures.core import Check, Sample, Task

SENTENCES = Task(
    "sentences",
    tuple(
        Sample(str(n), "Who reads?" if n < PROMPTED else "", (" He reads.", " She reads."), str(n), target=n % 2)
        for n in range(40)
    ),
    readout="choices",
)


@pytest.mark.parametrize("check", [Check(SENTENCES, "accuracy", tolerance=0.5)], ids=str)
def test_ours(verdict):
    assert verdict.acceptable, verdict.explain()
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("kv"))


def test_what_was_read_quantized_is_in_results_and_report(house: House) -> None:
    house.run("--method=kv-2bit", "--method=rtn-8bit", "--samples=100", QUICK)
    found = house.results()
    check(found)
    reads = {row["method"]: row["quantized_reads"] for row in found["verdicts"]}
    assert reads["rtn-8bit"] is None
    assert reads["kv-2bit"] > 100, "every sample has a prompt of more than one token"
    verified = found["releases"]["kv-2bit"]["verified"]
    assert verified == {"kept_bits": 2, "kept_effective_bits": 6.0, "kept_group": 16, "kept_residual": 32}
    page = (house.folder / "report" / "report.html").read_text()
    assert f"<dt>Quantized keys and values read</dt><dd>{reads['kv-2bit']:,}, by 100.0% of the samples</dd>" in page
    assert page.count("Quantized keys and values read") == 1


@pytest.mark.parametrize("prompted", [0, 19])
def test_a_check_that_reads_next_to_nothing_quantized_is_an_error(house: House, prompted: int) -> None:
    (house.folder / "test_short.py").write_text(SHORT.replace("PROMPTED", str(prompted)))
    ours = "test_short.py", ETHICS, "-ksentences", f"--baseline-dir={house.folder / f'baseline-{prompted}'}"
    house.run(*ours, "--method=dense", "--update-baselines")
    assert "1 passed" in house.run(*ours, "--method=rtn-8bit", report=f"other-{prompted}").stdout
    said = house.run(*ours, "--method=kv-2bit", report=f"short-{prompted}")
    assert said.returncode == 1
    (error,) = house.results(f"short-{prompted}")["errors"]
    assert error["message"].startswith("kv-2bit: not exercised by sentences: ")
    assert f"of its 40 samples only {prompted} have a prompt, or a text of more than 32 tokens" in error["message"]
    assert error["message"].endswith('leave it out with -k "not sentences"')
    assert house.results(f"short-{prompted}")["decision"] == "broken"
    assert house.results(f"short-{prompted}")["verdicts"] == []


def test_a_check_of_which_half_the_samples_read_is_judged_and_the_share_told(house: House) -> None:
    (house.folder / "test_short.py").write_text(SHORT.replace("PROMPTED", "20"))
    ours = "test_short.py", ETHICS, "-ksentences", f"--baseline-dir={house.folder / 'half'}"
    house.run(*ours, "--method=dense", "--update-baselines")
    house.run(*ours, "--method=kv-2bit", report="half-report")
    (row,) = house.results("half-report")["verdicts"]
    assert row["quantized_share"] == 0.5


def test_behind_a_compression_of_weights_both_are_verified_and_measured(house: House) -> None:
    methods = "rtn-3bit", "kv-2bit", "rtn-3bit+kv-2bit"
    house.run(*(f"--method={name}" for name in methods), "--samples=100", QUICK, report="both")
    found = house.results("both")
    releases = found["releases"]
    both = releases["rtn-3bit+kv-2bit"]["verified"]
    assert (both["max_levels"], both["kept_bits"]) == (8, 2)
    assert both["effective_bits"] == releases["rtn-3bit"]["effective_bits"]
    assert "kept_bits" not in releases["rtn-3bit"]["verified"]
    (asked,) = found["samples"]
    answers = [asked["compressed"][name] for name in methods]
    assert all(one != other for one in answers for other in answers if one is not other)


def test_a_model_with_windows_is_refused_before_its_weights_are_read(tmp_path: Path) -> None:
    sizes: Any = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    MistralForCausalLM(MistralConfig(vocab_size=96, sliding_window=16, **sizes)).save_pretrained(tmp_path)
    tiny_models.tokenizer().save_pretrained(tmp_path)
    dense = checkpoint.inspect(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    for name in ("kv-4bit", "rtn-4bit+kv-4bit"):
        with pytest.raises(
            TrustError, match="layer 0 of this mistral is of kind sliding_attention, and quantized keys"
        ):
            Store(tmp_path / "cache", "cpu", "float32").artefact(dense, methods.parse(name))
