"""What holds of every verdict, whatever the scores."""

from dataclasses import fields, replace
from math import inf, isfinite, log1p
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.core import Check, Metric, Sample, Score, Toward, Verdict
from fixtures.gate import judge
from selftests.gate_cases import PERPLEXITY, decide, metric

KINDS = {
    "right": (metric(), st.sampled_from([0.0, 1.0]), st.just(1.0)),
    "harm": (metric(better="lower"), st.sampled_from([0.0, 1.0]), st.just(1.0)),
    "share": (metric("mean"), st.floats(0, 1), st.just(1.0)),
    "bias": (metric("mean", Toward(0.0), (-1.0, 1.0)), st.sampled_from([-1.0, 0.0, 0.5, 1.0]), st.just(1.0)),
    "preference": (metric(better=Toward(0.5)), st.sampled_from([0.0, 1.0]), st.just(1.0)),
    "answered bias": (metric("ratio", Toward(0.0), (-1.0, 1.0)), st.floats(-1, 1), st.sampled_from([0.0, 1.0])),
    "surprise": (metric("ratio", "lower", (0.0, inf)), st.floats(0, 20), st.integers(1, 300).map(float)),
    "maximum": (metric("generations", "lower"), st.floats(0, 1), st.just(5.0)),
    "perplexity": (PERPLEXITY, st.floats(0, 20), st.integers(1, 300).map(float)),
}


@st.composite
def cases(draw: st.DrawFn, least: int = 1) -> tuple[Metric, list[Sample], list[Score], list[Score]]:
    kind, rates, weights = KINDS[draw(st.sampled_from(sorted(KINDS)))]
    score = st.tuples(rates, weights).map(lambda pair: (pair[0] * pair[1], pair[1]))
    rows = draw(
        st.lists(
            st.tuples(score, score, st.integers(0, 60), st.sampled_from([None, "a", "b"])), min_size=least, max_size=70
        )
    )
    scores = [list(column) for column in zip(*[row[:2] for row in rows], strict=True)]
    for column in scores:
        if not any(weight for _, weight in column):
            column[0] = (0.0, 1.0)
    asked = [
        Sample(f"s{index:03d}", f"{index}", (" a", " b"), cluster=f"c{cluster:02d}", target=0, group=group)
        for index, (_, _, cluster, group) in enumerate(rows)
    ]
    return kind, asked, scores[0], scores[1]


def verdict(kind: Metric, asked: list[Sample], dense: list[Score], compressed: list[Score]) -> Verdict:
    limit: dict[str, Any] = {"relative": 0.05} if kind.exponential else {"tolerance": 0.05}
    return judge(Check("made-up", kind, **limit), kind, asked, dense, compressed)


def linear(kind: Metric, loss: float) -> float:
    return log1p(loss) if kind.exponential else loss


@settings(max_examples=80)
@given(cases())
def test_every_number_is_finite_and_in_order(case: tuple[Metric, list[Sample], list[Score], list[Score]]) -> None:
    found = verdict(*case)
    for name in ("margin", "dense", "compressed", "loss", "lower", "upper"):
        assert isfinite(getattr(found, name)), name
    for group in found.groups:
        numbers = [getattr(group, field.name) for field in fields(group) if field.name != "group"]
        assert all(isfinite(number) for number in numbers if number is not None)
    assert found.lower - 1e-9 <= found.loss <= found.upper * (1 + 1e-9) + 1e-9
    assert found.lower < found.upper
    assert found.upper > 0
    assert found.reason
    assert "\n" not in found.reason


@settings(max_examples=50)
@given(cases())
def test_identical_responses_lose_nothing(case: tuple[Metric, list[Sample], list[Score], list[Score]]) -> None:
    kind, asked, dense, _ = case
    found = verdict(kind, asked, dense, dense)
    assert (found.loss, found.lost, found.gained) == (0, 0, 0)
    assert found.lower < 0 < found.upper
    assert found.outcome in ("passed", "inconclusive")


@settings(max_examples=50)
@given(cases())
def test_swapping_the_models_flips_the_sign(case: tuple[Metric, list[Sample], list[Score], list[Score]]) -> None:
    kind, asked, dense, compressed = case
    forth, back = verdict(kind, asked, dense, compressed), verdict(kind, asked, compressed, dense)
    assert linear(kind, forth.loss) == pytest.approx(-linear(kind, back.loss), rel=1e-9, abs=1e-9)
    if kind.family != "ratio" and abs(forth.loss) > 1e-9:
        assert (forth.lost, forth.gained) == (back.gained, back.lost)


