"""Tango's interval against published examples, a brute-force likelihood and simulation."""

from math import sqrt
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import xlogy

from fixtures.gate import tango

PAIRS = st.integers(1, 400).flatmap(
    lambda n: st.integers(0, n).flatmap(lambda b: st.tuples(st.just(b), st.integers(0, n - b), st.just(n)))
)


@pytest.mark.parametrize(
    ("lost", "gained", "n", "alpha", "low", "high"),
    [
        # Airway reactivity before and after transplantation: Fagerland, Lydersen and Laake (2014), Statistics in
        # Medicine 33, table II.
        pytest.param(1, 7, 21, 0.025, -0.517, -0.026, id="airways"),
        # R's PropCIs, scoreci.mp(28, 25, 618, 0.9).
        pytest.param(25, 28, 618, 0.05, -0.0247, 0.0148, id="propcis"),
    ],
)
def test_published_intervals(lost: int, gained: int, n: int, alpha: float, low: float, high: float) -> None:
    digits = len(str(high).partition(".")[2])
    assert round(tango.lower(lost, gained, n, alpha), digits) == low
    assert round(tango.upper(lost, gained, n, alpha), digits) == high


def test_without_a_margin_it_is_mcnemars_statistic() -> None:
    assert tango.statistic(17, 5, 200, 0.0) == pytest.approx((17 - 5) / sqrt(17 + 5))


@pytest.mark.parametrize(("lost", "gained", "n"), [(3, 1, 50), (0, 4, 30), (12, 0, 90), (10, 12, 40), (0, 0, 25)])
@pytest.mark.parametrize("margin", [-0.2, -0.03, 0.02, 0.1, 0.4])
def test_statistic_matches_the_likelihood_maximised_by_brute_force(
    lost: int, gained: int, n: int, margin: float
) -> None:
    def unlikely(q: float) -> float:
        return -float(
            xlogy(lost, max(q + margin, 0)) + xlogy(gained, q) + xlogy(n - lost - gained, max(1 - 2 * q - margin, 0))
        )

    least, most = max(0.0, -margin), (1 - margin) / 2
    grid = np.linspace(least, most, 2001)
    best = grid[int(np.argmin([unlikely(q) for q in grid]))]
    step = (most - least) / 2000
    q = minimize_scalar(unlikely, bounds=(max(least, best - step), min(most, best + step)), options={"xatol": 1e-13}).x
    expected = (lost - gained - n * margin) / sqrt(n * (2 * q + margin - margin**2))
    assert tango.statistic(lost, gained, n, margin) == pytest.approx(expected, rel=1e-4)


@given(PAIRS, st.sampled_from([0.01, 0.025, 0.05, 0.2]))
def test_bound_is_the_last_loss_on_a_grid_that_is_not_rejected(pairs: tuple[int, int, int], alpha: float) -> None:
    lost, gained, n = pairs
    grid = np.linspace((lost - gained) / n, 1, 4001)[1:-1]
    score = tango.statistic(lost, gained, n, grid)
    kept = grid[score > NormalDist().inv_cdf(alpha)]
    bound = tango.upper(lost, gained, n, alpha)
    assert np.all(np.diff(score) <= 1e-9)
    assert (kept.max() if kept.size else (lost - gained) / n) <= bound + 1e-9
    assert bound <= (kept.max() if kept.size else (lost - gained) / n) + 2 * (1 - (lost - gained) / n) / 4000 + 1e-9


@given(PAIRS)
def test_swapping_the_models_mirrors_the_interval(pairs: tuple[int, int, int]) -> None:
    lost, gained, n = pairs
    assert tango.lower(lost, gained, n, 0.01) == -tango.upper(gained, lost, n, 0.01)
    assert tango.statistic(lost, gained, n, 0.1) == pytest.approx(-tango.statistic(gained, lost, n, -0.1), abs=1e-9)
    assert tango.lower(lost, gained, n, 0.05) - 1e-9 <= (lost - gained) / n <= tango.upper(lost, gained, n, 0.05) + 1e-9


@given(PAIRS)
def test_one_more_wrong_answer_never_lowers_the_upper_bound(pairs: tuple[int, int, int]) -> None:
    lost, gained, n = pairs
    before = tango.upper(lost, gained, n, 0.05)
    if lost + gained < n:
        assert tango.upper(lost + 1, gained, n, 0.05) >= before - 1e-11
    if gained:
        assert tango.upper(lost, gained - 1, n, 0.05) >= before - 1e-11


@pytest.mark.parametrize(("margin", "n"), [(0.02, 133), (0.01, 268)])
def test_tango_alone_passes_without_flips_from_the_documented_size(margin: float, n: int) -> None:
    assert tango.upper(0, 0, n, 0.05) < margin <= tango.upper(0, 0, n - 1, 0.05)


def test_coverage_by_simulation() -> None:
    generator = np.random.default_rng(5)
    counts = generator.multinomial(500, [0.045, 0.015, 0.94], size=40_000)
    missed = np.mean(tango.statistic(counts[:, 0], counts[:, 1], 500, 0.03) < -1.6448536)
    assert 0.045 < missed < 0.055
