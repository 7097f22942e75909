"""The page of constants: nothing that decides is missing from it, and each bound that it calls derived is tight."""

import ast
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from gradtwin.comparisons.precision import accuracy_constants, constants, formula_constants
from gradtwin.comparisons.precision.listing import constants_markdown, show_value

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "allowed-error.md"
RNG = np.random.default_rng(23)
ROWS = [row for section in constants.SECTIONS for row in section.rows]

#: The rooms whose numbers decide.
ROOMS = ("precision", "drawing", "subjects", "oracles", "judging", "causes", "checks", "catalogue")

#: Files of these rooms whose numbers are data: the page itself, formulas that are measured against mpmath, planted
#: faults, shapes and values by name, Keras's own defaults, what a scenario trains.
DATA = (
    "precision/constants.py", "precision/formula_constants.py", "precision/accuracy_constants.py",
    "precision/listing.py", "precision/wide",
    "catalogue/faults.py", "catalogue/classic_faults.py", "catalogue/training_pictures.py", "catalogue/scenarios",
    "subjects/trial_points.py", "subjects/names.py",
    "subjects/update_rules.py", "drawing/problems.py", "drawing/domains.py", "drawing/drawn_points.py",
    "drawing/magnitudes.py",
)  # fmt: skip

#: Numbers that are mathematics wherever they stand.
MATHEMATICS = (0, 1, 2, 0.5, 1j)

#: Numbers that are not listed, by file and by the statement that they stand in, and why.
NOT_LISTED = {
    ("precision/rounding.py", "for shift, factor in "): "they mix bits; UNITS_MOVED says how far a nudge goes",
    ("precision/rounding.py", "mixed >>= np.uint64(40)"): "it leaves 24 bits",
    ("precision/rounding.py", "units *= 2 * UNITS_MOVED / 2.0**24"): "it maps 24 bits to units",
    ("oracles/votes.py", "value, error = _extrapolate(steps, central, noise, 4)"): "their error is a series in h²",
    ("oracles/votes.py", "gap, gap_error = _extrapolate("): "the noise of f(h) − 2 f(0) + f(−h)",
    (
        "oracles/exact.py",
        "table = [near + (near - far) / (4**j - 1)",
    ): "their error is a series in h²",
    ("judging/exactness.py", "BASE = "): "digits are decimal",
    ("checks/file.py", "EXAMPLES = "): "the default of an option",
    ("causes/arrangement.py", "_REVERSED = "): "axes, by how many there are",
    ("causes/regions.py", "scale = 10.0 ** "): "decimal digits",
    ("checks/example.py", "LARGEST_PRINTED = "): "how an example is printed",
    ("checks/worst_input.py", "BISECTIONS, SHORTEST = "): "how simple an example is made",
    ("checks/digit_sweep.py", "LEAST_CHANGE, LEAST_RATIO = "): "the points of a picture",
    ("subjects/functions.py", "JACOBIAN_COPIES = "): "an estimate of memory: it refuses, and judges nothing",
    ("subjects/update_step.py", "SHAPES = "): "shapes that are tried",
    ("subjects/seeding.py", "np.random.seed(seed % 2**32)"): "the seeds that NumPy takes",
    ("catalogue/suite.py", "FIXED_SIZES = "): "shapes that are tried",
    ("catalogue/selftest.py", "SIZES = "): "shapes that are tried",
    ("catalogue/selftest.py", "if progress and done % 10 == 0:"): "how often progress is shown",
    ("catalogue/training.py", "if progress and number % 10 == 0:"): "how often progress is shown",
    ("catalogue/training.py", "KEPT = "): "checks are merged after so many, which changes none",
}

#: Where a clock is read, and why.
CLOCKS: dict[str, str] = {}

#: Keyword arguments and functions whose numbers are shapes, streams of random numbers, or printing.
OF_FORM = {"size", "shape", "axis", "maxsize", "precision", "threshold", "edgeitems", "examples", "default_rng"}


def in_another_form(node, parents):
    """Whether a number is an index, a length or a number of axes, a base, a stream, a default that a user may set."""
    for child, parent in zip((node, *parents), parents, strict=False):
        if isinstance(parent, ast.Subscript) and child is parent.slice:
            return True
        if isinstance(parent, ast.arguments):
            return True
        if isinstance(parent, ast.keyword) and parent.arg in OF_FORM:
            return True
        if isinstance(parent, ast.Call) and getattr(parent.func, "attr", getattr(parent.func, "id", "")) in OF_FORM:
            return True
        if isinstance(parent, ast.Compare | ast.BinOp) and "ndim" in ast.unparse(parent):
            return True
        if isinstance(parent, ast.Compare | ast.BinOp) and re.search(r"\blen\(|\.itemsize", ast.unparse(parent)):
            return True
        if isinstance(parent, ast.stmt):
            return isinstance(parent, ast.Assign) and ast.unparse(parent.targets[0]).endswith("_STREAM")
    return False


