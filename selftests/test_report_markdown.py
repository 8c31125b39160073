"""report.md and the model card: what a reviewer reads first, and what several methods come to."""

import pytest
import yaml

from fixtures.report import badge, card, markdown
from fixtures.report.comparison import candidates, front, recommendation, recommended
from fixtures.report.not_judged import not_judged
from fixtures.report.sentence import sentence
from selftests.documents import Row, document, release, row, verdict


def three() -> Row:
    """A method that ships, a smaller one that does not, and one that is larger and worse than the first."""
    rows = [
        row("small", "bbq-accuracy", verdict("regressed", loss=0.1)),
        row("middle", "bbq-accuracy", verdict(loss=0.004)),
        row("large", "bbq-accuracy", verdict(loss=0.008)),
        row("large", "hellaswag-accuracy_norm", verdict(loss=0.018), "utility"),
        row("dense", "bbq-accuracy", verdict(loss=0.0)),
    ]
    releases = {
        "large": release("ship", bits=8.0, packed=3000),
        "small": release("regressed", bits=2.5, packed=1000),
        "middle": release("ship", bits=4.5, packed=2000),
        "dense": release("ship", bits=None, packed=None),
    }
    return document(rows, releases, "regressed")


def test_line_1_is_the_decision_and_stands_alone() -> None:
    rows = [row("rtn-2bit", "bbq-accuracy", verdict("regressed", loss=0.3))]
    made = document(rows, {"rtn-2bit": release("regressed", "1 check regressed: bbq-accuracy")}, "regressed")
    assert markdown.render(made).splitlines()[0] == (
        "**Do not ship (regressed): rtn-2bit of reference: 1 check regressed: bbq-accuracy; "
        "worst, bbq-accuracy lost 0.3000 where 0.0200 is allowed.**"
    )
    assert sentence(document([], {}, "broken") | {"because": "no run"}) == "Not judged (broken): no run."


def test_the_worst_share_of_its_tolerance_comes_first_and_the_table_stays_short() -> None:
    rows = [row("m", f"bbq-accuracy-{i:02}", verdict(loss=0.0001 * i)) for i in range(40)]
    text = markdown.render(document(rows, {"m": release("ship")}, "ship"))
    table = [line for line in text.splitlines() if line.startswith("| passed")]
    assert len(table) == markdown.ROWS
    assert "bbq-accuracy-39" in table[0]
    assert "20 more checks are in results.json" in text
    assert "### Methods" not in text


def test_several_methods_are_compared_and_one_is_recommended() -> None:
    found = candidates(three())
    assert [one.method for one in found] == ["small", "middle", "large", "dense"]
    assert [one.method for one in front(found)] == ["small", "middle"]
    assert (best := recommended(found)) is not None
    assert best.method == "middle"
    assert found[2].worst == pytest.approx(0.4)
    assert found[2].worst_utility == pytest.approx(0.9)
    text = markdown.render(three())
    assert "Recommendation: middle, the smallest that ships (2.00 kB). It was selected from 3 methods" in text
    assert "confirm it on samples that were not used for choosing" in text
    assert text.splitlines()[0].startswith("**Do not ship (regressed), as the worst of 4 methods of reference: ship ")


def test_nothing_is_recommended_where_nothing_ships() -> None:
    made = three()
    made["releases"] = {name: {**facts, "decision": "inconclusive"} for name, facts in made["releases"].items()}
    assert recommendation(candidates(made)) == "Recommendation: none of these methods ships."


def test_waivers_errors_and_what_was_not_judged_are_listed() -> None:
    waiver = {
        "reason": "demo",
        "owner": "ana@example.org",
        "expires": "2027-01-31",
        "max_loss": 0.05,
        "applied": True,
        "why_not": "",
    }
    rows = [row("m", "bbq-accuracy", verdict("regressed", loss=0.03), waiver=waiver)]
    made = document(rows, {"m": release("ship")}, "ship", errors={"t": "no data"}, not_judged=["Serving: not."])
    text = markdown.render(made)
    assert "- `bbq-accuracy` (`m`): accepted; ana@\u200bexample.org until 2027-01-31: demo" in text
    assert "- `t`: no data" in text
    assert "- Serving: not." in text
    assert "| waived | `bbq-accuracy` |" in text


def test_the_badge_and_the_card_say_the_decision() -> None:
    made = three()
    assert '<title id="title">Trust: Do not ship (regressed)' in badge.render(made)
    text = card.render(made)
    assert text.startswith('---\nmodel-index:\n- name: "reference large"\n')
    assert "### `middle`\n\nShip; 4.50 bits a weight, scales included; 2.00 kB packed." in text


@pytest.mark.parametrize("value", [0.0, 1e-05, 2.5e-7, 0.1, 1e22, 152.2, -3e-9])
def test_the_card_s_numbers_are_read_back_as_they_are(value: float) -> None:
    made = document([row("m", "a", verdict(), compressed=value)], {"m": release("ship")}, "ship")
    front = yaml.safe_load(card.render(made).split("---\n")[1])
    assert front["model-index"][0]["results"][0]["metrics"][0]["value"] == value


def test_a_run_without_verdicts_has_reports_too() -> None:
    made = document([], {}, "inconclusive") | {"because": "no check was selected", "provenance": {}, "run": {}}
    assert markdown.render(made).startswith("**Not approved (inconclusive): no check was selected.**\n")
    assert "model-index: []" in card.render(made)
    assert "inconclusive" in badge.render(made)


@pytest.mark.parametrize(
    ("judged", "values", "said"),
    [
        ("uninformative", {}, "bbq-accuracy (harm): uninformative"),
        ("inconclusive", {"power": 0.31}, "underpowered, a lossless compression passes with 1000 samples in 31 %"),
        ("inconclusive", {"obstacle": "29 clusters"}, "could not have passed here even without a loss: 29 clusters."),
        ("passed", {"foreign": "dtype"}, "the baseline is FOREIGN"),
    ],
)
def test_what_a_check_does_not_judge_is_a_sentence(judged: str, values: Row, said: str) -> None:
    rows = [row("m", "bbq-accuracy", verdict(judged), "harm", **values)]  # type: ignore[arg-type]
    found = not_judged(rows, dimensions=["harm"])
    assert len(found) == 2
    assert said in found[0]
    assert found[1] == "Serving: measured in transformers, not in a serving engine."


def test_what_the_run_does_not_judge_is_a_sentence_each() -> None:
    found = not_judged([], errors=2, dimensions=["utility"], tier="smoke", demo=True)
    assert [line.split()[0] for line in found] == ["Everything:", "Approval:", "2", "Dimension", "Serving:"]
    assert not_judged([row("m", "a", verdict(), power=0.1)]) == found[-1:]
