"""Screenshots of report.html for docs/: `python -m benchmarks.report_screenshots RESULTS`, with Debian's chromium.

The pictures in docs/ are of `pytest --method=rtn-2bit --method=gptq-4bit`.
"""

import argparse
import os
import shutil
import tempfile
from pathlib import Path

from fixtures.report.html import render
from fixtures.report.results import read_results

DOCS = Path(__file__).parents[1] / "docs"

SHOTS = (("report-desktop.png", 1440, 1320, "light"), ("report-phone.png", 390, 1320, "dark"))
"""File, width and height in pixels, colour scheme."""


def shoot(results: Path, folder: Path) -> list[Path]:
    """Render the report and take its pictures."""
    from playwright.sync_api import sync_playwright

    written = []
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as draft, sync_playwright() as playwright:
        page = Path(draft) / "report.html"
        page.write_text(render(read_results(results)), "utf-8")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        for name, width, height, scheme in SHOTS:
            tab = browser.new_page(
                viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
            )
            tab.goto(page.as_uri())
            tab.screenshot(path=folder / name)
            written.append(folder / name)
        browser.close()
    return written


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Take the screenshots of docs/.")
    parser.add_argument("results", type=Path, help="a results.json")
    print(*shoot(parser.parse_args().results, DOCS), sep="\n")
