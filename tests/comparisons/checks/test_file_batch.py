"""A gradient that is divided by the batch size on purpose: a mismatch that names the way to declare it."""

from user_files import check

LINEAR = """
def linear_forward(A, W, b): return W @ A + b, (A, W)
def linear_backward(dZ, cache):
    A, W = cache
    m = A.shape[1]
    return W.T @ dZ, dZ @ A.T / m, dZ.sum(axis=1, keepdims=True) / m
"""


def test_a_mean_over_the_batch_names_param_scale(tmp_path):
    report = check(tmp_path, LINEAR)
    assert report.verdict == "mismatch"
    assert report.extra["pairs"][0]["cause"] == "mean-for-sum"
    assert 'gt.check_layer(..., param_scale="1/batch")' in " ".join(str(report).split())
    assert check(tmp_path, LINEAR.replace(" / m", "")).ok
    other = check(tmp_path, LINEAR.replace("W.T @ dZ", "-W.T @ dZ"))
    assert not any("param_scale" in note for note in other.extra["notes"])
