"""The names in return statements."""

from gradtwin.comparisons.subjects.returned_names import returned_names


def plain(a, dw):
    return a + 1, dw


def of_attributes(layer, grads):
    return layer.dx, grads["W"], grads[0], layer.f()


def single(dx):
    return dx


def twice(a, dx, dw):
    if a:
        return dx, dw
    return dx, dw


def differently(a, dx, dw):
    if a:
        return dw, dx
    return dx, dw


def with_inner(dx, dw):
    def inner():
        return dw, dx

    return dx, inner()


def test_names_of_results():
    assert returned_names(plain) == ("", "dw")
    assert returned_names(of_attributes) == ("dx", "W", "", "")
    assert returned_names(single) == ()
    assert returned_names(twice) == ("dx", "dw")
    assert returned_names(differently) == (), "it depends on the branch"
    assert returned_names(with_inner) == ("dx", ""), "the function inside is another one"
    assert returned_names(lambda dx, dw: (dx, dw)) == ()
    assert returned_names(len) == ()
