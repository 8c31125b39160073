"""Groups as the rate of one algorithm grows: in which order, which checks, and what a reader sees of it."""

import re
from collections.abc import Sequence
from typing import Any

import pytest

from fixtures.core import GroupLoss
from fixtures.methods import list_methods
from fixtures.methods.rate import rate
from fixtures.report import markdown
from fixtures.report.html import render
from fixtures.report.judged import Judged
from fixtures.report.rates import series
from selftests.documents import document, release, row, verdict
from selftests.hostile import HOSTILE
from selftests.test_report_html import Page

Row = dict[str, Any]


@pytest.mark.parametrize(
    ("method", "algorithm", "value", "unit"),
    [
        ("rtn-2bit", "rtn", 2, "bits"),
        ("gptq-8bit", "gptq", 8, "bits"),
        ("quanto-int4", "quanto-int", 4, "bits"),
        ("quanto-float8", "quanto-float", 8, "bits"),
        ("magnitude-50", "magnitude", 50, "% zeros"),
        ("gptq-4bit-g32-sym", "gptq-g32-sym", 4, "bits"),
        ("llm-int8", "llm-int", 8, "bits"),
        ("sparsegpt-30", "sparsegpt", 30, "% zeros"),
    ],
)
def test_a_rate_is_read_off_the_name(method: str, algorithm: str, value: int, unit: str) -> None:
    assert rate(method) == (algorithm, value, unit)


def test_every_method_has_a_rate_but_those_that_have_no_single_one() -> None:
    without = {name for name in list_methods() if rate(name.replace("RATIO", "50")) is None}
    assert without == {"dense", "nf4", "fp8", "w8a8", "nvfp4"} | {name for name in list_methods() if ":" in name}


@pytest.mark.parametrize("text", HOSTILE)
def test_a_foreign_name_has_none(text: str) -> None:
    assert rate(f"rtn-2bit{text}") is None or not text


def judged(method: str, check: str, losses: dict[str, float], **values: Any) -> Row:
    groups = [GroupLoss(name, 100, 0.9, 0.9 - loss, loss) for name, loss in losses.items()]
    parts = [{name: getattr(part, name) for name in GroupLoss.__slots__} for part in groups]
    whole = sum(losses.values()) / max(1, len(losses))
    return row(method, check, verdict(loss=whole), **{"groups": parts, **values})


LOSSES = {"rtn-2bit": (0.4, 0.1), "rtn-8bit": (0.0, 0.001), "rtn-4bit": (0.02, 0.01)}


def rows() -> list[Row]:
    """Two checks over three rates, given in no order; the second hits its groups alike."""
    found = []
    for method, (old, young) in LOSSES.items():
        found.append(judged(method, "bbq-accuracy", {"young": young, "old": old}))
        found.append(judged(method, "toxigen-x", {"a": young, "b": young + 0.001}))
    return found


def test_rates_run_from_the_gentlest_and_the_least_alike_check_comes_first() -> None:
    (found,) = series(map(Judged, rows()))
    assert (found.algorithm, found.methods) == ("rtn", ("rtn-8bit", "rtn-4bit", "rtn-2bit"))
    assert found.labels == ("8 bits", "4 bits", "2 bits")
    assert [course.check for course in found.courses] == ["bbq-accuracy", "toxigen-x"]
    first = found.courses[0]
    assert (first.most.name, first.least.name) == ("old", "young")
    assert first.most.losses == ("+0.0000", "+0.0200", "+0.4000")
    assert first.spread == pytest.approx((0.4 - 0.1) / 0.02)
    assert first.whole.losses == ("+0.0005", "+0.0150", "+0.2500")


def test_zeros_grow_where_bits_fall() -> None:
    found = series(Judged(judged(f"magnitude-{n}", "bbq-accuracy", {"a": n, "b": 0.0})) for n in (70, 20, 50))
    assert found[0].methods == ("magnitude-20", "magnitude-50", "magnitude-70")


@pytest.mark.parametrize(
    "found",
    [
        [judged("rtn-2bit", "bbq-accuracy", {"a": 0.1, "b": 0.2})],
        [judged("rtn-2bit", "bbq-accuracy", {"a": 0.1, "b": 0.2}), judged("gptq-2bit", "bbq-accuracy", {"a": 0.1})],
        [judged(f"rtn-{n}bit", "bbq-accuracy", {"a": 0.1}) for n in (2, 4)],
        [judged(f"rtn-{n}bit", f"bbq-{n}", {"a": 0.1, "b": 0.2}) for n in (2, 4)],
        [judged(f"rtn-{n}bit", "bbq-accuracy", {"a": 0.1, "b": 0.2}, outcome="uninformative") for n in (2, 4)],
        [judged(f"magnitude-{n}", "bbq-accuracy", {"a": 0.1, "b": 0.2}) for n in ("2:4", "4:8")],
    ],
    ids=["one rate", "two algorithms", "one group", "another check", "nothing to lose", "patterns"],
)
def test_nothing_to_compare_is_nothing_shown(found: list[Row]) -> None:
    assert series(map(Judged, found)) == []
    made = document(found, {each["method"]: release("ship") for each in found}, "ship")
    assert "as the rate grows" not in markdown.render(made)
    assert "as the rate grows" not in render(made)


def test_a_gap_between_groups_repeats_nothing() -> None:
    twice = [*rows(), *(judged(m, "bbq-accuracy_gap", {"young": b, "old": a}, margin=0.03, role="watch")
                        for m, (a, b) in LOSSES.items())]  # fmt: skip
    (found,) = series(map(Judged, twice))
    assert [course.check for course in found.courses] == ["bbq-accuracy", "toxigen-x"]


def test_a_group_that_one_method_lacks_is_a_gap_in_its_line() -> None:
    gentle, hard = judged("rtn-8bit", "x", {"a": 0.1}), judged("rtn-2bit", "x", {"a": 0.1, "b": 0.2, "c": 0.0})
    (found,) = series([Judged(hard), Judged(gentle)])
    assert (found.courses[0].most.name, found.courses[0].most.losses) == ("b", ("-", "+0.2000"))
    gone = judged("rtn-8bit", "x", {"a": 0.1, "d": 0.0})
    assert series([Judged(hard), Judged(gone)])[0].courses[0].least.name == "c"
    render(document([hard, gone], {name: release("ship") for name in ("rtn-2bit", "rtn-8bit")}, "ship"))


def test_both_reports_show_whom_a_growing_rate_hits() -> None:
    made = document(rows(), {name: release("ship") for name in LOSSES}, "ship")
    text = markdown.render(made)
    assert "| check | group | `rtn-8bit` | `rtn-4bit` | `rtn-2bit` |" in text
    assert "| `bbq-accuracy` | most: old | +0.0000 | +0.0200 | +0.4000 |" in text
    page = render(made)
    assert "rtn: groups as the rate grows" in page
    assert 'aria-label="rtn: losses of the groups of bbq-accuracy"' in page
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_hostile_groups_stay_texts() -> None:
    def page(names: Sequence[str]) -> Page:
        losses = {name: 0.1 / place for place, name in enumerate(names, start=1)}
        found = [judged(f"rtn-{n}bit", "bbq-accuracy", losses) for n in (2, 4)]
        return Page(render(document(found, {f"rtn-{n}bit": release("ship") for n in (2, 4)}, "ship")))

    assert page(HOSTILE).markup == page([f"group {place}" for place in range(len(HOSTILE))]).markup
