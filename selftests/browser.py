"""Debian's chromium and axe-core, where they are installed (`make browser`); in CI they must be."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

AXE = Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"


@contextmanager
def chromium() -> Iterator["Browser"]:
    """Start a headless browser, without the sandbox where root cannot have one."""
    found = shutil.which("chromium")
    if found is None:
        missing("no chromium here: `make browser` installs Debian's")
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=arguments)
        yield browser
        browser.close()


def axe() -> str:
    """Return axe-core's source."""
    if not AXE.is_file():
        missing("no axe-core here: `make browser` installs it")
    return AXE.read_text("utf-8")


def missing(reason: str) -> NoReturn:
    """Skip, and fail in CI: a skipped test there would be a gap that nobody sees."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
