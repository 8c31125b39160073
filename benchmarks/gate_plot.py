"""The picture of the gate's error rates: families at the margin, and how often a lossless release ships."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.gate_table import PASSED, REGRESSED, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, PAPER, FAINT = "#1f2328", "#ffffff", "#c9ced6"
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"
"""Okabe and Ito's colours, told apart with any colour vision; shapes differ too. Opaque: readable on dark pages."""


def draw(tables: Sequence[Table], shipped: Sequence[tuple[float, float]], path: Path) -> None:
    """Write the plot as SVG.

    Args:
        tables: those with a family are shown, one mark a row.
        shipped: (flips, share of lossless releases that ship).
        path: where to.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    style: dict[Any, Any] = {
        "svg.fonttype": "none", "svg.hashsalt": "gate", "font.family": "sans-serif", "font.size": 9,
        "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": FAINT, "xtick.color": INK, "ytick.color": INK,
        "axes.spines.top": False, "axes.spines.right": False,
    }  # fmt: skip
    with plt.rc_context(style):
        figure, (errors, power) = plt.subplots(1, 2, figsize=(8.6, 3.9), width_ratios=(3, 2), facecolor=PAPER)
        _errors(errors, tables)
        _power(power, shipped)
        figure.tight_layout()
        figure.savefig(path, facecolor=PAPER, metadata={"Date": None})
        plt.close(figure)


def _errors(axes: "Axes", tables: Sequence[Table]) -> None:
    families = list(dict.fromkeys(table.family for table in tables if table.family))
    kinds = (
        ("passed", 0, True, "o", BLUE, 0.18),
        ("passed, beyond what is promised", 0, False, "D", ORANGE, 0.18),
        ("regressed", 1, None, "x", GREEN, -0.18),
    )
    for label, column, promised, marker, colour, shift in kinds:
        marks = {
            (round(100 * pair[column], 1), len(families) - 1 - families.index(table.family) + shift)
            for table in tables
            if promised in (None, table.promised)
            for pair in table.errors
        }
        across, up = zip(*sorted(marks), strict=True)
        axes.scatter(across, up, s=16, marker=marker, color=colour, alpha=0.7, label=label, linewidths=1)
    for rate, text in ((REGRESSED, "2 %"), (0.05, "5 %"), (PASSED, "6.5 %")):
        axes.axvline(100 * rate, color=INK if rate != 0.05 else FAINT, linewidth=0.8, linestyle="--", zorder=0)
        axes.text(100 * rate, len(families) - 0.45, text, ha="center", va="bottom", fontsize=8)
    axes.set_yticks(range(len(families)), families[::-1])
    axes.set_ylim(-0.6, len(families) - 0.4)
    axes.set_xlim(-0.2, None)
    axes.set_xlabel("% of runs whose true loss is the margin (wanted: few)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.16), ncols=3, frameon=False, fontsize=8, columnspacing=1)
    axes.tick_params(length=0)


def _power(axes: "Axes", shipped: Sequence[tuple[float, float]]) -> None:
    flips, shares = ([100 * pair[index] for pair in shipped] for index in (0, 1))
    axes.plot(flips, shares, color=BLUE, marker="o", markersize=4)
    axes.axhline(80, color=INK, linewidth=0.8, linestyle="--", zorder=0)
    axes.text(0, 78, "80 %", va="top", fontsize=8)
    axes.set_ylim(0, 102)
    axes.set_xlabel("% of answers that flip")
    axes.set_ylabel("% of lossless releases that ship")
