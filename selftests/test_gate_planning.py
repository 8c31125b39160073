"""Power before any model runs, against the numbers in the blueprint's statistics.md."""

import subprocess
import sys
import time
from dataclasses import replace
from itertools import product
from statistics import NormalDist

import numpy as np
import pytest
from scipy.stats import binom

from fixtures.core import Check, Metric, Toward, TrustError
from fixtures.gate import cannot_pass, power, release_power, samples_for, tango
from selftests.gate_cases import PERPLEXITY, decide, flipped, metric, samples


@pytest.mark.parametrize(("n", "flips"), [(150, 0.0), (160, 0.05), (300, 0.02)])
def test_power_is_the_sum_over_all_flips(n: int, flips: float) -> None:
    expected = sum(
        binom.pmf(lost, n, flips / 2) * binom.pmf(gained, n - lost, flips / 2 / (1 - flips / 2))
        for lost, gained in product(range(40), range(40))
        if tango.statistic(lost, gained, n, 0.02) < -1.6448536
    )
    assert power(n, flips, 0.02) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("flips", "n", "twelve", "thirty"), [(0.05, 1000, 0.18, 0.01), (0.01, 400, 0.52, 0.19), (0.05, 3000, 0.99, 0.98)]
)
def test_release_power_of_the_documented_table(flips: float, n: int, twelve: float, thirty: float) -> None:
    assert release_power([(n, flips, 0.02)] * 12) == pytest.approx(twelve, abs=0.01)
    assert release_power([(n, flips, 0.02)] * 30) == pytest.approx(thirty, abs=0.01)


@pytest.mark.parametrize(
    ("checks", "flips", "documented"),
    [(12, 0.01, 538), (12, 0.02, 827), (12, 0.05, 1803), (16, 0.01, 555), (16, 0.02, 871), (16, 0.05, 1919)],
)
def test_documented_sizes_are_enough_and_hardly_more(checks: int, flips: float, documented: int) -> None:
    """The document's search stopped within 1.5 % of the least size from which on power holds."""
    wanted = 0.8 ** (1 / checks)
    assert release_power([(documented, flips, 0.02)] * checks) >= 0.8
    least = samples_for(wanted, flips, 0.02)
    assert documented == pytest.approx(least, rel=0.015)
    assert power(least - 1, flips, 0.02) < wanted <= min(power(n, flips, 0.02) for n in range(least, least + 40))


def test_a_size_is_given_from_which_on_power_never_falls_again() -> None:
    wanted = 0.8 ** (1 / 6)
    reached = [power(n, 0.005, 0.02) >= wanted for n in range(290, 400)]
    assert reached[300 - 290]
    assert not reached[327 - 290]
    assert all(reached[328 - 290 :])
    assert samples_for(wanted, 0.005, 0.02) == 328


@pytest.mark.parametrize(("margin", "n"), [(0.02, 149), (0.01, 299)])
def test_without_flips_the_rule_of_three_decides(margin: float, n: int) -> None:
    assert samples_for(0.99, 0.0, margin) == n
    assert power(n - 1, 0.0, margin) == 0
    for size, outcome in ((n, "passed"), (n - 1, "inconclusive")):
        assert decide(*flipped(size, 0, 0), tolerance=margin).outcome == outcome
        check = Check("made-up", metric(), tolerance=margin)
        assert (cannot_pass(check, metric(), samples(size)) is None) == (outcome == "passed")


def test_first_guess_of_the_document_is_too_small_below_five_percent_flips() -> None:
    quantile = NormalDist().inv_cdf(0.8 ** (1 / 12))
    for flips, enough in ((0.01, False), (0.05, True)):
        guess = round((1.645 + quantile) ** 2 * flips / 0.02**2)
        assert (power(guess, flips, 0.02) > 0.97) == enough


@pytest.mark.parametrize("arguments", [(0, 0.1, 0.02), (100, -0.1, 0.02), (100, 1.1, 0.02), (100, 0.1, 0.0)])
def test_impossible_plans_are_refused(arguments: tuple[int, float, float]) -> None:
    with pytest.raises(TrustError, match="power of n="):
        power(*arguments)


def test_power_at_certain_flips() -> None:
    assert power(200, 1.0, 0.5) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "count", "clusters", "tolerance", "reason"),
    [
        (metric(), 29, None, 0.5, "29 samples are too few for any verdict, which takes 30"),
        (metric(), 49, None, 0.2, "49 samples are too few to pass, which takes 50"),
        (metric(), 50, None, 0.2, None),
        (metric(), 400, 99, 0.2, "99 clusters are too few to pass, which takes 100"),
        (metric(), 400, 100, 0.2, None),
        (metric("mean"), 99, None, 0.5, "99 samples are too few to pass, which takes 100"),
        (metric(better=Toward(0.5)), 99, None, 0.5, "99 samples are too few to pass, which takes 100"),
        (metric("mean", Toward(0.0), (-1.0, 1.0)), 298, None, 0.02, "299 would do"),
        (metric("mean", Toward(0.0), (-1.0, 1.0)), 299, None, 0.02, None),
        (metric(), 590, 148, 0.02, "149 would do"),
        (PERPLEXITY, 100, None, 0.01, None),
    ],
)
def test_what_cannot_pass_says_why(
    kind: Metric, count: int, clusters: int | None, tolerance: float, reason: str | None
) -> None:
    found = cannot_pass(Check("made-up", kind, tolerance=tolerance), kind, samples(count, clusters))
    assert found is None if reason is None else reason in str(found)


def test_uneven_clusters_count_for_less() -> None:
    asked = samples(200, 110)
    asked = [replace(sample, cluster="c00000") if index >= 170 else sample for index, sample in enumerate(asked)]
    reason = cannot_pass(Check("made-up", metric(), tolerance=0.1), metric(), asked)
    assert reason == "110 clusters of uneven size, worth 31 even ones, are too few to pass, which takes 100"


def test_planning_needs_neither_torch_nor_scipy() -> None:
    code = (
        "import sys; import fixtures.metrics; from fixtures.gate import cannot_pass, release_power; "
        "release_power([(1000, .05, .02)]); sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_power_predicts_simulated_passes() -> None:
    generator = np.random.default_rng(6)
    changed = generator.binomial(700, 0.03, 20_000)
    lost = generator.binomial(changed, 0.5)
    passed = np.mean(tango.statistic(lost, changed - lost, 700, 0.02) < -1.6448536)
    assert passed == pytest.approx(power(700, 0.03, 0.02), abs=0.01)


def test_large_samples_are_planned_at_once_and_agree_with_enumeration() -> None:
    """Tolerances of a tenth of a point take tens of thousands of samples: enumeration would take minutes."""
    start = time.process_time()
    n = samples_for(0.8, 0.01, 0.001)
    assert time.process_time() - start < 0.5
    assert n == pytest.approx(0.01 * (1.6449 + 0.8416) ** 2 / 0.001**2, rel=1e-3)
    assert power(n, 0.01, 0.001) == pytest.approx(0.8, abs=0.01)
    assert power(8001, 0.01, 0.004) == pytest.approx(power(7999, 0.01, 0.004), abs=0.02)
