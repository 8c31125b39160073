"""--confirm: only samples that the choice did not use, again as often as one likes, and never where none are left."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.confirm import Confirm, read_confirm
from fixtures.core import Sample, Task, TrustError
from fixtures.report import write_results
from selftests.documents import Row, document, release
from selftests.house import House
from selftests.test_report_schema import check

TASK = Task("mine", tuple(Sample(f"s{i}", "p", ("a", "b"), f"c{i % 50}", f"u{i}") for i in range(200)), "choices")


def test_the_draw_goes_on_where_the_choice_stopped() -> None:
    used = TASK.take(60)
    fresh = Confirm(("a", "b"), "m", {"mine": frozenset(sample.id for sample in used.samples)})

    def forty(left: Task) -> Task:
        assert len(left.samples) == 140
        return left.take(40)

    ids = [sample.id for sample in fresh.draw("mine", TASK, forty).samples]
    assert len(ids) == 40
    assert not {sample.id for sample in used.samples} & set(ids)
    assert len({sample.cluster for sample in TASK.samples if sample.id in ids}) == 40
    assert fresh.draw("mine", TASK, forty) is fresh.draw("mine", TASK, forty)


def test_nothing_left_is_an_error() -> None:
    everything = Confirm(("a", "b"), "m", {"mine": frozenset(sample.id for sample in TASK.samples)})
    with pytest.raises(TrustError, match="all 200 samples of mine were used for choosing"):
        everything.draw("mine", TASK, lambda left: left.take(None))


def test_a_group_of_which_nothing_is_left_is_an_error() -> None:
    samples = tuple(replace(sample, group="a" if i < 20 else "b") for i, sample in enumerate(TASK.samples))
    task = replace(TASK, samples=samples)
    fresh = Confirm(("a", "b"), "m", {"mine": frozenset(sample.id for sample in samples[:20])})
    with pytest.raises(TrustError, match=r"all samples of mine's group a were used .* another mix"):
        fresh.draw("mine", task, lambda left: left.take(None))


def choice(*methods: str) -> Row:
    return document([], {method: release("ship") for method in methods}, "ship")


def test_a_confirmed_choice_can_be_confirmed_again(tmp_path: Path) -> None:
    path = write_results(tmp_path / "results.json", choice("a", "b"))
    first = read_confirm(path, "reference", ["b"])
    assert (first.chosen_from, first.used) == (("a", "b"), {"bbq": frozenset({"x1"})})
    write_results(path, {**choice("b"), "confirmed": first.facts})
    assert read_confirm(path, "reference", ["b"]) == first


@pytest.mark.parametrize(
    ("found", "methods", "said"),
    [
        (None, ["a"], "no .*; first judge several methods"),
        (choice("a"), ["a"], "nothing was chosen there"),
        (choice("a", "b"), ["c"], "give one --method of those judged there: a, b"),
        (choice("a", "b"), ["a", "b"], "give one --method"),
        ({**choice("a", "b"), "samples": 3}, ["a"], "not of this suite"),
        ({**choice("a", "b"), "schema": 2}, ["a"], "of schema 2"),
    ],
)
def test_without_a_choice_there_is_nothing_to_confirm(
    tmp_path: Path, found: Row | None, methods: list[str], said: str
) -> None:
    path = tmp_path / "results.json"
    if found is not None:
        path.write_text(json.dumps(found))
    with pytest.raises(TrustError, match=said):
        read_confirm(path, "reference", methods)
    if found is not None:
        with pytest.raises(TrustError):
            read_confirm(path, "another", methods)


def test_a_run_confirms_on_fresh_samples_alone(tmp_path: Path) -> None:
    house = House(tmp_path)
    ethics = "-k", "ethics_commonsense-accuracy"
    house.run("--method=rtn-8bit", "--method=rtn-4bit", "--samples=600", *ethics)
    asked = set(house.results()["samples"][0]["questions"])
    refused = house.run("--method=rtn-2bit", "--confirm", *ethics)
    assert refused.returncode == 4
    assert "give one --method of those judged there: rtn-4bit, rtn-8bit" in refused.stderr
    for workers in ((), ("-n2",)):
        result = house.run("--method=rtn-8bit", "--confirm", *ethics, *workers)
        assert result.returncode == 0, result.stdout
        found = house.results()
        check(found)
        (data,) = found["samples"]
        assert not asked & data["questions"].keys()
        assert len(data["questions"]) == 1400
        first = (tmp_path / "report" / "report.md").read_text().splitlines()[0]
        assert "confirmed on 1400 fresh samples, not used to choose it among 2 methods" in first
        assert "--confirm" in found["verdicts"][0]["rerun"]
