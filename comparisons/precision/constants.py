"""Every number that influences a verdict, an allowed error, a cause or an example, and why it has its value.

Numbers that are mathematics, such as the 2 of a central difference, are not listed. A test finds others that are used
and not listed here; docs/allowed-error.md shows the tables, written by the command that its test prints.
"""

from __future__ import annotations

import math

import numpy as np

from .accuracy_constants import ACCURACY
from .formula_constants import FORMULA
from .listing import Section

_EPS = float(np.finfo(np.float64).eps)

_BOUND = Section("The bound of the catalogue's operations")

QUOTIENT_ROUNDINGS = _BOUND.derived(
    "QUOTIENT_ROUNDINGS",
    2,
    "Roundings of a quotient: compilers turn x / c into x · (1/c), which rounds twice (IEEE 754).",
    "test_a_quotient_takes_two_roundings",
)
SQRT_ROUNDINGS = _BOUND.chosen(
    "SQRT_ROUNDINGS",
    2,
    "Roundings of a square root. IEEE 754 asks for 1, and 1.0 is the most that was seen; kernels that take a "
    "reciprocal root and a Newton step may need 2. Every bound of an operation with a root depends on it.",
)
SMALLER_Y_BAR = _BOUND.chosen(
    "SMALLER_Y_BAR",
    2.0**-100,
    "Where autodiff overflows in float64, the widest format it has, it is asked again at y_bar times this: a power of "
    "two, which rounds nothing. An element that agrees then is undecided.",
)
ELEMENTARY_ULPS = _BOUND.measured(
    "ELEMENTARY_ULPS",
    8,
    "Units in the last place that exp, log, log1p, tanh, power, sigmoid and softplus may be off. On 200,000 points the "
    "largest were 7.3 (TensorFlow, tanh in float64), 7.2 (XLA, softplus) and 3.0 (NumPy, sigmoid in float32).",
    "test_the_budget_is_no_larger_than_it_must_be",
)
ELEMENTARY_ROUNDINGS = _BOUND.derived(
    "ELEMENTARY_ROUNDINGS",
    2 * ELEMENTARY_ULPS,
    "The same in roundings: a unit in the last place of y is at most 2 u |y| (IEEE 754).",
    "test_a_unit_in_the_last_place_is_up_to_two_roundings",
)
BOUNDS_OWN_ERROR = _BOUND.chosen(
    "BOUNDS_OWN_ERROR",
    2.0**-30,
    "A bound is computed in float64, which rounds too. It is enlarged by this part of itself, which covers sums of 2²² "
    "terms.",
)
LONGDOUBLE_ELEMENTS = _BOUND.chosen(
    "LONGDOUBLE_ELEMENTS",
    4096,
    "Up to so many elements a float64 rule's values are held in longdouble, whose products are slow. Above it they are "
    "held in float64, and its rounding is counted in the bound, which then is twice as large.",
)

_ROUNDING = Section("The rounding of users' functions")

