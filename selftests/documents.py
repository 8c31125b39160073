"""Results documents as a run assembles them, without a run."""

from dataclasses import replace
from typing import Any

from fixtures.core import Check, Example, GroupLoss, Outcome, Verdict
from fixtures.report import assemble, finite, verdict_row

SHA = "0" * 64
Row = dict[str, Any]


def verdict(outcome: Outcome = "passed", *, loss: float = 0.001, role: str = "gate", text: str = "x") -> Verdict:
    """Return a verdict; `text` stands wherever a data set or a model could have written."""
    return Verdict(
        check=Check("bbq", "accuracy", tolerance=0.02, role="gate" if role == "gate" else "watch"),
        outcome=outcome,
        reason=text,
        metric="accuracy",
        better="higher",
        margin=0.02,
        dense=0.9,
        compressed=0.9 - loss,
        loss=loss,
        lower=loss - 0.005,
        upper=loss + 0.005,
        interval="Tango score",
        n=1000,
        clusters=1000,
        lost=3,
        gained=2,
        groups=(GroupLoss(text, 500, 0.9, 0.89, 0.01),),
        binary=True,
        examples=(Example(text, text, text),),
        churn=0.005,
        kl=0.001,
        coherence=(1.0, 0.99),
        mcnemar=0.5,
        baseline="reference",
        rerun="pytest",
    )


def row(method: str, check: str, judged: Verdict, dimension: str = "representational_harm", **values: Any) -> Row:
    identity = {
        "evidence_sha256": SHA,
        "artefact_sha256": SHA,
        "samples_sha256": SHA,
        "asked": judged.n,
        "dataset": "bbq",
        "quantized_reads": None,
        "quantized_share": None,
    }
    test = f"test_x.py::test_x[{method}-{check}]"
    named = verdict_row(replace(judged, method=method), test=test, dimension=dimension, identity=identity)
    return {**named, "check": check, "power": 0.9, "obstacle": None, **values}


def release(decision: str, because: str = "because", *, bits: float | None = 4.5, packed: int | None = 1000) -> Row:
    return {
        "decision": decision,
        "because": because,
        "about": "rounds",
        "artefact_sha256": SHA,
        "size_bytes": 5000,
        "packed_bytes": packed,
        "effective_bits": bits,
        "verified": {},
        "fidelity": fidelity(),
        "quadrant": {"name": "not known", "utility": None, "trust": None},
        "warnings": [],
    }


def fidelity(**values: Any) -> Row:
    """Return how far the answers of a method moved."""
    moved = {"samples": 6000, "churn": 0.094, "right_or_wrong": 6000, "lost": 461, "gained": 76, "flips": 0.0895}
    return {**moved, "choices": 6000, "kl": 0.2, "top1_agreement": 0.908, "limit": None, **values}


def scored(rows: list[Row], compressed: dict[str, float | None]) -> dict[str, Row]:
    """Return the same scores for every test; the dense model is right on all."""
    found = {"ids": [*compressed], "dense": [1.0] * len(compressed), "compressed": [*compressed.values()]}
    return {each["test"]: found for each in rows}


def document(
    rows: list[Row], releases: dict[str, Row], decision: str, *, text: str = "x", name: str = "reference", **parts: Any
) -> Row:
    """Return a whole document; `text` stands in every field that a model, a data set or a person writes."""
    question = {"prompt": text, "choices": [text, text], "target": 0, "group": text, "cluster": text}
    samples = {
        "dataset": "bbq",
        "sensitive": False,
        "readout": "choices",
        "questions": {f"{text}1": question},
        "dense": {f"{text}1": [-0.1, -2.0]},
        "compressed": {method: {f"{text}1": [-3.0, float("-inf")]} for method in releases},
    }
    provenance = {
        "model": {"name": name, "weights_sha256": SHA, "config_sha256": SHA, "tokenizer_sha256": SHA},
        "engine": {"name": "hf", "device": "cpu", "dtype": "float32"},
        "versions": {"torch": "2.13"},
        "settings": {"tier": "standard", "samples": None, "seeds": [0], "batch_tokens": None},
        "baseline": {"folder": name, "created": "2026-11-22"},
        "data": {"bbq": {"source": "bundled", "sha256": SHA, "samples": 1000}},
        "rendered": {"bbq": {"prompt": text, "template_sha256": None}},
    }
    return assemble(
        rows,
        parts.pop("errors", {}),
        {"decision": decision, "releases": releases},
        provenance,
        {"command": f"pytest {text}", "started": "2026-11-22T20:00:00+0000", "seconds": 1.0, "methods": {}},
        samples=[finite(samples)],
        policy={"on_inconclusive": "fail", "tolerances": None, "waivers": None, "require": [], "max_flips": None},
        **{"not_judged": ["Serving: measured in transformers."], **parts},
    )


def hostile(text: str) -> Row:
    """Return a document of two methods in which every foreign string is `text`."""
    waiver = {
        "reason": text,
        "owner": text,
        "expires": "2027-01-31",
        "max_loss": 0.05,
        "applied": True,
        "why_not": text,
    }
    methods = ("rtn-2bit", f"mine{text}")
    rows = [
        row(methods[0], f"bbq-accuracy-{text}", verdict("regressed", loss=0.3, text=text), text),
        row(methods[0], f"bbq-bias-{text}", verdict("regressed", loss=0.1, text=text), waiver=waiver),
        row(methods[1], f"bbq-accuracy-{text}", verdict(text=text), text, improved=True),
    ]
    releases = {methods[0]: release("regressed", text), methods[1]: release("ship", text, bits=8.5, packed=2000)}
    releases[methods[0]]["warnings"] = [text]
    return document(
        rows,
        releases,
        "regressed",
        text=text,
        name=f"model {text}",
        errors={f"test_x.py::test_y[{text}]": text},
        not_judged=[text, f"A check {text}: underpowered."],
        scores=scored(rows, {text: 1.0}),
    )
