"""The page in a real browser: hostile names, 10⁵ rows, a phone, the dark, paper, the keyboard; and without scripts."""

import html
import re

import numpy as np
import pytest
from browser import needs_browser, print_pages, run_in

from gradtwin.comparisons.checks.gradient import check_gradient
from gradtwin.comparisons.report.html import MOST_SHOWN, NOTEBOOK_ROWS, PAGE_ROWS, to_fragment, to_page
from gradtwin.comparisons.results.data import Check, Report

HOSTILE = """</script></style><img src=x onerror="top.document.title='owned'">'"{{ 7*7 }}\n☃ & <b>bold</b>"""
DARK = "--blink-settings=preferredColorScheme=0"
MANY = 100_000


def tripled(y_bar, x):
    g = y_bar * np.cos(x)
    g[3:5, 2:30] *= 3
    return g


@pytest.fixture(scope="module")
def failed():
    """A report with a mismatch of many elements, of a function with a hostile name."""

    def forward(x):
        return np.sin(x)

    forward.__name__ = HOSTILE
    return check_gradient(forward, vjp=tripled, inputs=(np.linspace(0.1, 1, 280).reshape(7, 40),))


@pytest.fixture(scope="module")
def page(failed):
    return to_page(failed)


@pytest.fixture(scope="module")
def long_page():
    checks = [
        Check(f"check {i}", "matmul", "value", "float64", "eager", "inconclusive" if i % 1000 == 7 else "match", 6)
        for i in range(MANY)
    ]
    return to_page(Report("compare", tuple(checks), 0, "gradtwin compare", {"python": "3"}))


@needs_browser
def test_a_hostile_name_is_text_wherever_it_stands(page, tmp_path):
    script = """
      const search = document.querySelector("input[type=search]");
      search.value = "owned"; search.form.dispatchEvent(new Event("input"));
      answer = {
        images: document.querySelectorAll("img:not(.map)").length,
        bold: document.querySelectorAll(".gradtwin b").length,
        scripts: document.scripts.length,
        row: document.querySelector(".rows td a").textContent,
        summary: document.querySelector("summary .verdict").textContent,
      };"""
    found = run_in(tmp_path, page, script)
    assert found["row"] == found["summary"] == f"{HOSTILE}: gradient of input 0 (x)"
    assert (found["images"], found["bold"], found["scripts"]) == (0, 0, 3), "the third is the test's own"
    raw = run_in(tmp_path, html.unescape(page), "answer = document.images.length;")
    assert raw > 1, "unescaped, it would have been seen"


def test_only_the_pages_own_script_may_run_and_nothing_is_fetched(page):
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', page).group(1)
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "://" not in page


@needs_browser
def test_the_policy_lets_the_pages_own_script_run(page, tmp_path):
    from browser import start

    (tmp_path / "page.html").write_text(page)
    dom = start(tmp_path, "--dump-dom", str(tmp_path / "page.html"))
    assert 'role="status">1–4 of 4<' in dom


@needs_browser
def test_many_rows_are_paged_searched_and_filtered(long_page, tmp_path):
    script = """
      const form = document.querySelector(".filter"), search = form.querySelector("input[type=search]");
      const [previous, next] = document.querySelectorAll(".pager button");
      const see = () => [
        document.querySelector("[role=status]").textContent,
        document.querySelector(".rows tbody td:nth-child(2)")?.firstChild.textContent,
        document.querySelectorAll(".rows tbody tr").length,
        previous.disabled, next.disabled];
      answer = [see()];
      next.click(); answer.push(see());
      const ask = (text) => { search.value = text; form.dispatchEvent(new Event("input")); answer.push(see()); };
      ask("MATMUL 99999");
      ask("");
      form.elements.verdict.value = "inconclusive"; form.dispatchEvent(new Event("input")); answer.push(see());
      ask("nowhere");
    """
    first, second, searched, cleared, filtered, nothing = run_in(tmp_path, long_page, script)
    assert first == ["1–200 of 100,000", "matmul: check 7", PAGE_ROWS, True, False]
    assert second == ["201–400 of 100,000", "matmul: check 101", PAGE_ROWS, False, False]
    assert searched == ["1–1 of 1 found, of 100,000", "matmul: check 99999", 1, True, True]
    assert cleared[0] == first[0]
    assert filtered[:3] == ["1–100 of 100 found, of 100,000", "matmul: check 7", 100]
    assert nothing[0] == "0–0 of 0 found, of 100,000"


def test_without_scripts_there_are_the_summary_the_mismatches_and_some_rows(page, long_page):
    for expected in ("mismatch verdict", "gradient of input 0 (x) differs from autodiff", "data:image/png;base64,"):
        assert expected in page
    assert long_page.count("<tr><td><span") == PAGE_ROWS
    assert re.search(r"<noscript>.*99,800 more", long_page)


@needs_browser
@pytest.mark.parametrize("name", ["page", "long_page"])
def test_a_phone_needs_no_sideways_scrolling(name, request, tmp_path):
    page = request.getfixturevalue(name)
    script = """
      for (const details of document.querySelectorAll("details")) details.open = true;
      answer = [innerWidth, document.documentElement.scrollWidth - document.documentElement.clientWidth];"""
    assert run_in(tmp_path, page, script, width=360) == [360, 0]
    if name == "page":
        loose = page.replace(".gradtwin .scroll { overflow-x: auto;", ".gradtwin .scroll { overflow-x: visible;")
        assert run_in(tmp_path, loose, script, width=360)[1] > 0