UNITS_MOVED = _ROUNDING.chosen(
    "UNITS_MOVED",
    32,
    "Inputs are moved by up to so many units in the last place: enough to draw roundings anew, too few to change what "
    "a function computes. The measured spread depends on it.",
)
SAFETY = _ROUNDING.chosen(
    "SAFETY",
    64.0,
    "A difference may be so many times the measured spread. The errors of K terms lie between √K and K times the size "
    "of one, and the spread is measured at few points. Every allowed error of a users' function that is measured "
    "depends on it. At one seed the corpus has the same verdicts with 2 as with 1024.",
)
FEW_ROUNDINGS = _ROUNDING.chosen(
    "FEW_ROUNDINGS",
    16.0,
    "A difference of so many roundings of the value itself is never judged: a handful of operations that round once "
    "each. Faults below 16 u of an element are not seen.",
)
CANCELLED = _ROUNDING.chosen(
    "CANCELLED",
    2.0**12,
    "A float64 element that is up to so many times smaller than the median (or N times, of N elements) is taken to be "
    "small by cancellation, and allowed roundings of the median element.",
)
DEVIATIONS = _ROUNDING.chosen(
    "DEVIATIONS",
    4.0,
    "Two ways of adding K terms may differ by so many times √K roundings of the typical sum. 3.5 is the most that was "
    "seen, at K = 1024. In float64 it sets what is allowed where inputs have an axis longer than 256.",
)
FLOAT64_PER_FLOAT32 = _ROUNDING.derived(
    "FLOAT64_PER_FLOAT32",
    2.0**-29,
    "The unit roundoff of float64 over float32's: to first order rounding errors are linear in it (Higham, §3.4).",
    "test_float64_errors_are_those_of_float32_scaled",
)
ABSORBED_BELOW = _ROUNDING.chosen(
    "ABSORBED_BELOW",
    float(np.cbrt(_EPS)),
    "∛ε: a float64 element that is smaller than this part of what it was formed from has lost a third of its digits, "
    "and is allowed the roundings of that.",
)
RERUN_DIGITS = _ROUNDING.chosen(
    "RERUN_DIGITS",
    0.5,
    "Two runs at the same inputs are one if they agree in this part of their digits (ε to this power, relative to the "
    "largest element): another order of summation doesn't show there. `nondeterministic` and `stale-value` depend on "
    "it.",
)
FEW_DIGITS = _ROUNDING.chosen(
    "FEW_DIGITS",
    0.5,
    "A number that needs at most this part of a format's digits is taken to be meant as it stands, as 1 or 0.5 is: it "
    "shows no narrower format.",
)
UNDECIDED_PART = _ROUNDING.chosen(
    "UNDECIDED_PART",
    0.5,
    "A check is inconclusive where elements that hold more than this part of the squares are undecided; a check at "
    "several points where it is so at more than this part of them.",
)
FIRST_DRAWS = _ROUNDING.chosen("FIRST_DRAWS", 1, "Moved points at which rounding is measured at first.")
MORE_DRAWS = _ROUNDING.chosen(
    "MORE_DRAWS", 8, "Moved points where something exceeds what the first ones allow: the spread is that of so many."
)
DRAWN_ELEMENTS = _ROUNDING.chosen(
    "DRAWN_ELEMENTS", 24, "Small gradients get more moved points: so many elements are drawn in all."
)
OTHER_DRAWS = _ROUNDING.chosen("OTHER_DRAWS", 3, "Moved points at a point that only causes are tried at.")
UPDATE_DRAWS = _ROUNDING.chosen("UPDATE_DRAWS", 6, "Moved starts at which an optimizer's step is taken.")
REFERENCE_DRAWS = _ROUNDING.chosen(
    "REFERENCE_DRAWS",
    8,
    "Points at which float32's rounding is measured, to tell whether a reference computes in float32.",
)

_POINTS = Section("The points that are judged")

