"""Whatever comes in, there is an answer or a clear error: the command line, signatures, archives, JSON.

Each test draws a few hundred inputs. `GRADTWIN_FUZZ=40000 python -m pytest tests/trust/test_fuzzing.py` draws so many
for each of the cheap ones and a tenth for the command line.
"""

import argparse
import contextlib
import copy
import importlib.util
import io
import json
import os
import random
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import gradtwin as gt
from gradtwin import cli
from gradtwin.backends import get_backend
from gradtwin.backends.signature import Signature
from gradtwin.benchmarks.changes import compare_results
from gradtwin.comparisons.drawing.drawn_points import check_memory, read_domains, typical_point
from gradtwin.comparisons.guards.time_limits import time_limit
from gradtwin.comparisons.replay import replay
from gradtwin.comparisons.results.data import SCHEMA
from gradtwin.files import read_arrays, write_arrays
from gradtwin.kept import Kept

EXAMPLES = int(os.environ.get("GRADTWIN_FUZZ", "200"))
many = settings(max_examples=EXAMPLES)
fewer = settings(max_examples=EXAMPLES // 10 + 30)

#: Seconds within which an answer must have come.
PATIENCE = 300

USER = """
import numpy as np
def tanh(x): return np.tanh(x)
def tanh_prime(x): return 1 - np.tanh(x) ** 2
def broken(x): return undefined
"""
#: No "/": what is drawn must not lead out of the folder that a test works in.
TEXT = st.text(st.characters(exclude_characters="/\\", exclude_categories=()), max_size=8)


@contextlib.contextmanager
def answered():
    """Let gradtwin's own errors pass, which say something, and no others; and nothing that takes for ever."""
    told = "an answer"
    with time_limit(PATIENCE):
        try:
            yield
        except gt.GradTwinError as error:
            told = str(error)
    assert len(told) > 8


@pytest.mark.parametrize("error", [ValueError("x"), TypeError(), KeyError("a"), RecursionError(), gt.GradTwinError("")])
def test_errors_of_another_kind_and_empty_ones_are_seen(error):
    with pytest.raises(type(error) if not isinstance(error, gt.GradTwinError) else AssertionError), answered():
        raise error


# Signatures.

DIMENSIONS = st.one_of(st.sampled_from(["n", "k", "n?", "...", "3", "0", "30", "10000000000", "²", "", "9" * 25]), TEXT)
SHAPES = st.lists(DIMENSIONS, max_size=5).map(lambda core: f"({','.join(core)})")
SIDES = st.lists(SHAPES, max_size=3).map(",".join)
SIGNATURES = st.one_of(
    st.builds(lambda *parts: "".join(parts), SIDES, st.sampled_from(["->", "->", "->", "-", "->->"]), SIDES),
    st.text("(),->?.nk 3", max_size=30),
    TEXT,
    st.integers(60, 70).map(lambda n: f"({','.join('a' * n)})->()"),
)
EXTENTS = st.lists(st.lists(st.integers(0, 4), max_size=4).map(tuple), max_size=3)


@many
@given(SIGNATURES, EXTENTS, st.booleans())
def test_signatures(text, shapes, stacked):
    with answered():
        signature = Signature.parse(text)
        check_memory(signature, np.dtype(np.float64))
        domains = read_domains(None, len(signature.inputs))
        typical = typical_point(signature, np.dtype(np.float64), domains, 0) if len(text) < 30 else ()
        for given_shapes in ([x.shape for x in typical], shapes):
            if len(given_shapes) == len(signature.inputs):
                bound = signature.match(given_shapes, [f"x{i}" for i in range(len(given_shapes))], stacked)
                assert all(n >= 0 for n in signature.output_shape(bound))


DOMAINS = st.recursive(
    st.one_of(st.none(), st.floats(), st.integers(), TEXT, st.just(10**400)),
    lambda inner: st.lists(inner, max_size=4).map(tuple),
)


@many
@given(DOMAINS, st.integers(1, 3))
def test_domains(domain, count):
    with answered():
        assert len(read_domains(domain, count)) == count


@fewer
@given(SIGNATURES, DOMAINS, st.sampled_from(["float64", "float32", "float16", "int8", ""]))
def test_checks_at_drawn_points(signature, domain, dtype):
    with answered():
        slope = {"derivative": lambda x: np.full_like(x, 2.0)}
        report = gt.check_gradient(
            lambda x: 2 * x, **slope, signature=signature, domain=domain, dtype=dtype, examples=1
        )
        assert report.verdict in ("match", "mismatch", "inconclusive")


# Archives.

ARRAYS = st.dictionaries(
    TEXT.filter(bool),
    hnp.arrays(st.sampled_from([np.float64, np.int8, bool, "U3", ">f4"]), hnp.array_shapes(min_dims=0)),
)
HEADERS = st.builds(
    lambda descr, order, shape: repr({"descr": descr, "fortran_order": order, "shape": shape}),
    st.one_of(st.sampled_from(["<f8", "|O", "<f9", "V0", "|S0", [("a", "<f8")], [("a", "|O")], "<U1000000"]), TEXT),
    st.one_of(st.booleans(), TEXT),
    st.one_of(st.lists(st.integers(-1, 10**16), max_size=70).map(tuple), st.integers(), TEXT),
)
PREFIXES = st.sampled_from(
    [b"\x93NUMPY\x01\x00", b"\x93NUMPY\x02\x00", b"\x93NUMPY\x03\x00", b"\x93NUMPY\x09\x00", b""]
)


def damaged(data, places, cut, seed):
    content, rng = bytearray(data), random.Random(seed)
    for place in places:
        if content:
            content[place % len(content)] = rng.randrange(256)
    return bytes(content[: len(content) - cut])


@many
@given(ARRAYS, st.lists(st.integers(0, 4000), max_size=6), st.integers(0, 40), st.integers(0, 99), st.booleans())
def test_damaged_archives(tmp_path_factory, arrays, places, cut, seed, compressed):
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array)
            with contextlib.suppress(UnicodeEncodeError):
                archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())
    path.write_bytes(damaged(content.getvalue(), places, cut, seed))
    with answered():
        assert all(isinstance(array, np.ndarray) for array in read_arrays(path).values())


