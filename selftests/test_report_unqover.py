"""UnQover's gamma, eta and mu from results.json, against cases worked out by hand and the metric's own mean."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.core import Response, Sample, TrustError
from fixtures.metrics import METRICS
from fixtures.report import write_results
from fixtures.report.__main__ import main
from fixtures.report.unqover import by_pair, comparisons, of_the_model, unqover_lines
from fixtures.tasks import Source, load
from selftests.documents import document

ORDERS = ("ab-is", "ab-not", "ba-is", "ba-not")
Leans = tuple[float, float, float, float]
"""Share of the counted subject less the other's, by ORDERS."""


def half(lean: float) -> list[float]:
    """Return two log-likelihoods whose shares differ by `lean`."""
    return [math.log((1 + lean) / 2), math.log((1 - lean) / 2)]


def made(
    *clusters: tuple[str, str, str, Leans], name: str = "unqover_religion"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a data set and answers: (counted subject, other, attribute, leans) a cluster."""
    questions, answers = {}, {}
    for number, (one, other, attribute, leans) in enumerate(clusters):
        for order, lean in zip(ORDERS, leans, strict=True):
            turn = -1 if order.startswith("ba") else 1
            key = f"unqover-religion-x-{number}-{order}"
            asked = f"One met another.\nQuestion: Who {attribute if order.endswith('is') else 'else'}?\nAnswer:"
            choices = [f" {one}", f" {other}"][::turn]
            questions[key] = {"prompt": asked, "choices": choices, "cluster": str(number)}
            answers[key] = half(lean)[::turn]
        questions[f"unqover-religion-x-{number}-control"] = {"prompt": "", "choices": [], "cluster": str(number)}
        answers[f"unqover-religion-x-{number}-control"] = [0.0, -1.0]
    return {"dataset": name, "questions": questions, "dense": answers}, answers


LEANING: Leans = (0.6, -0.2, 0.4, 0.0)  # C = (0.6 + 0.2 + 0.4 - 0.0) / 4 = 0.3
PLACE: Leans = (0.5, 0.5, -0.5, -0.5)  # only who is mentioned first counts: C = 0
AGAINST: Leans = (-0.2, 0.2, -0.2, 0.2)  # C = -0.2


def test_pairs_are_as_worked_out_by_hand() -> None:
    def pairs(*clusters: tuple[str, str, str, Leans]) -> dict[tuple[str, str], Any]:
        return {pair: pytest.approx(found) for pair, found in by_pair(comparisons(*made(*clusters))).items()}

    opposed = pairs(("Ada", "Bo", "hid", LEANING), ("Bo", "Ada", "hid", LEANING), ("Ada", "Cy", "ran", PLACE))
    assert opposed == {("Ada", "Bo"): (0.0, 0.0, 2), ("Ada", "Cy"): (0.0, 0.0, 1)}  # 0.3 and -0.3
    unlike = pairs(("Ada", "Bo", "hid", LEANING), ("Ada", "Bo", "ran", AGAINST))
    assert unlike == {("Ada", "Bo"): (0.05, 0.0, 2)}  # (0.3 - 0.2) / 2; one of each sign
    alike = pairs(("Bo", "Ada", "hid", LEANING), ("Bo", "Ada", "ran", LEANING))
    assert alike == {("Ada", "Bo"): (-0.3, -1.0, 2)}


def test_a_country_and_its_demonym_are_one_subject() -> None:
    """A template with a demonym offers it as option; the cluster's name says whose it is, in the options' order."""
    row, answers = made(("Ruritania", "Grand Fenwick", "hid", LEANING), ("Fenwickian", "Ruritanian", "hid", LEANING))
    names = "unqover-country-Ruritania-Grand_Fenwick-003", "unqover-country-Grand_Fenwick-Ruritania-017"
    for asked in row["questions"].values():
        asked["cluster"] = names[int(asked["cluster"])]
    found = by_pair(comparisons(row, answers))
    assert found.keys() == {("Grand Fenwick", "Ruritania")}
    assert found["Grand Fenwick", "Ruritania"] == pytest.approx((0.0, 0.0, 2))


def test_every_pair_of_the_real_lists_is_named_by_its_subjects(real: Source) -> None:
    for name, subjects in (("religion", 11), ("ethnicity", 15), ("country", 69)):
        samples = load(f"unqover_{name}", real).samples
        questions = {s.id: {"prompt": s.prompt, "choices": list(s.choices), "cluster": s.cluster} for s in samples}
        row = {"dataset": f"unqover_{name}", "questions": questions}
        found = comparisons(row, {s.id: [-1.0, -1.0] for s in samples})
        assert len({subject for one in found for subject in one.subjects}) == subjects
        assert len(by_pair(found)) == subjects * (subjects - 1) // 2


def test_the_models_numbers_are_as_worked_out_by_hand() -> None:
    """Ada: hid 0.3, ran -0.2. Bo: hid -0.3. Cy: ran 0.2. mu = (0.3 + 0.3 + 0.2) / 3; every sign is the same: eta 1."""
    found = comparisons(*made(("Ada", "Bo", "hid", LEANING), ("Ada", "Cy", "ran", AGAINST)))
    assert of_the_model(found) == pytest.approx((0.8 / 3, 1.0))
    # A second opinion of Bo turns the sign of half of Ada's "hid": (0.3 - 0.2) / 2, and the largest is "ran" now.
    mu, eta = of_the_model(
        comparisons(*made(("Ada", "Bo", "hid", LEANING), ("Ada", "Bo", "hid", AGAINST), ("Ada", "Cy", "ran", AGAINST)))
    )
    assert mu == pytest.approx((0.2 + 0.05 + 0.2) / 3)
    assert eta == pytest.approx((0.5 + 0.0 + 1.0) / 3)


Lean = st.floats(-0.99, 0.99)


@given(st.tuples(Lean, Lean, Lean, Lean))
def test_c_is_the_mean_of_the_metrics_scores(leans: Leans) -> None:
    row, answers = made(("Ada", "Bo", "hid", leans))
    scores = []
    for order in ORDERS:
        key = f"unqover-religion-x-0-{order}"
        kinds = ("anti_stereotype", "stereotype") if order in ("ab-not", "ba-is") else ("stereotype", "anti_stereotype")
        sample = Sample(key, "", tuple(row["questions"][key]["choices"]), "0", kinds=kinds)
        scores.append(METRICS["gamma"].score(sample, Response(key, tuple(answers[key]), (1, 1)))[0])
    (found,) = comparisons(row, answers)
    assert found.c == pytest.approx(sum(scores) / 4)


def test_women_are_one_subject() -> None:
    found = comparisons(*made(("Zoe", "Al", "hid", LEANING), ("Eve", "Max", "hid", LEANING), name="unqover_gender"))
    assert list(by_pair(found)) == [("a woman", "a man")]
    assert by_pair(found)["a woman", "a man"] == pytest.approx((0.3, 1.0, 2))


def test_impossible_options_and_missing_answers_are_no_error() -> None:
    row, answers = made(("Ada", "Bo", "hid", LEANING))
    never = {key: [0.0, None] if "ab" in key else [None, 0.0] for key in answers}
    (found,) = comparisons(row, never)
    assert found.c == 0.0  # whatever is asked, Ada is named
    assert comparisons(row, {key: [None, None] for key in answers})[0].c == 0.0
    assert comparisons(row, {key: value for key, value in answers.items() if "ba-not" not in key}) == []


def test_the_command_prints_methods_beside_the_dense_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row, _ = made(("Ada", "Bo", "hid", AGAINST))
    _, compressed = made(("Ada", "Bo", "hid", LEANING))
    held = {**document([], {}, "inconclusive"), "samples": [{**row, "compressed": {"rtn-2bit": compressed}}]}
    path = write_results(tmp_path / "results.json", held)
    assert main(["unqover", str(path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "unqover_religion rtn-2bit: mu 0.3000 (dense 0.2000), eta 1.0000 (dense 1.0000)",
        "  Ada against Bo: gamma +0.3000 (dense -0.2000), eta +1.0000 (dense -1.0000), 1 clusters",
    ]


def test_a_run_without_it_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TrustError, match="no answers to UnQover"):
        unqover_lines({})
    path = write_results(tmp_path / "results.json", document([], {}, "inconclusive"))
    assert main(["unqover", str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {path}: no answers to UnQover in it; judge with -k unqover")
