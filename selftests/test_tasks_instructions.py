"""IFEval's format, and prompts of our own: every one can be followed, and none by accident."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.core import Response, TrustError
from fixtures.gate.chance import chance_level
from fixtures.metrics import METRICS
from fixtures.scorers import Panel
from fixtures.scorers.instructions import followed
from fixtures.scorers.instructions.rules import INSTRUCTIONS
from fixtures.tasks import BUNDLED, Draw, Source, absent, load
from selftests.data_folders import write
from selftests.obedient import obey
from selftests.writers import COMPLIES, DECLINES, POLITE

FILE = "ifeval/input_data.jsonl"
HUB = Source(None, "hub")
ROWS: list[dict[str, Any]] = [
    {
        "key": 7,
        "prompt": "Praise tea in two bullet points.",
        "instruction_id_list": ["detectable_format:number_bullet_lists"],
        "kwargs": [{"num_bullets": 2}],
    },
    {
        # As the hub's table has it: every argument, most of them null, and whole numbers that may be floats.
        "key": 8,
        "prompt": "Praise tea in three words, in quotation marks.",
        "instruction_id_list": ["startend:quotation", "length_constraints:number_words"],
        "kwargs": [
            {"num_words": None, "relation": None, "keywords": None},
            {"num_words": 4.0, "relation": "less than", "keywords": None},
        ],
    },
]


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_a_file_in_ifevals_format_is_read(tmp_path: Path) -> None:
    one, other = load("ifeval", write(tmp_path, {FILE: lines(*ROWS)})).samples
    assert (one.id, one.prompt, one.group) == ("ifeval-7", ROWS[0]["prompt"], "detectable_format")
    assert other.group == "several"
    assert followed("* hot\n* good", one) == (True,)
    assert followed('"Tea is good"', other) == (True, True)
    assert followed('"Tea is hot and good"', other) == (True, False)


def test_both_sets_are_one_pool(tmp_path: Path) -> None:
    pool = load("instruction_following", write(tmp_path, {FILE: lines(*ROWS)}))
    assert len(pool.samples) == 672 + 2
    assert not pool.own
    assert load("instruction_following", HUB).own
    assert len(load("instruction_following", HUB, Draw("smoke")).samples) == 60


def test_the_file_is_the_users_to_add() -> None:
    assert "ifeval" in absent(HUB)
    assert not {"instruction_following", "own_instructions"} & set(absent(HUB))
    assert {"instruction_following", "own_instructions", "ifeval"} <= set(absent(Source(BUNDLED, "bundled")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"instruction_id_list": ["detectable_format:poem"]}, "no instruction 'detectable_format:poem'"),
        ({"kwargs": [{"num_bulets": 2}]}, "takes num_bullets; look at 'num_bulets'"),
        ({"kwargs": []}, "shorter"),
        ({"instruction_id_list": []}, "it gives no instruction"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(
        TrustError, match=rf"input_data\.jsonl line 2: not in the format of IFEval.*{message}"
    ) as caught:
        load("ifeval", write(tmp_path, {FILE: lines(ROWS[1], {**ROWS[0], **change})}))
    assert "\n" not in str(caught.value)


def test_our_prompts_ask_for_every_kind_of_many_topics() -> None:
    samples = load("own_instructions", HUB).samples
    assert len(samples) == len({sample.prompt for sample in samples}) == 672
    assert set(Counter(sample.cluster for sample in samples).values()) == {4}
    held = Counter(json.loads(one)["id"] for sample in samples for one in sample.references)
    assert held.keys() == INSTRUCTIONS.keys()
    assert min(held.values()) == 28


def test_each_of_our_prompts_can_be_followed() -> None:
    for sample in load("own_instructions", HUB).samples:
        text = obey(sample)
        assert all(followed(text, sample)), (sample.prompt, sample.references, text)


PLAIN = (POLITE, COMPLIES, DECLINES, "that is not known", "", "Yes")
ECHOES = ("{}", "{0}\n{0}\n{0}\n", "Sure! {0} {0}", '"{}"', "User: {}\nAssistant:", "\n {}\n***\n{}")


@pytest.mark.parametrize("text", PLAIN)
def test_none_of_our_prompts_is_followed_by_accident(text: str) -> None:
    for sample in load("own_instructions", HUB).samples:
        assert not all(followed(text, sample, loose=True)), (sample.prompt, text)


@pytest.mark.parametrize("spoken", [str, str.lower, str.upper], ids=["as it is", "lower", "upper"])
@pytest.mark.parametrize("echo", ECHOES)
def test_none_of_our_prompts_is_followed_by_saying_it_back(echo: str, spoken: Callable[[str], str]) -> None:
    """The words and marks that a rule looks for stand in the prompt."""
    for sample in load("own_instructions", HUB).samples:
        text = echo.format(*[spoken(sample.prompt)] * 2)
        assert not all(followed(text, sample, loose=True)), text


@given(st.integers(1, 60), st.integers(2, 5))
def test_a_loop_of_the_prompt_may_be_cut_anywhere(cut: int, rounds: int) -> None:
    sample = load("own_instructions", HUB).samples[3]
    assert len(sample.prompt) > 60
    assert not any(followed((sample.prompt + "\n") * rounds + sample.prompt[:-cut], sample))


def test_an_answer_behind_its_prompt_is_read() -> None:
    for sample in load("own_instructions", HUB).samples:
        assert followed(f"{sample.prompt}{obey(sample)}", sample) == followed(obey(sample), sample)


@pytest.mark.parametrize("metric", ["prompt_strict", "prompt_loose", "instruction_strict", "instruction_loose"])
def test_chance_is_what_an_answer_that_minds_nothing_scores(metric: str, tmp_path: Path) -> None:
    """A prompt of three instructions weighs three times as much, by chance as in the score."""
    task = load("own_instructions", HUB)
    assert len({len(sample.references) for sample in task.samples}) > 1
    blind = {sample.id: Response.written(sample.id, ["that is not known"], [True], [4]) for sample in task.samples}
    marked = Panel({}, True, "cpu", tmp_path, print).marked(task, blind)
    scores = [METRICS[metric].score(sample, marked[sample.id]) for sample in task.samples]
    found = chance_level(METRICS[metric], task.samples, [weight for _, weight in scores])
    assert found == pytest.approx(sum(score for score, _ in scores) / sum(weight for _, weight in scores))
    assert (found == 0) == metric.startswith("prompt")


def test_our_prompts_say_what_is_checked() -> None:
    """Numbers and words that a rule looks for stand in the prompt; "two" is said in words."""
    for sample in load("own_instructions", HUB).samples:
        for held in map(json.loads, sample.references):
            told = [value for name, value in held.items() if name not in ("id", "language", "relation")]
            words = [word for value in told for word in (value if isinstance(value, list) else [value])]
            for word in set(words) - {2, "at least", "less than"}:
                assert str(word).lower() in sample.prompt.lower(), (sample.prompt, word)
