"""Questions, answers and scores on their way to results.json: once each, whoever measured them."""

from pathlib import Path

from fixtures.core import Response, Sample, Task
from fixtures.staging import Staging
from selftests.hostile import HOSTILE


def task(*, sensitive: bool = False, name: str = "mine") -> Task:
    samples = tuple(
        Sample(f"{i}{text}", text, (text, f"{text}!"), text, target=0, group=text) for i, text in enumerate(HOSTILE)
    )
    return Task(name, samples, "choices", sensitive=sensitive)


def answers(task: Task, first: float) -> dict[str, Response]:
    return {sample.id: Response(sample.id, (first, -2.0), (1, 1)) for sample in task.samples}


def test_what_two_workers_staged_is_collected_once(tmp_path: Path) -> None:
    asked = task()
    for worker in (Staging(tmp_path / "run"), Staging(tmp_path / "run")):
        worker.questions("mine", asked, answers(asked, -0.5))
        for method in ("rtn-2bit", "label/../x"):
            worker.answers(method, "mine", asked, answers(asked, float("-inf")))
        ids = [sample.id for sample in asked.samples]
        pairs = [[(1.0, 2.0)] * len(ids), [(0.0, 0.0)] * len(ids)]
        worker.scores("test[a]", "mine", ids, pairs, sensitive=False)
    assert len(list((tmp_path / "run").iterdir())) == 4
    (found,), scores = Staging(tmp_path / "run").collect()
    assert (found["dataset"], found["sensitive"], found["readout"]) == ("mine", False, "choices")
    assert found["questions"][asked.samples[3].id]["prompt"] == HOSTILE[3]
    assert found["dense"][asked.samples[3].id] == [-0.5, -2.0]
    assert found["compressed"].keys() == {"rtn-2bit", "label/../x"}
    assert found["compressed"]["rtn-2bit"][asked.samples[0].id] == [float("-inf"), -2.0]
    assert scores["test[a]"]["dense"] == [0.5] * len(HOSTILE)
    assert scores["test[a]"]["compressed"] == [None] * len(HOSTILE)
    Staging(tmp_path / "run").remove()
    assert not (tmp_path / "run").exists()
    assert Staging(tmp_path / "run").collect() == ([], {})


def test_a_data_set_is_sensitive_as_soon_as_one_part_of_it_is(tmp_path: Path) -> None:
    asked = task()
    staging = Staging(tmp_path / "run")
    staging.questions("mine", asked, answers(asked, 0.0))
    staging.scores("test[a]", "mine", [], [[], []], sensitive=False)
    staging.scores("test[b]", "mine", [], [[], []], sensitive=True)
    assert staging.collect()[0][0]["sensitive"] is True