def of_digits(node):
    """Whether a call takes a root of ε, or rounds by printing: a number of digits that is not named."""
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    inside = [part for argument in node.args for part in ast.walk(argument)]
    if name in ("sqrt", "cbrt"):
        return any(getattr(part, "attr", getattr(part, "id", "")) in ("eps", "u") for part in inside)
    specs = [part.format_spec for part in inside if isinstance(part, ast.FormattedValue) and part.format_spec]
    return name == "float" and any(re.search(r"\d", ast.unparse(spec).replace("{", " ")) for spec in specs)


def unlisted(source, file):
    """Yield the statements of a file in which a number decides that is on no list, and the reasons that are used."""
    tree, lines = ast.parse(source), source.splitlines()
    parents = {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    for node in ast.walk(tree):
        chain = []
        while (at := parents.get(chain[-1] if chain else node)) is not None:
            chain.append(at)
        is_number = isinstance(node, ast.Constant) and type(node.value) in (int, float, complex)
        if is_number and (node.value in MATHEMATICS or in_another_form(node, chain)):
            continue
        if is_number or (isinstance(node, ast.Call) and of_digits(node)):
            statement = next(part for part in chain if isinstance(part, ast.stmt))
            line = lines[node.lineno - 1].strip()
            first = lines[statement.lineno - 1].strip()
            excuse = next(
                (key for key in NOT_LISTED if key[0] == file and (first.startswith(key[1]) or line.startswith(key[1]))),
                None,
            )
            yield f"{file}:{node.lineno}: {line}", excuse


def sources():
    for room in ROOMS:
        for path in sorted((ROOT / "comparisons" / room).rglob("*.py")):
            file = path.relative_to(ROOT / "comparisons").as_posix()
            if not file.startswith(DATA):
                yield file, path.read_text()


def test_every_number_that_decides_is_listed():
    found = [pair for file, source in sources() for pair in unlisted(source, file)]
    missing = [where for where, excuse in found if excuse is None]
    assert not missing, (
        "a number that decides has no name. Put it into comparisons/precision/constants.py with its kind, import it "
        "from there, and write docs/allowed-error.md again; or say in NOT_LISTED why it decides nothing:\n"
        + "\n".join(missing)
    )
    stale = set(NOT_LISTED) - {excuse for _, excuse in found}
    assert not stale, f"these are no longer there; take them out of NOT_LISTED: {sorted(stale)}"


@pytest.mark.parametrize(
    "line",
    [
        "LARGEST = 64.0", "LIMITS = (8, 24)", "if error > 1e-3 * size: pass", "points = draw(17)",
        "half = np.sqrt(np.finfo(x.dtype).eps)", "small = np.cbrt(eps)", "few = math.sqrt(view.u)",
        "rate = float(f'{rate:.9g}')", "allowed = [4 * u for x in y]", "def f(): return 3 * np.sqrt(x)",
    ],
)  # fmt: skip
def test_a_number_that_is_not_listed_is_found(line):
    """The negative control."""
    assert [excuse for _, excuse in unlisted(line, "judging/new.py")][:1] == [None]


@pytest.mark.parametrize(
    "line",
    [
        "x = 2 * y - 1", "x = y[3]", "x = y[:5]", "def f(examples=100): pass", "f(axis=3)", "x.ndim == 4",
        "EARLIER_STREAM = 7", "rng = np.random.default_rng([seed, 3])", "len(x) > 3", "x = SAFETY * np.sqrt(y)",
        "rate = float(f'{rate:.{DIGITS}g}')", "text = f'{rate:.9g}'",
    ],
)  # fmt: skip
def test_mathematics_and_form_are_not(line):
    assert list(unlisted(line, "judging/new.py")) == []


def clocks(source):
    return re.findall(r"thread_time|process_time|monotonic|perf_counter|time\.time\(", source)


def test_no_clock_decides():
    """What a verdict, a cause or an example depends on is counted in work, so that two machines say the same."""
    read = {file for file, source in sources() if clocks(source)}
    assert read <= set(CLOCKS), f"a clock is read in {sorted(read - set(CLOCKS))}: count runs and elements instead"
    assert set(CLOCKS) <= read, f"no clock is read there any more; take it out of CLOCKS: {sorted(set(CLOCKS) - read)}"
    assert clocks("ends = time.thread_time() + 20")


def test_each_row_is_the_constant_of_its_name():
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)
    defined = {**vars(formula_constants), **vars(accuracy_constants), **vars(constants)}
    for row in ROWS:
        assert defined.get(row.name) is row.value, row.name
        assert row.why.endswith("."), row.name
    named = {name for name in defined if name.isupper() and name[0] != "_"}
    assert named - {"SECTIONS", "FORMULA", "ACCURACY"} == set(names)


def test_each_constant_is_used():
    used = "\n".join(source for _, source in sources())
    used += "".join(path.read_text() for path in (ROOT / "comparisons" / "drawing").glob("*.py"))
    used += "".join(path.read_text() for path in (ROOT / "comparisons" / "subjects").glob("*.py"))
    used += "".join(path.read_text() for path in (ROOT / "comparisons" / "tracing" / "wide").glob("*.py"))
    idle = [row.name for row in ROWS if not re.search(rf"\b{row.name}\b", used)]
    assert idle in ([], ["ELEMENTARY_ULPS"]), f"nothing depends on {idle}: delete it"


