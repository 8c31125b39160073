"""Churn, divergence and coherence: what they are on responses whose values are known."""

from math import exp, inf, isfinite, log

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from fixtures.core import Response, Sample
from fixtures.fidelity import Fidelity, changes, divergence, fidelity

LIKELIHOODS = st.lists(st.floats(-50, 0), min_size=2, max_size=6)


def asked(count: int) -> list[Sample]:
    return [Sample(f"s{i}", "", (" a", " b", " c"), f"s{i}", target=0) for i in range(count)]


def answers(*rows: tuple[float, ...]) -> dict[str, Response]:
    return {f"s{i}": Response(f"s{i}", row, (1,) * len(row)) for i, row in enumerate(rows)}


def test_churn_counts_wrong_answers_that_turn_into_other_wrong_ones() -> None:
    dense = answers((-1.0, -2.0, -3.0), (-3.0, -1.0, -2.0), (-3.0, -1.0, -2.0))
    compressed = answers((-1.0, -2.0, -3.0), (-3.0, -2.0, -1.0), (-3.0, -1.0, -2.0))
    assert fidelity(asked(3), dense, compressed).churn == pytest.approx(1 / 3)


@given(LIKELIHOODS, st.data())
def test_divergence_is_scipys_and_never_negative(dense: list[float], data: st.DataObject) -> None:
    compressed = data.draw(st.lists(st.floats(-50, 0), min_size=len(dense), max_size=len(dense)))
    found = divergence(tuple(dense), tuple(compressed))
    p, q = [exp(value) for value in dense], [exp(value) for value in compressed]
    assert found >= 0
    assert isfinite(found)
    assert found == pytest.approx(float(entropy(p, q)), rel=1e-6, abs=1e-9)


def test_divergence_knows_no_common_factor_and_survives_tiny_likelihoods() -> None:
    assert divergence((-1000.0, -1001.0), (-5.0, -6.0)) == pytest.approx(0, abs=1e-12)
    assert divergence((log(0.5), log(0.5)), (log(0.5), -inf)) == inf
    assert divergence((-inf, -inf), (-inf, -inf)) == 0


def test_a_tie_is_no_clear_answer() -> None:
    tied = answers((-1.0, -1.0, -2.0), (-1.0, -2.0, -3.0))
    clear = answers((-1.0, -1.5, -2.0), (-1.0, -2.0, -3.0))
    assert fidelity(asked(2), clear, tied).coherence == (1.0, 0.5)


def test_a_text_without_options_has_none_of_them() -> None:
    text = [Sample("s0", "", ("a text",), "s0")]
    assert fidelity(text, answers((-9.0,)), answers((-8.0,))) == Fidelity()


def test_changes_are_told_in_one_clause() -> None:
    told = changes(answers((-1.0, -2.0), (-1.0, -2.0)), answers((-1.0, -2.0), (-2.5, -2.0)))
    assert told == "1 answers changed, log-likelihoods moved by at most 1.5"
