"""The numbers that decide when a formula is judged in wide arithmetic, and why each has its value."""

from __future__ import annotations

from .listing import Section

FORMULA = Section("The formula, judged in wide arithmetic")

FORMULA_ROUNDINGS = FORMULA.chosen(
    "FORMULA_ROUNDINGS",
    8,
    "A gradient's formula is right where it is off by no more than so many roundings of the dtype, relative to the "
    "element itself: the code's own constants are rounded, and iterations end. Anything from 2 to 40 finds a fault of "
    "1e-14 in float64 and spares a constant that is written in two ways.",
)
CONSTANT_ROUNDINGS = FORMULA.chosen(
    "CONSTANT_ROUNDINGS",
    4,
    "A number of many digits in the code, such as √(2/π), may carry so many roundings. What that changes in the "
    "formula is computed, by moving each number.",
)
WIDE_STEPS = FORMULA.chosen(
    "WIDE_STEPS",
    (-20, -12, -4, 8, 20, 34),
    "Powers of two by which inputs are moved, relative to themselves: the first for all elements, whose derivative is "
    "then good to some 2⁻⁷⁶ of the terms. Small elements, of which that decides nothing, are moved further.",
)
WIDE_DIFFERENCES = FORMULA.chosen(
    "WIDE_DIFFERENCES", (2, 3, 5, 3, 3, 3), "How many central differences are extrapolated at each of these steps."
)
SMALL_STEPS = FORMULA.chosen(
    "SMALL_STEPS",
    (-32, -44, -56),
    "Powers of two that take the place of the first where forward is so steep that its differences disagree.",
)
WIDE_NOISE = FORMULA.chosen(
    "WIDE_NOISE",
    2.0**10,
    "The error of a gradient in wide arithmetic is no more than so many times what one more unit of rounding in every "
    "result changes. Anything up to 2⁴⁰ finds the same faults.",
)
ALIKE = FORMULA.chosen(
    "ALIKE",
    2.0**-16,
    "Elements down to this part of the largest enter a direction alike, so that a fault shows by its part of the "
    "element; smaller ones enter by their size.",
)
WIDE_UNIT = FORMULA.measured(
    "WIDE_UNIT",
    2.0**-102,
    "The rounding of a forward's value in wide arithmetic, relative to its terms: 4 units of 2⁻¹⁰⁴.",
    "test_a_value_in_wide_arithmetic_is_good_to_its_unit",
)
WIDE_SMALLEST = FORMULA.derived(
    "WIDE_SMALLEST",
    2.0**-860,
    "Below it the low half of a wide number, 2⁻¹⁰⁶ of it, moved by 2⁻⁵⁶, falls under the smallest double of 2⁻¹⁰²².",
    "test_where_wide_arithmetic_underflows_nothing_is_judged_in_it",
)
MORE_ITERATIONS = FORMULA.chosen(
    "MORE_ITERATIONS",
    60,
    "A loop that values end makes so many more iterations, to see whether a gradient is right for its limit.",
)
FORMULA_OPERATIONS = FORMULA.chosen(
    "FORMULA_OPERATIONS",
    2**13,
    "The formula of a gradient that computes more results than this, in a loop of thousands of steps, is not judged.",
)
JACOBIAN_ELEMENTS = FORMULA.chosen(
    "JACOBIAN_ELEMENTS", 2**12, "The formula of larger Jacobians is not judged: each row takes some runs of forward."
)
NEAR_A_LIMIT = FORMULA.chosen(
    "NEAR_A_LIMIT", 2, "A gradient that is wrong from this digit on may be right for the limit of an iteration."
)
JUDGED_ALONE = FORMULA.chosen(
    "JUDGED_ALONE",
    16,
    "Elements whose kink shows only when they are judged alone; where there are more, it is a fault.",
)
FORMULA_ELEMENTS = FORMULA.chosen(
    "FORMULA_ELEMENTS",
    2**18,
    "The formula of gradients with more elements is not judged: the run would take longer than the rest of the check.",
)
ZERO_PART = FORMULA.chosen(
    "ZERO_PART",
    2.0**-60,
    "An element of the gradient that is zero is right if the derivative is smaller than this part of the largest one, "
    "each times its input.",
)
REAL_DIFFERENCE = FORMULA.chosen(
    "REAL_DIFFERENCE",
    4,
    "A gradient and the wide derivative differ where they are apart by so many times the derivative's error estimate.",
)
UNSTABLE_PART = FORMULA.chosen(
    "UNSTABLE_PART",
    0.5,
    "A gradient with the right formula is noted as unstable where it keeps less than this part of the digits that the "
    "problem allows.",
)
OPEN_BELOW = FORMULA.chosen(
    "OPEN_BELOW",
    100,
    "Nothing is known of an element that the wide derivative shows to less than two digits: a fault would not be seen.",
)
SAME_FAR = FORMULA.chosen(
    "SAME_FAR",
    2.0**-10,
    "The part of itself by which a derivative may differ between two long steps, to be believed where short ones show "
    "nothing.",
)
KINK_SHIFT = FORMULA.chosen(
    "KINK_SHIFT",
    -44,
    "The power of two, relative to the inputs, of the distance at which gradients around a kink are taken.",
)
KINK_SCATTER = FORMULA.chosen(
    "KINK_SCATTER",
    -36,
    "The power of two of the noise by which elements on a threshold fall to either side: more than a move of the "
    "inputs by 2 to the KINK_SHIFT reaches there.",
)
NEARER = FORMULA.chosen(
    "NEARER",
    -8,
    "The power of two by which further points are nearer to the kink: what changes less there is a slope, no jump.",
)
NEARER_FOR = FORMULA.chosen(
    "NEARER_FOR",
    6,
    "Points around are further away by the power of two by which φ's terms are larger than the gradient, less this.",
)
FURTHEST = FORMULA.chosen("FURTHEST", 32, "By this power of two points around are further away at the most.")
POINTS_AT_A_FAULT = FORMULA.chosen(
    "POINTS_AT_A_FAULT",
    6,
    "Points near a fault at which forward's derivative is looked at, before all are: at a tie of two it is another at "
    "half of them.",
)
KINK_STEP = FORMULA.chosen(
    "KINK_STEP", -60, "The power of two by which inputs are moved there, far less than their distance from the kink."
)
KINK_SAMPLES = FORMULA.chosen(
    "KINK_SAMPLES",
    32,
    "Points around a kink. Two elements that are at kinks of their own show all four pairs of sides with a probability "
    "of 0.9996.",
)
KINK_SAMPLES_AT_FIRST = FORMULA.chosen(
    "KINK_SAMPLES_AT_FIRST", 4, "Where the gradient is the same at so many points around, there is no kink."
)
KINK_DIGITS = FORMULA.chosen(
    "KINK_DIGITS",
    2.0**-20,
    "At a kink a gradient lies between those around it to this part of their size: they are taken at a small distance.",
)
TIED_ROUNDS = FORMULA.chosen(
    "TIED_ROUNDS",
    24,
    "How often points are taken on the side to which tied elements lie, before they are found outside of all means.",
)
FRANK_WOLFE_STEPS = FORMULA.chosen(
    "FRANK_WOLFE_STEPS", 2000, "Steps to the nearest mean of the gradients around; it is reached in some dozens."
)
MOVED_ONE_BY_ONE = FORMULA.chosen(
    "MOVED_ONE_BY_ONE", 256, "Up to so many elements at kinks are moved one by one, to see which of them tie together."
)
TIED_MOST = FORMULA.chosen(
    "TIED_MOST",
    8,
    "Tied elements for which no mean of gradients around was found: up to so many are wrong, more are undecided.",
)
AROUND_DIGITS = FORMULA.chosen(
    "AROUND_DIGITS", 2.0**-30, "To this part of its size a formula is seen to be right at points around a kink."
)
SEEN_DIGITS = FORMULA.chosen(
    "SEEN_DIGITS",
    2.0**-25,
    "The same for the elements that differ at the point itself: less than a fault of 1e-6, which float32 has to show.",
)
BESIDE_PART = FORMULA.chosen(
    "BESIDE_PART",
    2.0**-6,
    "Points on the side to which tied elements lie are scattered by this part of their distance, so that no tie stays.",
)
MEAN_SLACK = FORMULA.chosen(
    "MEAN_SLACK", 4, "A mean of gradients around is the one at the kink to so many times KINK_DIGITS."
)
HALF_WAY = FORMULA.chosen("HALF_WAY", 8, "Two long steps are apart by this power of two.")
NOISE_UNIT = FORMULA.chosen(
    "NOISE_UNIT",
    2.0**-106,
    "The size of one more rounding of a wide result: half a unit in its last place. What it changes is multiplied by "
    "WIDE_NOISE, or divided by it again.",
)
