"""A user's folder beside the checkout, and pytest run in it as a user would."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from fixtures.settings import CHECKOUT

Result = subprocess.CompletedProcess[str]


class House:
    """A user's folder with a cache, so that each method is compressed and measured once."""

    def __init__(self, folder: Path, cache: Path | None = None) -> None:
        self.folder = folder
        self.cache = cache or folder / "cache"

    def run(self, *arguments: str, report: str = "report", **environment: str) -> Result:
        """Run the trust tests; arguments that name tests replace the checkout's."""
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
        command += [f"--trust-cache={self.cache}", f"--trust-report={self.folder / report}", *arguments]
        if not any(argument.partition("::")[0].endswith(".py") for argument in arguments):
            command.append(str(CHECKOUT / "trust_tests"))
        own = ("CI", "COLUMNS", "GITHUB_", "PYTEST_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**kept, "COLUMNS": "80", **environment},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def results(self, report: str = "report") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / report / "results.json").read_text())
        return found
