"""Tables of the gate's error rates: how they are simulated, written and judged against what is promised."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

Row = Sequence[str | float]
Rates = Sequence[npt.NDArray[np.bool_]]
PASSED, REGRESSED = 0.065, 0.02
"""Error rates that are promised at most, where the true loss is the margin."""
_CHUNK = 500


class Case(Protocol):
    """What a row of a table is simulated of."""

    @property
    def row(self) -> tuple[str, ...]: ...


AnyCase = TypeVar("AnyCase", bound=Case)


@dataclass(frozen=True)
class Table:
    """One table of the report; numbers are shares."""

    title: str
    note: str
    header: Sequence[str]
    rows: Sequence[Row]
    family: str = ""
    """Set where a true loss is the margin and the last two columns are the gate's rates of passing and regressing."""
    promised: bool = True

    @property
    def errors(self) -> list[tuple[float, float]]:
        """The gate's two error rates, one pair a row."""
        return [(float(row[-2]), float(row[-1])) for row in self.rows] if self.family else []

    def markdown(self) -> str:
        """Write the table; rates above what is promised are bold."""
        lines = [f"## {self.title}", self.note, "", f"| {' | '.join(self.header)} |", "|---" * len(self.header) + "|"]
        lines += [f"| {' | '.join(self._cells(row))} |" for row in self.rows]
        return "\n".join(lines) + "\n"

    def _cells(self, row: Row) -> Iterator[str]:
        limits = [1.0] * (len(row) - 2) + ([PASSED, REGRESSED] if self.family else [1.0, 1.0])
        for cell, limit in zip(row, limits, strict=True):
            if isinstance(cell, str):
                yield cell
            else:
                yield f"**{100 * cell:.1f} %**" if cell > limit else f"{100 * cell:.1f} %"


def summary(tables: Sequence[Table]) -> Table:
    """Tabulate the largest error rates of each family, promised and not."""
    rows = []
    for family in dict.fromkeys(table.family for table in tables if table.family):
        for promised in (True, False):
            errors = [
                pair
                for table in tables
                if (table.family, table.promised) == (family, promised)
                for pair in table.errors
            ]
            if errors:
                passed, regressed = (max(column) for column in zip(*errors, strict=True))
                rows.append((family, "promised" if promised else "beyond", f"{len(errors)}", passed, regressed))
    note = (
        f"Of all rows below whose true loss is the margin. Promised: passed at most {100 * PASSED:g} %, regressed at "
        f"most {100 * REGRESSED:g} %; what is above is bold, here and below. Beyond: harder than what is promised for."
    )
    return Table("Largest error rates", note, ("family", "", "rows", "passed", "regressed"), rows, "all")


def rates_of(cases: Sequence[AnyCase], rates: Callable[[AnyCase, int], list[float]], runs: int) -> list[Row]:
    """Return one row a case: its description and its rates over `runs` runs."""
    return [(*case.row, *rates(case, runs)) for case in cases]


def simulate(runs: int, seed: int, one: Callable[[np.random.Generator, int], Rates]) -> list[float]:
    """Return the mean of each array that `one` gives, over `runs` runs."""
    generator = np.random.default_rng(seed)
    parts = [one(generator, min(_CHUNK, runs - start)) for start in range(0, runs, _CHUNK)]
    return [float(np.concatenate(column).mean()) for column in zip(*parts, strict=True)]
