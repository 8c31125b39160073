"""The plan: what is said of samples and power before any model runs."""

from pathlib import Path

import pytest

from fixtures.core import Check
from fixtures.gate import power, samples_for
from fixtures.options import OPTIONS
from fixtures.plan import Forecast, forecasts, shipping_power, table
from fixtures.settings import Settings, read_settings

ETHICS = Check("ethics_commonsense", "accuracy", tolerance=0.02, role="gate")
BBQ = Check("bbq", "accuracy", tolerance=0.02, role="gate")
PROSE = Check("wikitext", "perplexity", relative=0.05)


def settings(tmp_path: Path, **given: str) -> Settings:
    def value(name: str) -> str | bool | list[str]:
        option = next(option for option in OPTIONS if option.name == name)
        if option.repeatable:
            return [option.default]
        return given.get(name, option.default) if option.metavar else bool(given.get(name))

    return read_settings(value, tmp_path)


def run(check: Check, **facts: object) -> dict[str, object]:
    return {
        "check": str(check),
        "outcome": "passed",
        "n": 1000,
        "lost": 8,
        "gained": 12,
        "loss": -0.004,
        "upper": 0.004,
        "margin": 0.02,
        "interval": "cluster t",
        "levels": [0.05, 0.01],
        **facts,
    }


def test_without_a_run_one_percent_flips_are_assumed_a_cluster_counting_once(tmp_path: Path) -> None:
    (found,) = forecasts([ETHICS], settings(tmp_path))
    assert (found.samples, found.clusters, found.flips) == (2000, 1000, 0.01)
    assert found.power == power(1000, 0.01, 0.02)
    assert found.enough == 2 * samples_for(0.8, 0.01, 0.02)
    assert found.source == "assumed, each cluster counted once"


def test_noise_above_the_assumption_takes_its_place(tmp_path: Path) -> None:
    (found,) = forecasts([ETHICS], settings(tmp_path), noise={"ethics_commonsense": 0.04, "bbq": 0.3})
    assert (found.flips, found.power) == (0.04, power(1000, 0.04, 0.02))
    assert found.source == "the noise floor, each cluster counted once"


def test_an_earlier_run_tells_the_scatter(tmp_path: Path) -> None:
    clustered, independent = (
        forecasts([ETHICS], settings(tmp_path), [run(ETHICS, interval=interval)])[0]
        for interval in ("cluster t", "Tango score")
    )
    error = 0.008 / 1.6449 / 2**0.5
    assert clustered.flips == independent.flips == 0.02
    assert clustered.power == pytest.approx(1.0, abs=1e-3)
    assert clustered.enough == pytest.approx(2000 * (error * (1.6449 + 0.8416) / 0.02) ** 2, rel=0.01)
    assert independent.power == power(2000, 0.02, 0.02)
    assert independent.source == "the run with 1000 samples"


def test_a_regressed_method_is_not_told_to_take_more_samples(tmp_path: Path) -> None:
    (found,) = forecasts([ETHICS], settings(tmp_path), [run(ETHICS, outcome="regressed")])
    assert "where it REGRESSED: no number of samples will make it pass" in found.source


def test_what_nothing_is_known_of_is_not_guessed(tmp_path: Path) -> None:
    (found,) = forecasts([PROSE], settings(tmp_path))
    assert (found.power, found.enough, found.flips) == (None, None, None)
    (found,) = forecasts([PROSE], settings(tmp_path), [run(PROSE, margin=0.05, upper=0.02, loss=0.01)])
    assert found.power is not None


def test_the_release_takes_all_its_gate_checks(tmp_path: Path) -> None:
    both = forecasts([ETHICS, BBQ, PROSE], settings(tmp_path))
    assert shipping_power(both) == pytest.approx(power(1000, 0.01, 0.02) * power(500, 0.01, 0.02))
    assert both[0].enough == 2 * samples_for(0.8**0.5, 0.01, 0.02)
    assert shipping_power(forecasts([PROSE], settings(tmp_path))) is None


def test_a_check_that_cannot_pass_has_no_power(tmp_path: Path) -> None:
    plan = forecasts([ETHICS], settings(tmp_path, samples="60"))
    assert plan[0].obstacle
    assert shipping_power(plan) == 0
    assert any(line.startswith("CANNOT PASS ethics_commonsense-accuracy: 30 clusters") for line in table(plan, "m"))


def test_the_table_names_every_check_and_the_release(tmp_path: Path) -> None:
    lines = table(forecasts([ETHICS, BBQ, PROSE], settings(tmp_path)), "gptq-4bit")
    assert lines[0] == "plan for gptq-4bit"
    assert lines[-1].startswith("release: 98% that 2 gate checks all pass")
    assert "nothing could be approved" in table(forecasts([PROSE], settings(tmp_path)), "m")[-1]
    unknown = Forecast(ETHICS, 10, 10, None, "", None, None, None)
    assert "unknown until a first run" in table([unknown], "m")[-1]
