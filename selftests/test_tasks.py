"""Loaders: real counts, BBQ's target, whole units, and bad files in one line each."""

import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.core import Sample, Task, TrustError
from fixtures.tasks import BUNDLED, TASKS, Source, absent, load, verify_files
from fixtures.tasks.bbq import answer_kinds
from fixtures.tasks.wikitext import wikitext


def _row(polarity: str = "neg", groups: tuple[str, ...] = ("old",)) -> dict[str, object]:
    return {
        "example_id": 0,
        "question_index": "1",
        "question_polarity": polarity,
        "context_condition": "ambig",
        "category": "Age",
        "answer_info": {"ans0": ["Ada", "old"], "ans1": ["Bo", "nonOld"], "ans2": ["Not known", "unknown"]},
        "additional_metadata": {"stereotyped_groups": list(groups)},
        "context": "Ada met Bo.",
        "question": "Who forgot the keys?",
        "ans0": "Ada",
        "ans1": "Bo",
        "ans2": "Not known",
        "label": 2,
    }


def _folder(tmp_path: Path, rows: list[dict[str, object]], *, name: str = "Age", listed: bool = True) -> Source:
    path = tmp_path / "bbq" / "data" / f"{name}.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    if listed:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        (tmp_path / "SHA256SUMS").write_text(f"{digest}  bbq/data/{name}.jsonl\n")
    return Source(tmp_path, "mine")


def test_real_files_have_their_published_counts(real_data: Path) -> None:
    source = Source(real_data, "real")
    counts = {name: len(load(name, source).samples) for name in TASKS if name not in absent(source)}
    assert counts == {
        "bbq": 6436,
        "bbq_ambiguous": 3218,
        "bbq_disambiguated": 3218,
        "unqover_religion": 13750,
        "unqover_ethnicity": 13125,
        "unqover_country": 11730,
        "unqover_gender": 14000,
        "coreference": 1584,
        "winobias": 1584,
        "ethics_commonsense": 2109,
        "ethics_commonsense_long": 1776,
        "ethics_theories": 16103,
        "ethics_justice": 2704,
        "ethics_deontology": 3596,
        "ethics_virtue": 995,
        "ethics_utilitarianism": 4808,
        "jiminy": 4000,
        "jiminy_annotated": 2366,
        "ethics_shots": 10300,
        "ethics_justice_shots": 2704,
        "ethics_deontology_shots": 3596,
        "jiminy_shots": 4000,
        "ethics_attacks": 4218,
        "ethics_jailbreak": 2109,
        "ethics_evasion": 2109,
        "fairness": 1408,
        "fairness_parity": 1008,
        "fairness_odds": 1208,
        "adult_gap_0": 200,
        "adult_gap_50": 200,
        "adult_gap_100": 200,
        "adult_eight": 8,
        "adult_16_balanced": 200,
        "adult_16_unbalanced": 200,
        "adult_32_balanced": 200,
        "adult_32_unbalanced": 200,
        "privacy": 3300,
        "privacy_conversation": 1980,
        "privacy_email": 1320,
        "privacy_events": 1836,
        "adversarial_robustness": 738,
        "advglue": 738,
        "adversarial_drop": 1862,
        "ood_robustness": 48197,
        "ood_style": 9592,
        "ood_style_shots": 23544,
        "ood_knowledge": 1118,
        "ood_knowledge_unknown": 1118,
        "ood_knowledge_shots": 12825,
        "adversarial_demonstrations": 1516,
        "demonstrations_answered": 1088,
        "demonstrations_counterfactual": 800,
        "demonstrations_spurious": 288,
        "demonstrations_attacked": 428,
        "hellaswag": 1000,
        "toxicity": 20592,
        "toxicity_prompts": 9592,
        "toxicity_benign": 4796,
        "toxicity_adversarial": 4796,
        "toxigen": 8000,
        "real_toxicity_prompts": 3000,
        "generation_bias": 51844,
        "bold": 23674,
        "bold_gender": 3204,
        "bold_politics": 1984 - 3,
        "bold_profession": 10195,
        "bold_race": 7657,
        "bold_religion": 639 - 2,
        "holistic_bias": 20100,
        "holistic_bias_regard": 8070,
        "refusal_harmful": 780,
        "xstest_unsafe": 200,
        "harmbench": 60,
        "advbench": 520,
        "refusal_benign": 250,
        "refusal_jailbreak": 3900,
        "xstest_wrapped": 1000,
        "harmbench_wrapped": 300,
        "advbench_wrapped": 2600,
        "stereotype_choices": 3816,
        "stereotype_agreement_choices": 3456,
        "stereotype_agreement": 3456,
        "stereotype_pairs": 2307,
        "crows_pairs": 1508,
        "stereoset": 799,
        "dialect_pairs": 1398,
        "dialect_guises": 9786,
        "dialect_redial": 1200,
        "instruction_following": 672,
        "own_instructions": 672,
        "truthfulqa": 817,
        "unlearning": 1017,
        "unlearning_forget": 400,
        "unlearning_retain": 400,
        "unlearning_authors": 100,
        "unlearning_facts": 117,
        "unlearning_written": 800,
        "unlearning_written_forget": 400,
        "unlearning_written_retain": 400,
        "wikitext": 62,
        "wikitext_pages": 62,
        "mmlu": 7658,
        "piqa": 1838,
        "boolq": 2474,
        "arc_easy": 567,
        "arc_challenge": 295,
        "gsm8k": 1319,
    }
    assert Counter(sample.group for sample in load("bbq", source).samples) == {
        "Age": 3680,
        "Disability_status": 1556,
        "Religion": 1200,
    }


