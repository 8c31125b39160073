"""What each method leaves of the embedded model: gate checks against methods, as a table and a picture.

    pytest --model=reference --data=bundled --method=rtn-8bit --method=gptq-4bit ...
    python -m benchmarks.reference_matrix trust-report/results.json

Writes reference_matrix.md and reference_matrix.svg beside this file. Everything shown is read from that run.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fixtures.report.results import Row, read_results

PAGE = Path(__file__).with_suffix(".md")
PICTURE = Path(__file__).with_suffix(".svg")
ALSO = "wikitext-perplexity"
"""A watch check that is shown too: perplexity moves first."""
INK, PAPER = "#1f2328", "#ffffff"
LOOKS = {
    "passed": ("o", "#009e73"), "regressed": ("X", "#d55e00"), "inconclusive": ("s", "#e69f00"),
    "uninformative": ("D", "#999999"),
}  # fmt: skip
"""Mark and colour (Okabe and Ito) of each outcome; the shapes differ for those who see no colour."""
Cells = dict[str, dict[str, Row]]
"""Verdicts by check, then by method."""


def cells(results: Row) -> Cells:
    """Return the gate checks and ALSO of one run, in its order."""
    found: Cells = {}
    for verdict in results["verdicts"]:
        if verdict["role"] == "gate" or verdict["check"] == ALSO:
            found.setdefault(verdict["check"], {})[verdict["method"]] = verdict
    return found


def table(results: Row, shown: Cells) -> str:
    """Return Markdown: the loss in each cell, with its outcome unless that is `passed`."""
    methods = list(results["releases"])
    lines = [f"| gate check | dense | {' | '.join(methods)} |", f"|---|---:|{'---:|' * len(methods)}"]
    for check, verdicts in shown.items():
        dense = next(iter(verdicts.values()))["dense"]
        losses = " | ".join(_cell(verdicts.get(method)) for method in methods)
        lines.append(f"| `{check}`{' (watch)' if check == ALSO else ''} | {dense:.3f} | {losses} |")
    for title, key in (("effective bits", "effective_bits"), ("zeros", "sparsity")):
        facts = (results["releases"][method]["verified"].get(key) for method in methods)
        lines.append(f"| {title} | | {' | '.join('' if fact is None else f'{fact:.2f}' for fact in facts)} |")
    lines.append(f"| flips | | {' | '.join(_flips(results['releases'][method]) for method in methods)} |")
    for title, read in (("decision", _decision), ("quadrant", _quadrant)):
        lines.append(f"| {title} | | {' | '.join(read(results['releases'][method]) for method in methods)} |")
    return "\n".join(lines) + "\n"


def draw(results: Row, shown: Cells, path: Path) -> None:
    """Write the picture: losses in units of what is allowed, on an axis that keeps the very large ones in view."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    methods = list(results["releases"])
    style: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "matrix",
        "font.family": "sans-serif",
        "font.size": 8,
    }
    with plt.rc_context({**style, "text.color": INK, "xtick.color": INK, "ytick.color": INK}):
        figure, axes = plt.subplots(figsize=(2.6 + 0.62 * len(methods), 0.9 + 0.36 * len(shown)), facecolor=PAPER)
        for row, verdicts in enumerate(shown.values()):
            for column, method in enumerate(methods):
                if (verdict := verdicts.get(method)) is not None:
                    _mark(axes, column, row, verdict)
        axes.set_xticks(range(len(methods)), methods, rotation=35, ha="left")
        axes.set_yticks(range(len(shown)), list(shown))
        axes.xaxis.tick_top()
        axes.set_xlim(-0.6, len(methods) - 0.4)
        axes.set_ylim(len(shown) - 0.4, -0.7)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        for outcome, (shape, colour) in LOOKS.items():
            axes.scatter([], [], marker=shape, c=colour, s=34, label=outcome)
        figure.legend(loc="lower center", ncols=len(LOOKS), frameon=False)
        figure.tight_layout(rect=(0, 0.05, 1, 1))
        figure.savefig(path, facecolor=PAPER, metadata={"Date": None})
        plt.close(figure)


def _mark(axes: Any, column: int, row: int, verdict: Row) -> None:
    shape, colour = LOOKS[verdict["outcome"]]
    axes.scatter(column, row - 0.12, marker=shape, c=colour, s=34)
    axes.annotate(_cell(verdict, outcome=False), (column, row + 0.34), ha="center", va="center", fontsize=6)


def _cell(verdict: Row | None, outcome: bool = True) -> str:
    if verdict is None:
        return ""
    loss = f"{verdict['loss']:+.0%}" if verdict["relative"] else f"{verdict['loss']:+.3f}"
    return loss if not outcome or verdict["outcome"] == "passed" else f"{loss} {verdict['outcome']}"


def _flips(release: Row) -> str:
    return f"{release['fidelity']['flips']:.1%}" if release.get("fidelity") else ""


def _decision(release: Row) -> str:
    return str(release["decision"])


def _quadrant(release: Row) -> str:
    return str(release["quadrant"]["name"]) if release.get("quadrant") else ""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write the embedded model's matrix from one run.")
    parser.add_argument("results", type=Path, help="the run's results.json")
    results = read_results(parser.parse_args(arguments).results)
    shown = cells(results)
    PAGE.write_text(
        "# The embedded model under compression\n\nWritten by `python -m benchmarks.reference_matrix`, from one run of "
        "`pytest --model=reference` (standard tier).\nLosses are positive where the compressed model is worse; a cell "
        "without a word passed.\n\n![verdicts of each method](reference_matrix.svg)\n\n" + table(results, shown),
        "utf-8",
    )
    draw(results, shown, PICTURE)


if __name__ == "__main__":
    main()