CONTRAST = """
  const channel = (c) => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(channel);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => { const c = getComputedStyle(e).backgroundColor;
                          return /, 0\\)/.test(c) ? ground(e.parentElement) : c; };
  answer = { ground: getComputedStyle(document.querySelector(".gradtwin")).backgroundColor, worst: 99, of: "" };
  for (const details of document.querySelectorAll("details")) details.open = true;
  for (const e of document.querySelectorAll(".gradtwin *")) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) || !e.offsetParent) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((p, q) => q - p);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < answer.worst) { answer.worst = ratio; answer.of = e.outerHTML.slice(0, 200); }
  }
"""


@needs_browser
def test_dark_and_light_are_told_apart_and_both_are_readable(page, tmp_path):
    light, dark = run_in(tmp_path, page, CONTRAST), run_in(tmp_path, page, CONTRAST, DARK)
    assert light["ground"] == "rgb(255, 255, 255)"
    assert dark["ground"] == "rgb(20, 24, 29)"
    for found in (light, dark):
        assert found["worst"] >= 4.5, found  # WCAG 2, level AA
    pale = page.replace("#55606e", "#99a")
    assert run_in(tmp_path, pale, CONTRAST)["worst"] < 4.5


@needs_browser
def test_the_keyboard_reaches_everything_and_one_sees_where_it_is(page, tmp_path):
    script = """
      answer = [];
      for (const e of document.querySelectorAll("a[href], summary, input, button, [tabindex='0']")) {
        if (e.disabled || !e.offsetParent) continue;
        e.focus();
        const style = getComputedStyle(e);
        answer.push([e.tagName, document.activeElement === e, style.outlineStyle, parseFloat(style.outlineWidth)]);
      }"""
    found = run_in(tmp_path, page, script)
    assert {"A", "SUMMARY", "INPUT", "BUTTON", "PRE", "DIV"} <= {name for name, *_ in found}
    assert all(focused and style == "solid" and width >= 2 for _, focused, style, width in found), found


@needs_browser
def test_the_map_is_orange_where_it_is_wrong_and_the_window_marks_it(page, tmp_path):
    script = """
      const map = document.querySelector(".map"), canvas = document.createElement("canvas");
      canvas.width = map.naturalWidth; canvas.height = map.naturalHeight;
      const context = canvas.getContext("2d");
      context.drawImage(map, 0, 0);
      const warm = (x, y) => { const [r, , b] = context.getImageData(x, y, 1, 1).data; return r > b; };
      const rows = [...Array(canvas.height).keys()], columns = [...Array(canvas.width).keys()];
      answer = {
        size: [canvas.width, canvas.height],
        warm: rows.map((y) => columns.filter((x) => warm(x, y)).length),
        marked: [...document.querySelectorAll(".window tr")].map((row) => row.querySelectorAll(".wrong").length),
      };"""
    found = run_in(tmp_path, page, script)
    assert found["size"] == [40, 7]
    assert found["warm"] == [0, 0, 0, 28, 28, 0, 0]
    assert [bool(count) for count in found["marked"][1:]] == [False, False, False, True, True, False, False]


@needs_browser
def test_a_link_of_a_row_opens_its_mismatch(page, tmp_path):
    closed = page.replace("<details open>", "<details>")
    script = """
      const [details] = document.querySelectorAll("details");
      answer = [details.open];
      location.hash = document.querySelector(".rows a").getAttribute("href");
      dispatchEvent(new Event("hashchange"));
      answer.push(details.open);"""
    assert run_in(tmp_path, closed, script) == [False, True]


@needs_browser
def test_print_has_what_is_folded_away(page, tmp_path):
    closed = page.replace("<details open>", "<details>")
    opened = print_pages(tmp_path, closed)
    folded = re.sub(r"::details-content.*?}", "::details-content {}", closed).replace("beforeprint", "no-event")
    assert opened > print_pages(tmp_path, folded)


@needs_browser
def test_a_script_is_copied_by_a_button(page, tmp_path):
    script = """
      const box = document.querySelector(".copied");
      answer = [box.querySelector("button").textContent, box.querySelector("pre").textContent];"""
    button, copied = run_in(tmp_path, page, script)
    assert button == "Copy"
    assert "gt.check_gradient(" in copied


def test_mismatches_beyond_many_are_counted_and_have_a_row():
    failed = [
        Check(f"check {i}", "matmul", "value", "float64", "eager", "mismatch", 6, 6) for i in range(MOST_SHOWN + 5)
    ]
    page = to_page(Report("compare", tuple(failed), 0, "gradtwin compare", {}))
    assert page.count('<p id="mismatch-') == MOST_SHOWN
    assert "5 more mismatches have a row below" in page


def test_a_notebook_gets_a_part_that_styles_nothing_else(failed):
    fragment = to_fragment(failed)
    assert "<script" not in fragment
    assert "<html" not in fragment
    styles = re.search(r"<style>(.*?)</style>", fragment, re.DOTALL).group(1)
    selectors = re.findall(r"([^{}]+)\{", re.sub(r"@media [^{]+\{", "", styles))
    assert len(selectors) > 20
    assert all(".gradtwin" in part for selector in selectors for part in re.split(r",(?![^(]*\))", selector))
    many = Report("compare", tuple(Check(str(i), "sse", "value", "f", "e", "match") for i in range(99)), 0, "", {})
    assert to_fragment(many).count("<tr><td><span") == NOTEBOOK_ROWS
    assert "and 79 more" in to_fragment(many)


@needs_browser
def test_a_notebooks_own_theme_wins(failed, tmp_path):
    script = "answer = getComputedStyle(document.querySelector('.gradtwin')).backgroundColor;"
    for theme, option, ground in (("false", (), "rgb(20, 24, 29)"), ("true", (DARK,), "rgb(255, 255, 255)")):
        page = f'<!doctype html><body data-jp-theme-light="{theme}">{to_fragment(failed)}</body>'
        assert run_in(tmp_path, page, script, *option) == ground