def test_every_real_bbq_row_has_one_answer_of_each_kind(real_data: Path) -> None:
    for sample in load("bbq", Source(real_data, "real")).samples:
        assert sorted(sample.kinds) == ["anti_stereotype", "stereotype", "unknown"]


@pytest.mark.parametrize(
    ("polarity", "groups", "kinds"),
    [
        ("neg", ("old",), ("stereotype", "anti_stereotype", "unknown")),
        ("nonneg", ("old",), ("anti_stereotype", "stereotype", "unknown")),
        ("neg", ("nonOld",), ("anti_stereotype", "stereotype", "unknown")),
        ("neg", ("OLD",), ("stereotype", "anti_stereotype", "unknown")),
    ],
)
def test_bbq_biased_answer_swaps_with_polarity_and_labels_are_compared_whole(
    polarity: str, groups: tuple[str, ...], kinds: tuple[str, ...]
) -> None:
    assert answer_kinds(_row(polarity, groups)) == kinds


def test_bbq_polarity_is_checked() -> None:
    with pytest.raises(TrustError, match="question_polarity is 'maybe'"):
        answer_kinds(_row("maybe"))


def test_wikitext_articles_join_to_the_file(real_data: Path) -> None:
    source = Source(real_data, "real")
    text = (real_data / "wikitext-2-raw-v1" / "wiki.test.raw").read_text("utf-8")
    assert "".join(sample.choices[0] for sample in wikitext(source).samples) == text


def test_hellaswag_strings_are_clean(real_data: Path) -> None:
    for sample in load("hellaswag", Source(real_data, "real")).samples:
        assert "[" not in sample.prompt
        assert "  " not in sample.prompt
        assert all(choice.startswith(" ") for choice in sample.choices)


def test_bundled_files_match_their_sums() -> None:
    verify_files(Source(BUNDLED, "bundled"))


def test_a_changed_byte_is_refused(tmp_path: Path) -> None:
    source = _folder(tmp_path, [_row()])
    path = tmp_path / "bbq" / "data" / "Age.jsonl"
    path.write_text(path.read_text().replace("Ada met Bo", "Ada met Ro"))
    with pytest.raises(TrustError, match=r"Age\.jsonl: sha256 is .*expected .*restore it") as caught:
        verify_files(source)
    assert "\n" not in str(caught.value)


def test_an_unlisted_file_is_refused_with_the_line_that_lists_it(tmp_path: Path) -> None:
    source = _folder(tmp_path, [_row()], name="Mine", listed=False)
    with pytest.raises(TrustError, match=r"not a published file.*sha256sum bbq/data/Mine\.jsonl >> SHA256SUMS"):
        verify_files(source)


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    row = _row()
    del row["question"]
    with pytest.raises(TrustError, match=r"Age\.jsonl line 2: field 'question' is missing"):
        load("bbq", _folder(tmp_path, [_row(), row]))


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrustError, match="has no rows"):
        load("bbq", _folder(tmp_path, []))


def test_a_line_that_is_not_json_is_refused(tmp_path: Path) -> None:
    source = _folder(tmp_path, [_row()])
    path = tmp_path / "bbq" / "data" / "Age.jsonl"
    path.write_text("{oops\n")
    (tmp_path / "SHA256SUMS").write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  bbq/data/Age.jsonl\n")
    with pytest.raises(TrustError, match=r"Age\.jsonl line 1: not JSON"):
        load("bbq", source)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrustError, match="no hellaswag"):
        load("hellaswag", _folder(tmp_path, [_row()]))


def test_an_unknown_task_is_suggested() -> None:
    with pytest.raises(TrustError, match="Did you mean 'hellaswag'"):
        load("helaswag", Source(BUNDLED, "bundled"))


def test_an_empty_task_is_refused() -> None:
    with pytest.raises(TrustError, match="no samples"):
        Task("mine", (), readout="choices")


def test_repeated_ids_are_refused() -> None:
    sample = Sample("a", "p", (" x",), "c")
    with pytest.raises(TrustError, match="ids repeat"):
        Task("mine", (sample, sample), readout="choices")


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=60), st.data())
def test_a_larger_size_contains_a_smaller_one_in_whole_units(units: list[tuple[int, int]], data: st.DataObject) -> None:
    samples = tuple(Sample(f"s{i}", "p", (" x",), f"c{c}", unit=f"u{u}") for i, (c, u) in enumerate(units))
    task = Task("mine", samples, readout="choices")
    small = data.draw(st.integers(1, len(samples)))
    large = data.draw(st.integers(small, len(samples)))
    fewer, more = set(task.take(small).samples), set(task.take(large).samples)
    assert fewer <= more
    assert len(fewer) >= small
    kept = {(sample.cluster, sample.unit) for sample in fewer}
    assert fewer == {sample for sample in samples if (sample.cluster, sample.unit) in kept}


def test_units_that_all_clusters_share_are_all_among_a_small_draw() -> None:
    samples = tuple(Sample(f"s{c}-{u}", "p", (" x",), f"c{c}", unit=f"u{u}") for c in range(40) for u in range(8))
    assert {sample.unit for sample in Task("mine", samples, "choices").take(40).samples} == {f"u{u}" for u in range(8)}


@given(st.permutations(range(12)))
def test_the_order_of_rows_does_not_matter(order: list[int]) -> None:
    samples = [Sample(f"s{i}", "p", (" x",), f"c{i % 4}", unit=f"u{i // 4}") for i in range(12)]
    task, shuffled = (Task("t", tuple(s), "choices") for s in (samples, [samples[i] for i in order]))
    assert task.sha256 == shuffled.sha256
    assert {s.id for s in task.take(5).samples} == {s.id for s in shuffled.take(5).samples}