PROFILES = _POINTS.chosen(
    "PROFILES",
    {"quick": 8, "default": 20, "thorough": 2000},
    "Problems that `compare` draws for each operation and dtype. A fault that shows at few points is found by many.",
)
ORDINARY = _POINTS.chosen(
    "ORDINARY", (-3.0, 3.0), "The values drawn where no domain is given. Faults that show beyond it are not found."
)
PROBABLE = _POINTS.chosen("PROBABLE", (0.1, 0.9), "The same for inputs that a name calls probabilities.")
DECIMALS_END = _POINTS.derived(
    "DECIMALS_END",
    2.0**53 / 100,
    "Beyond it float64 has no second decimal (IEEE 754), and points are drawn as any numbers.",
    "test_beyond_its_end_float64_has_no_second_decimal",
)
EXCLUDED_PARTS = _POINTS.chosen(
    "EXCLUDED_PARTS", 100, "Values are moved off an excluded point by the domain's range divided by this."
)
LARGEST_LOGIT = _POINTS.chosen(
    "LARGEST_LOGIT", 15.0, "Logits are drawn up to it: e⁻³⁰ is 1e-13, still a part of a sum in float64."
)
MOST_STEPS = _POINTS.chosen("MOST_STEPS", 1000, "Steps an optimizer of the catalogue may have taken before.")
FAILING_EXAMPLES = _POINTS.chosen(
    "FAILING_EXAMPLES", 50, "Points of short decimals that are drawn to find one that fails too: the example."
)
SHRINKING_RUNS = _POINTS.chosen(
    "SHRINKING_RUNS",
    4000,
    "Runs of a user's functions that are spent on making a failing example smaller, each smaller one being judged and "
    "explained. With fewer the example stays larger.",
)
JACOBIAN_ROWS = _POINTS.chosen(
    "JACOBIAN_ROWS", 256, "A Jacobian of more rows is contracted with ȳ: a fault in it then shows in a sum."
)
SMALL_UPSTREAM = _POINTS.chosen(
    "SMALL_UPSTREAM",
    2.0**-14,
    "The upstream gradient that tells clipping from a fault: no clipping cuts it. A power of two rounds nothing.",
)
LAYER_DEPTH = _POINTS.chosen(
    "LAYER_DEPTH", 3, "How deep parameters and gradients are looked for in a layer: attribute, key, attribute."
)
MODEL_DEPTH = _POINTS.chosen("MODEL_DEPTH", 5, "The same in a model, whose layers lie two steps further down.")
TELLING_SCALE = _POINTS.chosen(
    "TELLING_SCALE", (0.6, 1.4), "Parameters that are all one number hide faults: they are judged at it times these."
)
TELLING_ZERO = _POINTS.chosen("TELLING_ZERO", 0.25, "And at numbers around this where they are all 0.")
MOVED_SCALE = _POINTS.chosen(
    "MOVED_SCALE", (0.5, 1.5), "An array is a parameter if the output changes where it is multiplied by such numbers."
)
NAMED_MOMENTUM = _POINTS.chosen(
    "NAMED_MOMENTUM", 0.9, "The momentum of the optimizers that `check_update` calls `momentum` and `nesterov`."
)
ANOTHER_SCALE = _POINTS.chosen(
    "ANOTHER_SCALE", (0.7, 0.9), "Another point's values are the first one's, in another order and times such numbers."
)
ANOTHER_OF_ZEROS = _POINTS.chosen("ANOTHER_OF_ZEROS", (0.25, 0.75), "Another point's values where all were zero.")

_VOTES = Section("Third votes, and differences where nothing can be traced")

STEP_EXPONENTS = _VOTES.chosen(
    "STEP_EXPONENTS", range(3, 27), "Steps of differences are the inputs' scale times 2⁻ᵏ for these k."
)
COLUMNS = _VOTES.chosen(
    "COLUMNS",
    6,
    "Columns of the table of extrapolation: beyond them rounding grows faster than truncation falls. A vote's own "
    "error estimate follows.",
)
NOISE_EXPONENTS = _VOTES.chosen(
    "NOISE_EXPONENTS",
    (-44, -34, -24, -20),
    "Spacings, as exponents of two, at which noise is looked for: high differences of a smooth function vanish there.",
)
COARSE_EXPONENTS = _VOTES.chosen(
    "COARSE_EXPONENTS", (-14, -12, -10), "Spacings for a function that is flat at those: of very coarse grain."
)
NOISE_SAMPLES = _VOTES.chosen("NOISE_SAMPLES", 8, "Evaluations in a row for one measurement of noise.")
NOISE_ORDER = _VOTES.chosen("NOISE_ORDER", 4, "The order of the difference that leaves noise alone.")
NOISE_SPACING = _VOTES.chosen(
    "NOISE_SPACING",
    (math.sqrt(5) - 1) / 2,
    "Spacings are no simple fractions of a power of two: a grain that divided them would be stepped over unseen.",
)
COMPLEX_EXPONENTS = _VOTES.chosen(
    "COMPLEX_EXPONENTS", (-100, -130), "The two complex steps, as exponents of two: their squares are below rounding."
)
COMPLEX_ROUNDINGS = _VOTES.chosen(
    "COMPLEX_ROUNDINGS",
    8,
    "Roundings inside a forward that moving its inputs doesn't show: those of a chain of some elementwise functions. "
    "The error of a vote by complex step is at least that.",
)
PERTURBED_SAMPLES = _VOTES.chosen(
    "PERTURBED_SAMPLES", 4, "Evaluations at inputs moved by one rounding, which show how far it moves a complex step."
)
ROUNDED_TO_DOUBLE = _VOTES.derived(
    "ROUNDED_TO_DOUBLE",
    _EPS / 2,
    "What a derivative in longdouble loses when it is returned as a float: one rounding (IEEE 754).",
    "test_a_longdouble_loses_one_rounding",
)
EVERY_ENTRY = _VOTES.chosen(
    "EVERY_ENTRY", 256, "Gradients of up to so many entries are taken by differences entry by entry; others in samples."
)
MOST_DIFFERENCES = _VOTES.chosen(
    "MOST_DIFFERENCES", 2**12, "Jacobians of more elements are refused where only differences could judge them."
)
LARGEST_ENTRIES = _VOTES.chosen("LARGEST_ENTRIES", 8, "Of a larger gradient, the largest entries that are looked at.")
RANDOM_ENTRIES = _VOTES.chosen("RANDOM_ENTRIES", 8, "And entries drawn at random.")
DIRECTIONS = _VOTES.chosen("DIRECTIONS", 4, "And directions of random signs, which every entry enters.")
FIRST_VOTES = _VOTES.chosen("FIRST_VOTES", 3, "Elements that are voted on: the worst ones.")
MOST_VOTES = _VOTES.chosen(
    "MOST_VOTES", 200, "And at most, where the first votes are not against the user. More differences stay mismatches."
)

