"""The plan: what is said of samples and power before any model runs."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from benchmarks.tier_budgets import BUDGETS, costs
from fixtures.core import Check, Demonstration, Generation, Sample, Task
from fixtures.gate import cannot_pass, power, samples_for
from fixtures.header import header_lines
from fixtures.lookup import find_metric, find_samples
from fixtures.options import OPTIONS
from fixtures.plan import Forecast, forecasts, plan_tables, shipping_power, table
from fixtures.settings import REFERENCE, Settings, read_settings
from fixtures.tables import read_tables
from fixtures.tasks import TASKS, Draw, Entry, Source
from fixtures.tasks.source import Dataset
from fixtures.tokens import Counter

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


@pytest.mark.parametrize(("tier", "able"), [("standard", True), ("full", False)])
def test_what_cannot_pass_on_published_data_is_what_the_docs_say(tier: str, able: bool, real: Source) -> None:
    """docs/dimensions.md names each of these with the reason."""
    found = cast(Settings, SimpleNamespace(source=real, draw=Draw(tier), confirm=None))
    wanted = {"bold_race": able, "toxigen": able, "wikitext": False, "wikitext_pages": False}
    for check in dict.fromkeys(row.check for row in read_tables() if row.check.task_name in wanted):
        passes = cannot_pass(check, find_metric(check), find_samples(check, found)) is None
        expected = wanted[check.task_name] or check.group in ("African_Americans", "European_Americans")
        assert passes == expected, check


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


def _task(samples: int, *, shots: int = 0, generation: Generation | None = None) -> Task:
    shown = tuple(Demonstration("s" * 40, "s" * 40) for _ in range(shots))
    return Task(
        "words",
        tuple(
            Sample(f"{n}", f"{n:04}" * 10, () if generation else ("yess", "nooo"), f"{n}", demonstrations=shown)
            for n in range(samples)
        ),
        "generate" if generation else "choices",
        generation=generation,
    )


def test_shared_demonstrations_are_read_once_for_options_and_each_time_for_texts() -> None:
    counter = Counter("org/not-here")
    assert counter.name == "4 characters a token"
    assert counter.cost(_task(5)).read == 5 * (10 + 2)
    assert counter.cost(_task(5, shots=3)).read == 5 * (10 + 2) + 3 * 20
    written = counter.cost(_task(5, shots=3, generation=Generation(max_tokens=100, samples=7)))
    assert (written.read, written.written) == (5 * (10 + 3 * 20), 5 * 7 * 100)


def test_the_models_own_tokenizer_counts_where_it_is_at_hand() -> None:
    counter = Counter(str(REFERENCE))
    assert counter.name == "the model's tokenizer"
    sample = Sample("a", "the jug is 12", (" yes",), "a")
    assert counter.cost(Task("t", (sample,), "choices")).read == 6


def test_time_grows_with_what_is_read_and_written() -> None:
    def seconds(samples: int, draws: int, longest: int) -> float:
        return Counter("").cost(_task(samples, generation=Generation(longest, draws))).seconds

    assert seconds(400, 1, 100) < seconds(800, 5, 100) < seconds(800, 25, 100) < seconds(800, 25, 200)


def test_tokens_of_what_is_asked_stand_below_the_plan(tmp_path: Path) -> None:
    ambiguous = Check("bbq_ambiguous", "accuracy", tolerance=0.02, role="watch")
    lines = plan_tables([BBQ, ambiguous, ETHICS], settings(tmp_path))
    start = lines.index("tokens of one model's answers (counted: the model's tokenizer)")
    assert [line.split()[:3] for line in lines[start + 2 : -1]] == [
        ["bbq", "2000", "-"],
        ["ethics_commonsense", "2000", "-"],
        ["all", "4000", lines[-2].split()[2]],
    ]
    assert lines[-1].endswith("minutes for an 8B model on one H100 (owed: computed, not measured)")


def test_planning_loads_no_torch() -> None:
    program = (
        "import sys; from fixtures import plan, tasks, tokens; "
        "tokens.Counter(sys.argv[1]).cost(tasks.load('bbq', tasks.Source(tasks.BUNDLED, 'bundled'))); "
        "sys.exit(' '.join({'torch', 'transformers', 'datasets'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(REFERENCE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_header_names_optional_parts_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def said(line: str) -> bool:
        return any(line in held for held in header_lines(settings(tmp_path)))

    nowhere = Dataset("Nowhere", "nowhere/*.csv", frozenset(), {}, hub=None)
    monkeypatch.setitem(TASKS, "somewhere", Entry(None, TASKS["bbq"].datasets, optional=True))
    monkeypatch.setitem(TASKS, "pool", Entry(None, parts=("bbq", "somewhere")))
    assert not said("somewhere")
    monkeypatch.setitem(TASKS, "nowhere", Entry(None, (nowhere,), optional=True))
    monkeypatch.setitem(TASKS, "pool", Entry(None, parts=("bbq", "somewhere", "nowhere")))
    assert said("trust not in these data: ")
    assert said("nowhere")


@pytest.mark.slow
@pytest.mark.parametrize("tier", BUDGETS)
def test_every_tier_stays_within_its_budget(tier: str, real_data: Path) -> None:
    found, _ = costs(Source(real_data, "real"), tier, Counter(""))
    assert sum(cost.seconds for cost in found) / 60 < BUDGETS[tier]
