"""results.json: what is worked out where all verdicts meet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.report.results import holm


def rows(*values: float | None, method: str = "m") -> list[dict[str, object]]:
    return [{"method": method, "mcnemar": value} for value in values]


def test_holm_adjusts_within_a_method() -> None:
    """Worked by hand: 0.01 x 3, 0.02 x 2, then 0.04 no smaller than the one before."""
    found = holm([*rows(0.04, 0.01, None, 0.02), *rows(0.01, method="other")])
    assert found == [pytest.approx(0.04), pytest.approx(0.03), None, pytest.approx(0.04), pytest.approx(0.01)]


@given(st.lists(st.floats(0, 1), max_size=12))
def test_an_adjusted_p_is_no_smaller_and_keeps_the_order(values: list[float]) -> None:
    found = [p for p in holm(rows(*values)) if p is not None]
    assert all(value <= p <= 1 for value, p in zip(values, found, strict=True))
    assert [found[i] for i in sorted(range(len(values)), key=values.__getitem__)] == sorted(found)