_KINKS = Section("Kinks")

NEIGHBOURS = _KINKS.chosen(
    "NEIGHBOURS", 32, "Points around one that may be at a kink; what lies between their gradients is right there."
)
DISPLACEMENT = _KINKS.chosen("DISPLACEMENT", 2.0**-20, "How far they lie from it, relative to the size of the inputs.")
NEIGHBOUR_DRAWS = _KINKS.chosen("NEIGHBOUR_DRAWS", 4, "Moved points at which such a point's rounding is measured.")

_CAUSES = Section("Causes")

ENOUGH_BITS = _CAUSES.chosen(
    "ENOUGH_BITS",
    16,
    "Bits of evidence that confirm a cause: some hundreds of repairs are tried, so that one in a hundred mismatches of "
    "another kind could pass for one.",
)
NOISE_BITS = _CAUSES.chosen(
    "NOISE_BITS", 3, "Bits that an element's fit is not credited: noise alone lies within a factor of eight of noise."
)
OTHER_POINTS = _CAUSES.chosen("OTHER_POINTS", 5, "Other points at which a repair must hold too.")
FEW_POINTS = _CAUSES.chosen("FEW_POINTS", 2, "The same for a costly repair.")
SEARCH_RUNS = _CAUSES.chosen(
    "SEARCH_RUNS",
    1000,
    "Runs of both sides, for one input's gradient, after which no more repairs are tried. The most that a "
    "cause of the corpus took is 280. What is not found by then is `unknown`.",
)
SEARCH_ELEMENTS = _CAUSES.chosen(
    "SEARCH_ELEMENTS",
    5 * 10**8,
    "Elements that these runs and the trials go through, after which no more are tried: of a gradient of 10⁶ elements, "
    "500 trials.",
)
MOST_GUESSES = _CAUSES.chosen("MOST_GUESSES", 2, "Guesses that are given where nothing is confirmed.")
PROBES = _CAUSES.chosen("PROBES", 32, "Gradients that the oracle is asked for one repair, at most.")
LOOP_STEPS = _CAUSES.chosen(
    "LOOP_STEPS",
    512,
    "Steps of a loop whose last contribution alone may have been kept. Of a longer one it isn't found.",
)
FACTOR_ROUNDINGS = _CAUSES.chosen(
    "FACTOR_ROUNDINGS",
    16,
    "Roundings in an elementwise factor as the user and a repair compute it: an elementary function and an operation "
    "or two, on both sides. A repair that is right within more is refused.",
)
LINE_ROUNDINGS = _CAUSES.chosen(
    "LINE_ROUNDINGS", 4, "Roundings in telling whether a gradient is a multiple of a loop's last contributions."
)
RATIO_DIGITS = _CAUSES.chosen(
    "RATIO_DIGITS",
    0.5,
    "Part of the digits (ε to this power) that tells whether an array varies, whether a product of gradients is one "
    "number, and whether a state variable's ratio is ±1.",
)
DOUBLE_DIGITS = _CAUSES.derived(
    "DOUBLE_DIGITS",
    17,
    "Decimal digits that tell any two float64 numbers apart (IEEE 754): a threshold is looked for in up to so many.",
    "test_seventeen_digits_tell_doubles_apart",
)
RATE_DIGITS = _CAUSES.chosen(
    "RATE_DIGITS", 9, "Fitted rates and weight decays are tried as decimal numbers of so many digits first."
)
SHOWN_DIGITS = _CAUSES.chosen("SHOWN_DIGITS", 6, "Digits of a factor in a cause's detail, where it is no fraction.")
LARGEST_DENOMINATOR = _CAUSES.chosen(
    "LARGEST_DENOMINATOR", 9999, "Fractions are shown as such up to this numerator and denominator."
)
LARGEST_COMMON = _CAUSES.chosen(
    "LARGEST_COMMON", 10, "Whole numbers up to this stand in many a formula: that one is a length as well says little."
)
CLEARLY = _CAUSES.chosen(
    "CLEARLY", 16, "Of two factors one is right if it is so many times nearer: both are far off where neither is."
)
MOST_NAMES = _CAUSES.chosen("MOST_NAMES", 3, "Names of one number that a cause lists.")
MOST_AXES = _CAUSES.chosen("MOST_AXES", 4, "Axes are permuted in every way up to so many.")
SHIFTS = _CAUSES.chosen("SHIFTS", (1, -1, 2, -2), "Shifts that are tried along an axis.")
LEAST_OF_ROUNDING = _CAUSES.chosen(
    "LEAST_OF_ROUNDING", 64, "A difference that float32 explains is this part of its unit roundoff at least."
)
LEAST_RATIOS = _CAUSES.chosen(
    "LEAST_RATIOS", 3, "A stale value shows in so many ratios of the gradients: fewer are a mask, or two slopes."
)
LEAST_STEP = _CAUSES.chosen(
    "LEAST_STEP",
    256.0,
    "The wrong element nearest to a threshold differs by so many times what is allowed: a difference that grows from 0 "
    "everywhere is below that somewhere, which makes no region.",
)
LEAST_RIGHT = _CAUSES.chosen("LEAST_RIGHT", 2, "Elements on the right side of a threshold: one may be so by chance.")
MOST_LISTED = _CAUSES.chosen(
    "MOST_LISTED", 4, "Indices that a cause lists; a region of entries is one up to so many entries."
)

