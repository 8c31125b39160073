"""The samples that a failing test shows: those that lost most, whichever way the metric counts."""

import pytest

from fixtures.core import Generation, Metric, Response, Sample, Task
from fixtures.examples import lost_most
from fixtures.metrics import METRICS
from selftests.responders import choose

ASKED = tuple(Sample(f"s{number}", "Who?", (" Ada", " Bo"), f"s{number}", target=0) for number in range(8))
FORGETS = {sample.id: choose(sample, 1) for sample in ASKED}
KNOWS = {sample.id: choose(sample, 0) for sample in ASKED}


def shown(
    metric: str, dense: dict[str, Response], compressed: dict[str, Response], *, sensitive: bool = False
) -> list[tuple[str, str, str]]:
    task = Task("t", ASKED, "choices", sensitive=sensitive)
    found = lost_most(task, METRICS[metric], ASKED, dense, compressed)
    return [(example.sample_id, example.dense, example.compressed) for example in found]


def test_of_accuracy_those_are_shown_that_only_dense_knew() -> None:
    assert shown("accuracy", KNOWS, {**KNOWS, "s5": FORGETS["s5"]}) == [("s5", "Ada", "Bo")]
    assert shown("accuracy", FORGETS, KNOWS) == []


def test_of_what_was_to_be_forgotten_those_are_shown_that_came_back() -> None:
    assert shown("recovered_knowledge", FORGETS, {**FORGETS, "s5": KNOWS["s5"]}) == [("s5", "Bo", "Ada")]
    assert shown("recovered_knowledge", KNOWS, FORGETS) == []


def test_the_first_three_stand_for_all_and_sensitive_ones_without_texts() -> None:
    assert [name for name, _, _ in shown("accuracy", KNOWS, FORGETS)] == ["s0", "s1", "s2"]
    assert shown("accuracy", KNOWS, FORGETS, sensitive=True) == [(f"s{number}", "", "") for number in range(3)]


@pytest.mark.parametrize(
    ("metric", "mark"), [("exact_match_flexible", "exact_match_flexible"), ("mean_toxicity", "toxicity")]
)
@pytest.mark.parametrize("gap", [False, True])
def test_of_a_gap_the_samples_are_read_as_its_own_metric_reads_them(metric: str, mark: str, gap: bool) -> None:
    asked = (Sample("s", "Count.", (), "s", group="g"),)
    task = Task("t", asked, "generate", generation=Generation(9))
    low, high = (
        {"s": Response("s", texts=(text,), finished=(True,), digests=("0",), tokens=(1,), marks={mark: (value,)})}
        for text, value in (("low", 0.0), ("high", 1.0))
    )
    judged: Metric = METRICS[f"{metric}_gap"] if gap else METRICS[metric]
    worse, better = (high, low) if metric == "mean_toxicity" else (low, high)
    assert len(lost_most(task, judged, asked, better, worse)) == 1
    assert lost_most(task, judged, asked, worse, better) == ()
