import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradtwin.backends.signature import Signature
from gradtwin.errors import ArgumentTypeError, ArgumentValueError, ShapeError

NAMES = ("a", "b")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("(n,k),(k,m)", "0 arrows"),
        ("(n)->(n)->(n)", "2 arrows"),
        ("(n,k,(k,m)->(n,m)", "not a list of bracketed shapes"),
        ("n,k->n", "not a list of bracketed shapes"),
        ("(n,)->(n)", "not a dimension"),
        ("(n-1)->(n)", "not a dimension"),
        ("(n)->(m)", "'m' occurs in no input"),
        ("(n)->(n),(n)", "2 outputs"),
        ("(...,n)->(n)", "must stand alone"),
        ("", "0 arrows"),
    ],
)
def test_malformed_signatures_say_which_part(text, part):
    with pytest.raises(ArgumentValueError, match="malformed") as raised:
        Signature.parse(text)
    assert part in str(raised.value)


def test_a_signature_must_be_text():
    with pytest.raises(ArgumentTypeError, match="NoneType"):
        Signature.parse(None)  # type: ignore[arg-type]


@given(n=st.integers(0, 5), k=st.integers(0, 5), m=st.integers(0, 5))
def test_matching_binds_every_dimension(n, k, m):
    signature = Signature.parse("(n,k),(k,m)->(n,m)")
    bound = signature.match([(n, k), (k, m)], NAMES)
    assert signature.output_shape(bound) == (n, m)
    with pytest.raises(ShapeError) as raised:
        signature.match([(n, k), (k + 1, m)], NAMES)
    message = str(raised.value)
    assert str((n, k)) in message
    assert str((k + 1, m)) in message


@pytest.mark.parametrize(
    ("shapes", "output"),
    [([(3, 4), (4, 2)], (3, 2)), ([(4,), (4, 2)], (2,)), ([(3, 4), (4,)], (3,)), ([(4,), (4,)], ())],
)
def test_optional_dimensions_drop_out(shapes, output):
    signature = Signature.parse("(n?,k),(k,m?)->(n?,m?)")
    assert signature.output_shape(signature.match(shapes, NAMES)) == output


def test_stacks_broadcast_only_where_allowed():
    signature = Signature.parse("(n?,k),(k,m?)->(n?,m?)")
    shapes = [(5, 1, 3, 4), (7, 4, 2)]
    assert signature.output_shape(signature.match(shapes, NAMES, stacked=True)) == (5, 7, 3, 2)
    with pytest.raises(ShapeError, match="4-dimensional"):
        signature.match(shapes, NAMES)
    with pytest.raises(ShapeError, match="can't broadcast"):
        signature.match([(5, 3, 4), (7, 4, 2)], NAMES, stacked=True)


def test_whole_shapes_must_be_equal():
    signature = Signature.parse("(...),(...)->()")
    assert signature.output_shape(signature.match([(2, 3), (2, 3)], NAMES)) == ()
    with pytest.raises(ShapeError, match=r"\(2, 3\) in a but \(2, 1\) in b"):
        signature.match([(2, 3), (2, 1)], NAMES)


def test_a_number_is_a_fixed_extent():
    signature = Signature.parse("(n,3)->(n)")
    assert signature.output_shape(signature.match([(7, 3)], ("x",))) == (7,)
    with pytest.raises(ShapeError, match="extent 3 where it has 4"):
        signature.match([(7, 4)], ("x",))