def test_what_is_not_chosen_has_a_test():
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    for row in ROWS:
        assert bool(row.test) == (row.kind != "chosen"), row.name
        assert not row.test or f"\ndef {row.test}(" in tests, f"{row.name}: there is no test {row.test}"


# Each of the following holds at the constant's value, and at half or double of it does not.


def holds(used, budget):
    """Whether a budget covers what is used of it, and half of it would not."""
    return budget / 2 < used <= budget


def is_tight(used, budget):
    """Whether a budget holds, and neither half nor double of it does."""
    return holds(used, budget) and not holds(used, budget / 2) and not holds(used, 2 * budget)


def test_tightness_can_fail():
    assert is_tight(1.5, 2)
    assert not is_tight(0.9, 2)
    assert not is_tight(2.1, 2)


def test_a_quotient_takes_two_roundings():
    """|fl(x · fl(1/c)) − x/c| ≤ 2 u |x/c|, nearly."""
    x, c = RNG.uniform(1, 2, (2, 200_000)).astype(np.float32)
    by_multiplying = (x * (np.float32(1) / c)).astype(np.float64)
    exact = x.astype(np.float64) / c
    used = float(np.max(np.abs(by_multiplying - exact) / exact)) / 2.0**-24
    assert is_tight(used, constants.QUOTIENT_ROUNDINGS)


def test_a_unit_in_the_last_place_is_up_to_two_roundings():
    """spacing(y) ≤ 2 u |y|, and as much at a power of two."""
    y = RNG.uniform(1, 2, 1000).astype(np.float32)
    y[0] = 1
    used = float(np.max(np.spacing(y) / (y.astype(np.float64) * 2.0**-24)))
    assert is_tight(used * constants.ELEMENTARY_ULPS, constants.ELEMENTARY_ROUNDINGS)


def test_float64_errors_are_those_of_float32_scaled():
    """The errors of the same quotients in both formats: their root mean squares differ by the constant's factor."""
    x, y = np.random.default_rng(0).uniform(1, 2, (2, 2000)).astype(np.float32)
    wide = x.astype(np.float64) / y
    exact = [Fraction(a) / Fraction(b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    wide_errors = [float(Fraction(q) - e) for q, e in zip(wide.tolist(), exact, strict=True)]
    ratio = np.sqrt(np.mean(np.square(wide_errors)) / np.mean((x / y - wide) ** 2))
    assert 2**-0.5 < ratio / constants.FLOAT64_PER_FLOAT32 < 2**0.5, "half or double of it lies outside"


@pytest.mark.skipif(np.finfo(np.longdouble).nmant <= 52, reason="longdouble is float64 on this machine")
def test_a_longdouble_loses_one_rounding():
    x = np.longdouble(1) + np.ldexp(np.longdouble(1), -53) - np.ldexp(np.longdouble(1), -62)
    used = float(abs(np.longdouble(float(x)) - x) / x)
    assert is_tight(used, constants.ROUNDED_TO_DOUBLE)


def test_seventeen_digits_tell_doubles_apart():
    """Sixteen do not."""
    x = 1 + np.arange(1, 2000) * np.finfo(np.float64).eps * 3
    digits = constants.DOUBLE_DIGITS
    assert all(float(f"{value:.{digits - 1}e}") == value for value in x)
    assert not all(float(f"{value:.{digits - 2}e}") == value for value in x)


def test_beyond_its_end_float64_has_no_second_decimal():
    used = 0.01 / np.spacing(constants.DECIMALS_END)  # a step of float64 there, in hundredths
    assert 0.5 < used < 1
    assert np.spacing(constants.DECIMALS_END / 2) < 0.01


# The page.

#: Writes the tables again.
WRITE = "python tests/comparisons/precision/test_constants.py docs/allowed-error.md"
BEGIN, END = "<!-- constants: written by a command -->\n", "<!-- end of constants -->\n"


def written(page):
    """The page with the tables as they are now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{constants_markdown(constants.SECTIONS)}\n{END}{after}"


def test_the_page_is_current():
    page = PAGE.read_text()
    assert page.count(BEGIN) == page.count(END) == 1
    assert written(page) == page, f"docs/allowed-error.md shows old constants. Write it again: {WRITE}"


def test_the_command_writes_the_page(tmp_path):
    page, old = PAGE.read_text(), tmp_path / "page.md"
    old.write_text(page.replace("| `SAFETY` | 64 |", "| `SAFETY` | 65 |"))
    assert old.read_text() != page
    subprocess.run([sys.executable, __file__, str(old)], cwd=ROOT, check=True)
    assert old.read_text() == page


def test_values_in_short():
    assert [show_value(v) for v in (64.0, 2.0**-20, 4096, 9999, 5 * 10**8, (-3.0, 3.0), range(3, 27))] == [
        "64", "2⁻²⁰", "2¹²", "9999", "500000000", "-3, 3", "3 to 26",
    ]  # fmt: skip
    assert show_value({"quick": 8}) == "quick 8"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        Path(name).write_text(written(Path(name).read_text()))
