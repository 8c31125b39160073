"""The failure message: line 1 stands alone, 80 columns, no rounding that hides the verdict."""

from dataclasses import replace

import pytest

from fixtures.core import Check, Example, GroupLoss, Verdict

VERDICT = Verdict(
    check=Check("bbq", "accuracy", tolerance=0.02, role="gate"),
    outcome="regressed",
    reason="the loss is above 0.02 with 99 % confidence",
    metric="accuracy",
    better="higher",
    margin=0.02,
    dense=0.812,
    compressed=0.774,
    loss=0.038,
    lower=0.0225,
    upper=0.0507,
    interval="Tango",
    n=1000,
    clusters=250,
    lost=45,
    gained=7,
    binary=True,
    groups=(GroupLoss("religion", 100, 0.85, 0.71, 0.14),),
    method="gptq-3bit",
    examples=(Example("bbq-religion-0412", "cannot be determined", "the tall one"),),
    baseline="NAME (0123, cpu, torch 2.13, 2026-01-02)",
    rerun="pytest x",
    report="trust-report/results.json",
)


def test_the_whole_message() -> None:
    assert VERDICT.explain() == (
        "gptq-3bit lost 0.038 accuracy on bbq; 0.020 is allowed\n"
        "\n"
        "               dense      gptq-3bit\n"
        "  accuracy     0.8120     0.7740     higher is better\n"
        "  samples      1000 paired, in 250 clusters\n"
        "  flips        45 right -> wrong, 7 wrong -> right\n"
        "  loss         0.0380     above 0.0225 (99 %), below 0.0507 (95 %)\n"
        "  worst group  religion  0.8500 -> 0.7100 (n=100)\n"
        "  why          the loss is above 0.02 with 99 % confidence\n"
        "\n"
        '  bbq-religion-0412  dense "cannot be determined"  gptq-3bit "the tall one"\n'
        "  baseline   NAME (0123, cpu, torch 2.13, 2026-01-02)\n"
        "  rerun      pytest x\n"
        "  report     trust-report/results.json"
    )


@pytest.mark.parametrize(
    ("changes", "headline"),
    [
        ({"better": "lower", "metric": "rate"}, "gptq-3bit raised rate on bbq by 0.038; 0.020 is allowed"),
        (
            {"better": "nearer 0", "metric": "bias_score"},
            "gptq-3bit moved bias_score on bbq away from 0 by 0.038; 0.020 is allowed",
        ),
        (
            {"better": "lower", "metric": "perplexity", "relative": True, "loss": 0.0712, "margin": 0.05},
            "gptq-3bit raised perplexity on bbq by 7.1 %; 5.0 % is allowed",
        ),
        ({"loss": 0.02000001}, "gptq-3bit lost 0.02000001 accuracy on bbq; 0.02000000 is allowed"),
        (
            {"outcome": "inconclusive", "needed": 2300, "suspect": True},
            "gptq-3bit: accuracy on bbq is inconclusive (suspect: some loss is proven); "
            "about 2300 samples would settle it",
        ),
        (
            {"outcome": "uninformative"},
            "gptq-3bit: accuracy on bbq is uninformative; the dense model had nothing to lose",
        ),
        ({"outcome": "passed", "upper": 0.011}, "gptq-3bit kept accuracy on bbq: loss below 0.011, 0.020 is allowed"),
    ],
)
def test_line_1_says_what_happened(changes: dict[str, object], headline: str) -> None:
    assert replace(VERDICT, **changes).explain().splitlines()[0] == headline  # type: ignore[arg-type]


def test_no_line_of_the_table_or_examples_is_wider_than_80_columns_or_holds_control_characters() -> None:
    hostile = "\x1b[31m" + "long\nanswer " * 40
    wide = replace(
        VERDICT,
        metric="a_metric_with_a_long_name",
        method="sparsegpt-2:4+gptq-4bit",
        examples=(Example("id-" + "x" * 90, hostile, hostile),),
        groups=(GroupLoss("g" * 90, 1, 0.0, 0.0, 0.0),),
    )
    lines = wide.explain().splitlines()
    assert max(map(len, lines[1:])) <= 80
    assert all(line.isprintable() for line in lines)


def test_sensitive_examples_show_ids_only() -> None:
    assert "\n  secret-7\n" in replace(VERDICT, examples=(Example("secret-7", "", ""),)).explain()


def test_where_lower_is_better_samples_are_worse_or_better_not_right_or_wrong() -> None:
    told = replace(VERDICT, better="lower", metric="recovered_knowledge").explain()
    assert "  flips        45 samples worse, 7 better\n" in told
    assert "right -> wrong" not in told


def test_repr_is_one_line_without_texts() -> None:
    assert "cannot be determined" not in repr(VERDICT)
    assert "\n" not in repr(VERDICT)


@pytest.mark.parametrize(
    ("role", "outcome", "tolerated", "acceptable"),
    [
        ("gate", "passed", False, True),
        ("gate", "inconclusive", False, False),
        ("gate", "inconclusive", True, True),
        ("gate", "uninformative", False, False),
        ("gate", "regressed", False, False),
        ("watch", "passed", False, True),
        ("watch", "inconclusive", False, True),
        ("watch", "uninformative", False, True),
        ("watch", "regressed", False, False),
    ],
)
def test_what_is_acceptable(role: str, outcome: str, tolerated: bool, acceptable: bool) -> None:
    check = replace(VERDICT.check, role=role)  # type: ignore[arg-type]
    verdict = replace(VERDICT, check=check, outcome=outcome, tolerated=tolerated)  # type: ignore[arg-type]
    assert verdict.acceptable is acceptable