@many
@given(HEADERS, PREFIXES, st.binary(max_size=40), st.booleans())
def test_archives_with_headers_of_all_kinds(tmp_path_factory, header, prefix, rest, counted):
    path = tmp_path_factory.getbasetemp() / "headers.npz"
    text = header.encode("utf-8", "surrogatepass") + b"\n"
    length = len(text).to_bytes(2 if prefix[6:7] == b"\x01" else 4, "little") if counted else b""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", prefix + length + text + rest)
    with answered():
        assert list(read_arrays(path)) == ["x"]


@many
@given(ARRAYS)
def test_sound_archives_are_read(tmp_path_factory, arrays):
    path = tmp_path_factory.getbasetemp() / "sound.npz"
    named = {f"x{i}": array for i, array in enumerate(arrays.values())}
    write_arrays(path, named)
    again = read_arrays(path)
    assert all(np.array_equal(again[name], x, equal_nan=x.dtype.kind == "f") for name, x in named.items())


# JSON.

ANYTHING = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.floats(), TEXT, st.integers(),
        st.sampled_from([10**400, -1, 0, 1, 5, SCHEMA, "bench", "\udc80"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=8,
)  # fmt: skip


def make_result():
    samples = [1.0 + 0.01 * ((7 * i) % 5) for i in range(6)]
    row = {"operation": "relu", "shape": [[4]], "dtype": "float64", "backend": "numpy", "mode": "eager", "threads": 1}
    machine = {"cpu": "a processor", "cpus": 2, "platform": "a system", "protocol": {"rounds": 2}}
    rows = [{**row, "median_s": 1.0, "samples": samples}]
    return {"schema": SCHEMA, "command": "bench", "environment": machine, "results": rows}


def places_in(value, path=()):
    """Yield the way to every place in a document."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places_in(inner, (*path, key))


PLACES = list(places_in(make_result()))


def replaced(document, path, new):
    if not path:
        return new
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return document


@many
@given(st.sampled_from(PLACES), ANYTHING, st.one_of(st.just(None), st.floats(), st.just(1.2)))
@example(("environment", "protocol", "rounds"), True, None)
def test_results_of_the_bench_with_anything_in_any_place(tmp_path_factory, place, new, limit):
    old, other = (tmp_path_factory.getbasetemp() / name for name in ("old.json", "new.json"))
    old.write_text(json.dumps(make_result()))
    other.write_text(json.dumps(replaced(make_result(), place, new)))
    with answered():
        report = compare_results(old, other, fail_above=limit, across_machines=True)
        assert json.loads(json.dumps(report.to_dict()))["verdict"] == report.verdict
        assert str(report).strip()


BAD_JSON = [b"[" * 100000, b'{"a":' * 100000, b"1" * 5000, b"\xff\xfe", b"NaN", b'["a", 1]', b'[["a"], 1]', b"5"]
RAW = st.one_of(
    st.binary(max_size=30), st.text('[]{},:"\\0e-+ntf.', max_size=30).map(str.encode), st.sampled_from(BAD_JSON)
)


@many
@given(RAW)
def test_what_is_no_json(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "raw.json"
    path.write_bytes(content)
    with pytest.raises(gt.InputFileError):
        compare_results(path, path)


@fewer
@given(st.lists(st.one_of(RAW, ANYTHING.map(lambda value: json.dumps(value).encode())), max_size=3).map(b"\n".join))
def test_kept_results(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp() / "kept"
    Kept(folder, {}).answer({}, lambda: 1)
    [path] = folder.iterdir()
    path.write_bytes(content)
    with contextlib.suppress(gt.InputFileError):
        Kept(folder, {})
    again = path.read_bytes()
    try:
        answer = Kept(folder, {}).answer({"another": 2}, lambda: 3)
    except gt.InputFileError:
        answer = 3
        assert again == path.read_bytes() == content, "what is damaged is left as it is"
    assert answer == 3
    path.unlink()


# Saved cases.


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """A folder with a saved case of either kind, and their contents."""
    folder = tmp_path_factory.mktemp("cases")
    (folder / "user.py").write_text(USER)
    spec = importlib.util.spec_from_file_location("gradtwin_fuzzed_user", folder / "user.py")
    user = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, spec.name, user)
        spec.loader.exec_module(user)
        gt.check_gradient(user.tanh, derivative=user.tanh, inputs=(np.linspace(-1, 1, 3),)).save(folder)
    wrong = {"mse": get_backend("numpy").rules["half-mse"]}
    gt.compare("mse", modes=["eager"], dtypes=["float64"], examples=2, rules=wrong).save(folder)
    contents = {path: json.loads(path.read_text()) for path in folder.glob("*.json")}
    assert {content["kind"] for content in contents.values()} == {"check", "operation"}
    return contents


@fewer
@given(st.data(), ANYTHING)
def test_saved_cases_with_anything_in_any_place(cases, data, new):
    path, content = data.draw(st.sampled_from(sorted(cases.items(), key=str)))
    kept = {key: content[key] for key in content if key not in ("checks", "reproduce", "made_of")}
    place = data.draw(st.sampled_from(list(places_in(kept))))
    path.write_text(json.dumps(replaced(copy.deepcopy(content), place, new)))
    with answered():
        report = replay(path)
        assert len(report.details.replayed) + len(report.details.refused) == 1
        str(report)


@fewer
@given(RAW)
def test_what_is_no_saved_case(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "case.json"
    path.write_bytes(content)
    with answered():
        assert replay(path).details.refused


# The command line.

#: Values of the options that say how much there is to do.
SMALL = st.sampled_from(["1", "2", "1", "0", "-1", "1.5", "x", ""])
OF_OPTION = {
    "--examples": SMALL, "--steps": SMALL, "--mode": st.sampled_from(["eager", "x", "", "eager,eager"]),
    "--profile": st.sampled_from(["quick", "x"]), "--timeout": st.sampled_from(["20", "0", "nan", "1e400", "x"]),
}  # fmt: skip
WORDS = [
    "0", "-1", "1e400", "nan", "float32", "float64", "bfloat16", "int8", "(n)->(n)", "(n,k)->(n,k)", "(n", "0,1", "0,0",
    "-3,3", "3,-3", "x.npz", "text.npz", "old.json", "no/such/file", ".", "user.py", "user.py:", "user.py:tanh",
    "user.py:broken", "user.py:np.pi.x", "user:tanh", ":", "tanh", "tanh_prime", "matmul", "relu", "regression", "mse",
    "--", "-", "é", "out.json", "", "\0", "\udc80", "9" * 30, "a" * 1000,
]  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(WORDS),
    TEXT,
    st.integers().map(str),
    st.floats().map(str),
)
#: Never ends, or takes minutes, with what is right.
NOT_DRAWN = {"--watch", "--gallery", "--help", "--fresh", "--quick"}
#: Where each command starts from, so that it has little to do where all goes well.
STARTS = {
    "compare": [["compare", "relu"], ["compare", "nothing"], ["compare", "relu", "matmul"]],
    "train": [["train", "regression"], ["train"], ["train", "nothing"]],
    "check": [["check", "user.py:tanh", "--derivative", "tanh_prime"], ["check", "user.py"], ["check"]],
    "selftest": [["selftest", "--seed", "-1"], ["selftest", "--json", "no/such/file"]],
    "bench": [["bench", "nothing"], ["bench", "--compare", "old.json", "old.json"], ["bench", "--sizes", "0"]],
    "soak": [["soak", "nothing"], ["soak", "--minutes", "0"]],
    "accuracy": [["accuracy", "user.py:tanh", "--signature", "(n)->(n)"], ["accuracy", "user.py"], ["accuracy"]],
    "replay": [["replay", "old.json"], ["replay", "."], ["replay"]],
    "list": [["list"]],
    "env": [["env"]],
}
#: Takes minutes with what is right.
NEVER_RIGHT = ("selftest", "soak", "replay")
#: What comes last, so that it holds.
ENDS = {
    "compare": ["--examples", "1", "--mode", "eager", "--dtype", "float32"],
    "train": ["--steps", "1", "--mode", "eager"],
    "check": ["--examples", "2"],
    "accuracy": ["--examples", "2"],
    "selftest": ["--seed", "x"],
    "soak": ["--minutes", "-1"],
}


def options_of(command):
    """Return a command's options, as its own parser has them, and whether each takes a value."""
    commands = next(a for a in cli._parser()._actions if isinstance(a, argparse._SubParsersAction))
    actions = commands.choices[command]._actions
    return {name: a.nargs != 0 for a in actions for name in a.option_strings if name.startswith("--")}


@st.composite
def command_lines(draw):
    command = draw(st.sampled_from([*STARTS, *STARTS, "check", "check", "check", "train"]))
    words = list(draw(st.sampled_from(STARTS[command])))
    known = {name: takes for name, takes in options_of(command).items() if name not in NOT_DRAWN}
    for _ in range(draw(st.integers(0, 4))):
        name = draw(st.sampled_from([*known, ""]))
        words += [name] if name else []
        if not name or known[name]:
            words.append(draw(OF_OPTION.get(name, VALUES)))
    return words + (ENDS.get(command, []) if draw(st.integers(0, 9)) or command != "check" else [])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "user.py").write_text(USER)
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "old.json").write_text(json.dumps(make_result()))
    np.savez(tmp_path / "x.npz", x=np.linspace(-1, 1, 6).reshape(2, 3))
    return tmp_path


def run(words):
    """Return exit status, output and errors of a command line, on streams such as a process has."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8")
    err = io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), time_limit(PATIENCE):
        try:
            status = cli.main(words)
        except SystemExit as ended:
            status = ended.code
            assert status == 2, "argparse's own way out"
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    return status, *texts


@fewer
@given(words=command_lines())
@example(["compare", "relu", "--json", "\0"])
@example(["compare", "relu", "--html", "\ud800"])
def test_command_lines(folder, words):
    status, out, err = run(words)
    assert status in (0, 1, 2, 3, 4)
    assert "Traceback" not in out + err
    if status == 2:
        assert len(err.strip()) > 10
        assert not out or words[0] == "replay", "which prints the cases that it could read as well"
    else:
        assert out


def test_of_the_command_lines_some_are_right(folder):
    for command, starts in STARTS.items():
        answers = [run([*start, *ENDS.get(command, [])]) for start in starts]
        assert command in NEVER_RIGHT or any(status in (0, 1) for status, _, _ in answers), answers


def test_every_command_is_drawn():
    commands = next(a for a in cli._parser()._actions if isinstance(a, argparse._SubParsersAction))
    assert set(commands.choices) == set(STARTS)
