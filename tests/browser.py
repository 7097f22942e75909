"""A real browser, headless: what a page becomes in it, as a phone, in the dark, on paper."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

#: Names that Chromium and its kin go by.
NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)

needs_browser = pytest.mark.skipif(BROWSER is None, reason=f"no browser on this machine: none of {', '.join(NAMES)}")

_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy".*?>')


def run_in(folder: Path, page: str, script: str, *options: str, width: int | None = None) -> Any:
    """Return what a script's `answer` is, run in the page once that has loaded, by a window of so many pixels."""
    asked = f"<script>addEventListener('load', () => {{ let answer = null; {script}\nparent.told(answer); }});</script>"
    inner = _POLICY.sub("", page, count=1).replace("</body>", f"{asked}</body>")
    outer = folder / "outer.html"
    outer.write_text(
        "<!doctype html><pre id=told></pre><script>function told(answer) {"
        "document.getElementById('told').textContent = JSON.stringify(answer); }</script>"
        f'<iframe style="width: {width or 1100}px; height: 900px; border: 0" srcdoc="{html.escape(inner)}"></iframe>'
    )
    dom = start(folder, "--dump-dom", *options, str(outer))
    found = re.search(r"<pre id=\"told\">(.*?)</pre>", dom, re.DOTALL)
    assert found is not None
    assert found.group(1), "the page's script did not come to its end"
    return json.loads(html.unescape(found.group(1)))


def print_pages(folder: Path, page: str) -> int:
    """Return the pages that a page is on paper."""
    source, target = folder / "printed.html", folder / "printed.pdf"
    source.write_text(page)
    start(folder, f"--print-to-pdf={target}", str(source))
    return len(re.findall(rb"/Type\s*/Page\b", target.read_bytes()))


def start(folder: Path, *arguments: str) -> str:
    """Run the browser with a profile of its own and return what it prints."""
    assert BROWSER is not None
    fixed = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
    command = [BROWSER, *fixed, f"--user-data-dir={folder / 'profile'}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
