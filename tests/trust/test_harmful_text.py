"""Text of others in what gradtwin shows: it ends no command, moves no cursor, and gives no order to a forge."""

import contextlib
import io
import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest

import gradtwin as gt
from gradtwin import cli
from gradtwin.cleaning import clean, clean_all, disarm
from gradtwin.comparisons.report.github import to_annotations
from gradtwin.comparisons.report.html import to_page
from gradtwin.comparisons.report.junit import to_junit
from gradtwin.comparisons.report.text import PLAIN_WIDTH, CleanConsole, print_to_text, to_text
from gradtwin.comparisons.results.data import Cause, Check, Report
from gradtwin.comparisons.results.json_text import to_json

HARMFUL = "a\ud800b\x1b[31mc\x9bd\x00e\u202ef\u2066g\rh\x08i\u2028j"
SHOWN = r"a\ud800b\x1b[31mc\x9bd\x00e\u202ef\u2066g\rh\x08i\u2028j"
ORDERS = ("\n::error::pwned", "\n  ::stop-commands::x", " ##[error]pwned", " ##vso[task.complete]pwned", "\n##[group]x")
OBEYED = re.compile(r"^\s*::|##\w*\[", re.MULTILINE)


def assert_harmless(text):
    text.encode()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028]", text)


def make_report(text):
    checks = [
        Check(text, text, stage, "float64", "eager", verdict, 6, causes=(Cause(slug, True, text, text),))
        for stage, verdict, slug in (
            ("gradient", "mismatch", "raises"),
            ("value", "mismatch", "forward"),
            ("gradient", "inconclusive", "not-run"),
        )
    ]
    extra = {"oracle": "traced", "notes": [text], "source": {"file": "user\x1b\udcff.py", "line": 1}}
    return Report("check", tuple(checks), 0, text, {}, extra, text)


@pytest.mark.parametrize("render", [to_text, str, Report._repr_html_, to_page, to_json, to_junit])
def test_every_rendering_shows_harmful_text_written_out(render):
    text = render(make_report(HARMFUL))
    assert_harmless(text)
    assert SHOWN.replace("\\", "\\\\") in text if render is to_json else SHOWN in text


def test_the_words_of_the_renderings_that_programs_read_are_the_same():
    assert SHOWN in json.loads(to_json(make_report(HARMFUL)))["checks"][0]["causes"][0]["text"]
    assert SHOWN in next(ElementTree.fromstring(to_junit(make_report(HARMFUL))).iter("failure")).get("message")


def test_annotations_are_lines_of_their_own_whatever_is_in_them():
    lines = list(to_annotations(make_report(HARMFUL + "".join(ORDERS))))
    assert len(lines) == 3
    for line in lines:
        assert_harmless(line)
        assert re.match(r"::(error|warning) file=", line)
        assert "\n" not in line


@pytest.mark.parametrize("order", ORDERS)
def test_no_line_of_text_is_an_order_wherever_it_is_broken(order):
    assert OBEYED.search(order)
    for before in range(PLAIN_WIDTH - 20, PLAIN_WIDTH + 4):
        text = to_text(make_report(f"{'x' * before}{order} {'y' * before}{order.strip()}"))
        assert not OBEYED.search(text)


def test_on_a_terminal_colours_are_gradtwins_own():
    console = CleanConsole(
        file=io.StringIO(), width=80, force_terminal=True, color_system="standard", legacy_windows=False
    )
    text = print_to_text(make_report(f"[bold]{HARMFUL}[/x] :warning:"), console)
    assert "\x1b[1;31m" in text, "its own"
    assert "c" in text
    assert_harmless(re.sub(r"\x1b\[[\d;]*m", "", text))
    assert "\x1b[31mc" not in text
    assert "[bold]" in text, "nor is it markup"


def test_errors_are_safe_to_print():
    error = gt.InputFileError(f"{HARMFUL}\n::error::pwned")
    assert_harmless(str(error))
    assert str(error) == f"{SHOWN}\n\\::error::pwned"
    assert str(gt.OutputFileError("plain")) == "plain"


def test_what_is_harmless_stays():
    text = "été — 日本語 🎉\ttab\r\nnext std::vector a::b [0, 1] # [x]"
    assert clean(text) == disarm(text) == text
    assert clean(clean(HARMFUL)) == clean(HARMFUL)
    assert clean_all({"a": [("\x1b", 1.5, None)]}) == {"a": [["\\x1b", 1.5, None]]}


SOURCE = """
def f(x): return x**2
def f_prime(x): raise KindError(MESSAGE)
def g(x): return x**2
def g_backward(y_bar, x): return undefined(MESSAGE)
def h_forward(x): return x**2, x
def h_backward(y_bar, cache): raise KindError(MESSAGE)
class KindError(Exception):
    def __str__(self):
        return self.args[0]
class Silent(Exception):
    def __str__(self):
        raise RuntimeError
def s_forward(x): return x**2, x
def s_backward(y_bar, cache): raise Silent
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = HARMFUL + "".join(ORDERS)
    (tmp_path / "user.py").write_text(f"{SOURCE}\nMESSAGE = {message!r}\n")
    (tmp_path / "loading.py").write_text(f"raise ValueError({message!r})\n")
    np.savez(tmp_path / "x.npz", x=np.ones(3))
    return tmp_path


def run(*words, encoding="utf-8"):
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding, e) for e in ("strict", "backslashreplace"))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = cli.main(["check", *words])
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode(encoding))
    return status, *texts


FILES = ("--json", "r.json", "--html", "r.html", "--junit", "r.xml", "--github")


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("user.py",), 1),
        (("user.py:f", "--derivative", "f_prime", "--inputs", "x.npz"), 1),
        (("user.py:h_forward", "--backward", "h_backward", "--signature", "(n)->(n)"), 1),
        (("loading.py",), 2),
        (("\x1b[31m\ud800.py",), 2),
    ],
)
def test_a_command_ends_as_it_should_and_shows_no_harm(folder, words, status):
    found, out, err = run(*words, *FILES)
    assert found == status
    assert "Traceback" not in out + err
    assert_harmless(out)
    assert_harmless(err)
    shown = [line for line in out.splitlines() if not line.startswith(("::error ", "::warning "))]
    assert not OBEYED.search("\n".join(shown) + err)
    if status == 1:
        for name in ("r.json", "r.html", "r.xml"):
            text = (folder / name).read_text(encoding="utf-8")
            assert_harmless(text)
            assert "KindError" in text
        json.loads((folder / "r.json").read_text())
        ElementTree.fromstring((folder / "r.xml").read_text())


def test_an_encoding_that_lacks_characters_is_no_end(folder):
    status, out, _ = run("user.py:f", "--derivative", "f_prime", "--inputs", "x.npz", encoding="ascii")
    assert status == 1
    assert out.startswith("MISMATCH")


def test_an_exception_that_cannot_say_what_it_is(folder):
    status, out, err = run("user.py:s_forward", "--backward", "s_backward", "--inputs", "x.npz")
    assert status == 1, err
    assert "backward raised Silent: its message can't be shown: RuntimeError" in " ".join(out.split())