_TIME = Section("Limits of time: beyond them a pair is inconclusive, and no verdict on a gradient depends on them")

GUESSING_SECONDS = _TIME.chosen("GUESSING_SECONDS", 10.0, "To find out how a pair of a file is called.")
CHECKING_SECONDS = _TIME.chosen("CHECKING_SECONDS", 120.0, "To check a pair of a file, where the user sets no limit.")
LOADING_SECONDS = _TIME.chosen("LOADING_SECONDS", 120.0, "To load the file that a case's functions are in.")

_NAMES = Section("Misspelt names: a pair that nearly has them is inconclusive")

ALIKE_WORD = _NAMES.chosen(
    "ALIKE_WORD",
    0.8,
    "How alike a word of a gradient's name and a known one are at least, by difflib, from 0 to 1. `derivitive` is 0.90 "
    "and `gradeint` 0.88; `private` is 0.71.",
)
ALIKE_STEM = _NAMES.chosen(
    "ALIKE_STEM",
    0.85,
    "The same for a function's name and the one that its gradient's name asks for. `sigmiod` is 0.86.",
)
SHORTEST_STEM = _NAMES.chosen(
    "SHORTEST_STEM", 5, "Letters of a function's name below which others are too like it, such as `elu` and `relu`."
)

SECTIONS = (_BOUND, _ROUNDING, FORMULA, ACCURACY, _POINTS, _VOTES, _KINKS, _CAUSES, _TIME, _NAMES)
