"""IFEval's format, and prompts of our own: every one can be followed, and none by accident."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fixtures.core import TrustError
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
    given = Counter(json.loads(held)["id"] for sample in samples for held in sample.references)
    assert given.keys() == INSTRUCTIONS.keys()
    assert min(given.values()) == 28


def test_each_of_our_prompts_can_be_followed() -> None:
    for sample in load("own_instructions", HUB).samples:
        text = obey(sample)
        assert all(followed(text, sample)), (sample.prompt, sample.references, text)


@pytest.mark.parametrize("text", [POLITE, COMPLIES, DECLINES, "that is not known", "", "Yes"])
def test_none_of_our_prompts_is_followed_by_accident(text: str) -> None:
    for sample in load("own_instructions", HUB).samples:
        assert not all(followed(text, sample, loose=True)), (sample.prompt, text)


def test_our_prompts_say_what_is_checked() -> None:
    """Numbers and words that a rule looks for stand in the prompt; "two" is said in words."""
    for sample in load("own_instructions", HUB).samples:
        for held in map(json.loads, sample.references):
            told = [value for name, value in held.items() if name not in ("id", "language", "relation")]
            words = [word for value in told for word in (value if isinstance(value, list) else [value])]
            for word in set(words) - {2, "at least", "less than"}:
                assert str(word).lower() in sample.prompt.lower(), (sample.prompt, word)