@settings(max_examples=50)
@given(cases(), st.randoms(use_true_random=False))
def test_order_never_matters(case: tuple[Metric, list[Sample], list[Score], list[Score]], random: Any) -> None:
    kind, asked, dense, compressed = case
    order = list(range(len(asked)))
    random.shuffle(order)
    shuffled = [asked[i] for i in order], [dense[i] for i in order], [compressed[i] for i in order]
    assert verdict(kind, *shuffled) == verdict(kind, asked, dense, compressed)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=200), st.data())
def test_one_more_wrong_answer_never_lowers_the_upper_bound(
    answers: list[tuple[bool, bool]], data: st.DataObject
) -> None:
    def upper(compressed: list[bool]) -> float:
        return decide([dense for dense, _ in answers], compressed, tolerance=0.05).upper

    compressed = [value for _, value in answers]
    index = data.draw(st.integers(0, len(answers) - 1))
    worse = [value and place != index for place, value in enumerate(compressed)]
    assert upper(worse) >= upper(compressed) - 1e-11


@settings(max_examples=40)
@given(cases(), st.data())
def test_second_copies_within_a_cluster_change_nothing(
    case: tuple[Metric, list[Sample], list[Score], list[Score]], data: st.DataObject
) -> None:
    kind, asked, dense, compressed = case
    copied = data.draw(st.lists(st.integers(0, len(asked) - 1), max_size=len(asked), unique=True))
    again = [replace(asked[i], id=f"{asked[i].id}-again") for i in copied]
    more = [[*scores, *(scores[i] for i in copied)] for scores in (dense, compressed)]
    twice = verdict(kind, [*asked, *again], *more)
    assert twice.copies == len(copied)
    assert replace(twice, copies=0) == verdict(kind, asked, dense, compressed)


@settings(max_examples=40)
@given(cases(least=30))
def test_neighbours_that_agree_tell_no_more_than_one(
    case: tuple[Metric, list[Sample], list[Score], list[Score]],
) -> None:
    """Different questions of one cluster that are all answered alike: more samples, no more certainty.

    Of thirty clusters or more, which a verdict takes, and where not everybody loses the same: else nothing tells
    neighbours from strangers.
    """
    kind, asked, dense, compressed = case
    apart = [replace(sample, cluster=sample.id) for sample in asked]

    def beside(copies: int) -> Verdict:
        near = [
            replace(sample, id=f"{sample.id}-{copy}", prompt=f"{sample.prompt} {copy}")
            for copy in range(copies)
            for sample in apart
        ]
        return verdict(kind, near, dense * copies, compressed * copies)

    once, twice = beside(2), beside(4)
    if len({after[0] - before[0] for before, after in zip(dense, compressed, strict=True)}) > 1:
        assert twice.upper >= once.upper - 1e-9
        assert twice.lower <= once.lower + 1e-9
    assert twice.loss == pytest.approx(once.loss)


@settings(max_examples=40)
@given(cases(), st.data())
def test_one_sample_made_worse_never_lowers_the_estimate(
    case: tuple[Metric, list[Sample], list[Score], list[Score]], data: st.DataObject
) -> None:
    kind, asked, dense, compressed = case
    if isinstance(kind.better, Toward):
        return
    index = data.draw(st.integers(0, len(asked) - 1))
    step = -0.5 if kind.better == "higher" else 0.5
    value, weight = compressed[index]
    worse = (value + step * weight, weight)
    if kind.family == "binary":
        worse = (0.0 if kind.better == "higher" else 1.0, 1.0)
    low, high = kind.bounds
    if not low * weight <= worse[0] <= high * weight:
        return
    changed = [*compressed[:index], worse, *compressed[index + 1 :]]
    assert verdict(kind, asked, dense, changed).loss >= verdict(kind, asked, dense, compressed).loss - 1e-12


@settings(max_examples=40)
@given(cases())
def test_per_sample_and_set_level_paths_agree_on_means(
    case: tuple[Metric, list[Sample], list[Score], list[Score]],
) -> None:
    kind, asked, dense, compressed = case
    if kind.family not in ("mean", "generations"):
        return
    ratio = replace(kind, family="ratio")
    one, other = verdict(kind, asked, dense, compressed), verdict(ratio, asked, dense, compressed)
    assert (one.outcome, one.loss, one.lower, one.upper) == (other.outcome, other.loss, other.lower, other.upper)
