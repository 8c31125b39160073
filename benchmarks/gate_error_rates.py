"""How often the gate errs: `python -m benchmarks.gate_error_rates` writes the .md and the .svg beside this file.

Where a table plants a true loss exactly as large as the margin, a pass is an error wanted in at most 5 % of runs and
a proven regression one wanted in at most 1 %. Where it plants none, a pass is what should happen.
"""

import argparse
import time
from pathlib import Path

from benchmarks import gate_families, gate_gaps, gate_looks, gate_plot, gate_releases, gate_tango
from benchmarks.gate_table import Table, summary


def tables(runs: int) -> list[Table]:
    """Return every table of error rates and costs, of `runs` simulated runs a row."""
    return [
        gate_tango.independent((149, 200, 400, 1000, 3000)),
        gate_tango.extremes(),
        gate_tango.documented(),
        *gate_families.clustered(runs),
        gate_tango.rare_absolute(),
        gate_tango.rare_lossless(),
        *gate_families.ratios(runs),
        *gate_families.generations(runs),
        *gate_gaps.gaps(runs),
        gate_families.biased(runs),
        *gate_families.perplexities(runs),
        *gate_looks.second_looks(runs),
    ]


def main() -> None:
    """Run everything and write the report and its plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=4000, help="simulated runs a row (default: 4000)")
    parser.add_argument("--releases", type=int, default=1000, help="releases a scenario (default: 1000)")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()
    start = time.process_time()
    found = tables(options.runs)
    releases = gate_releases.releases(options.releases)
    whole = [
        releases,
        gate_releases.dimensions(options.releases),
        gate_releases.planned(options.runs),
        gate_tango.sizes(),
    ]
    plot = options.out.with_suffix(".svg")
    gate_plot.draw(found, gate_releases.shipped(releases), plot)
    error = 100 * (0.05 * 0.95 / options.runs) ** 0.5
    head = (
        "# Error rates of the gate\n\n"
        f"`python -m benchmarks.gate_error_rates --runs={options.runs} --releases={options.releases}`, "
        f"{time.process_time() - start:.0f} s of one core. Simulated rates come from {options.runs} runs: 5 % has a "
        f"standard error of {error:.2f} points.\n\n"
        f"![Error rates at the margin by family, and how often lossless releases ship]({plot.name})\n\n"
    )
    sections = [summary(found), releases, *found, *whole[1:]]
    options.out.write_text(head + "\n".join(table.markdown() for table in sections), "utf-8")


if __name__ == "__main__":
    main()
