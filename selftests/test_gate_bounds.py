"""Bounds on means of clusters and on distances from an ideal: what they are, and that they hold their level."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import t as student_t

from fixtures.gate import bounds, toward

VALUES = st.lists(st.integers(-50, 50).map(lambda value: value / 10), min_size=2, max_size=40).map(np.array)


@settings(max_examples=50)
@given(VALUES, st.sampled_from([0.01, 0.05]))
def test_never_narrower_than_students_t(values: np.ndarray, alpha: float) -> None:
    count = len(values)
    expected = values.mean() + student_t.ppf(1 - alpha, count - 1) * values.std(ddof=1) / count**0.5
    assert bounds.upper(values, alpha) >= expected - 1e-9
    assert bounds.lower(values, alpha) == -bounds.upper(-values, alpha)


@settings(max_examples=50)
@given(VALUES, st.floats(0.1, 10), st.floats(-5, 5))
def test_follows_the_unit_and_the_origin(values: np.ndarray, unit: float, origin: float) -> None:
    moved = bounds.upper(values * unit + origin, 0.05)
    assert moved == pytest.approx(float(bounds.upper(values, 0.05)) * unit + origin, rel=1e-4, abs=1e-4)


def test_rows_are_judged_one_by_one() -> None:
    rows = np.random.default_rng(0).gamma(0.3, size=(4, 60))
    rows[2] = 0.25
    assert bounds.upper(rows, 0.05) == pytest.approx([float(bounds.upper(row, 0.05)) for row in rows], rel=1e-6)
    assert bounds.upper(rows, 0.05)[2] == 0.25


def test_likelihood_bound_solves_owens_equations() -> None:
    values = np.random.default_rng(1).exponential(size=50)
    spread = values - values.mean()
    found = float(bounds.likelihood(spread[None], 1.7)[0])
    residuals = spread - found
    tilt = brentq(lambda t: np.sum(residuals / (1 + t * residuals)), -0.999999 / residuals.max(), -1e-12)
    share = 1 / len(values) / (1 + tilt * residuals)
    skewness = (share @ residuals**3) / (share @ residuals**2) ** 1.5
    assert share.sum() == pytest.approx(1)
    assert share @ spread == pytest.approx(found)
    assert np.sqrt(-2 * np.log(len(values) * share).sum()) - skewness / 6 / len(values) ** 0.5 == pytest.approx(1.7)


def test_wild_bootstrap_follows_the_skewness() -> None:
    """Where damage is rare its absence is likely: the upper bound must reach farther than the lower one."""
    values = np.zeros(100)
    values[:8] = 1.0
    spread = ((values - values.mean()) / values.std(ddof=1) * 10)[None]
    normal = bounds.student_quantile(99, 0.05)
    assert bounds.wild(spread, 0.05)[0] > normal > bounds.wild(-spread, 0.05)[0]


def test_the_widest_of_three_binds_and_each_is_it_somewhere() -> None:
    generator = np.random.default_rng(3)
    binding = set()
    for values in (np.repeat([0.0, 1.0], [95, 5]), generator.gamma(0.2, size=60), -generator.gamma(0.2, size=60)):
        count, error = len(values), values.std(ddof=1) / len(values) ** 0.5
        spread, student = ((values - values.mean()) / error)[None], bounds.student_quantile(len(values) - 1, 0.05)
        widths = [student, float(bounds.wild(spread, 0.05)[0]), float(bounds.likelihood(spread, student)[0])]
        binding.add(int(np.argmax(widths)))
        unseen = (values.max() - values.mean()) / (count + 1)
        assert bounds.upper(values, 0.05) == pytest.approx(values.mean() + max(widths) * error + unseen), count
    assert binding == {0, 1, 2}


def test_one_damaged_cluster_of_a_hundred_is_bounded_like_a_proportion() -> None:
    """Neither t nor the wild bootstrap sees how easily it could have been three: 0.027 and 0.022, exactly 0.0466."""
    values = np.zeros(100)
    values[0] = 1.0
    assert bounds.upper(values, 0.05) == pytest.approx(0.048, abs=1e-3)


def test_the_max_t_bounds_all_rows_at_once() -> None:
    """Of five rows of noise the largest t exceeds one row's critical value in more than 5 % of samples."""
    generator = np.random.default_rng(4)
    alone, together = 0, 0
    for _ in range(400):
        rows = generator.normal(size=(5, 80))
        spread = (rows - rows.mean(1, keepdims=True)) / (rows.std(1, ddof=1, keepdims=True) / 80**0.5)
        t = -rows.mean(1) / (rows.std(1, ddof=1) / 80**0.5)
        alone += t.max() > bounds.student_quantile(79, 0.05)
        together += t.max() > bounds.max_t(spread, 0.05)
    assert together / 400 < 0.08 < alone / 400
    same = np.repeat(rows[:1], 5, axis=0)
    spread = (same - same.mean(1, keepdims=True)) / (same.std(1, ddof=1, keepdims=True) / 80**0.5)
    assert bounds.max_t(spread, 0.05) == pytest.approx(float(bounds.wild(spread[:1], 0.05)[0]))


def test_equal_values_are_left_to_the_caller() -> None:
    assert bounds.upper(np.full(30, 0.1), 0.05) == pytest.approx(0.1)
    assert bounds.upper(np.array([0.4]), 0.05) == 0.4


@settings(max_examples=50)
@given(VALUES, st.integers(0, 2**32 - 1))
def test_distance_bounds_hold_the_distance_and_know_no_sign(values: np.ndarray, seed: int) -> None:
    dense = np.random.default_rng(seed).permutation(values)
    loss = abs(values.mean()) - abs(dense.mean())
    low, high = toward.lower(dense, values, 0.01), toward.upper(dense, values, 0.05)
    assert low - 1e-9 <= loss <= high + 1e-9
    assert toward.upper(-dense, -values, 0.05) == pytest.approx(float(high), abs=1e-9)


@pytest.mark.parametrize("gap", [0.0, 0.02, 0.3])
def test_distance_bounds_hold_their_level_at_the_ideal_and_off_it(gap: float) -> None:
    """A bootstrap of the distance itself passes a true loss in more than 20 % of runs at gap 0."""
    generator = np.random.default_rng(2)
    dense = generator.normal(gap, 1.0, (1500, 150))
    compressed = dense + generator.normal(0.1, 0.5, dense.shape)
    assert np.mean(toward.upper(dense, compressed, 0.05) < 0.1) <= 0.065
    assert np.mean(toward.lower(dense, compressed, 0.01) > 0.1) <= 0.02
