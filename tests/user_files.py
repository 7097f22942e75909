"""Files of users, written and checked in this process, and pairs in the styles of published code."""

import textwrap

from gradtwin.comparisons.checks.file import check_file
from gradtwin.comparisons.subjects.loading import Target, load


def check(tmp_path, source, **options):
    """Check every pair of a file with this text."""
    path = tmp_path / "user.py"
    path.write_text("import numpy as np\n" + textwrap.dedent(source))
    with load(Target.parse(str(path)), 20) as module:
        return check_file(module, "user.py", **options)


#: Right pairs by their style, each with the positions of the differentiated inputs.
STYLES = {
    "derivative": ("def tanh(x): return np.tanh(x)\ndef tanh_prime(x): return 1 - np.tanh(x) ** 2", [0]),
    "ufunc": ("tanh = np.tanh\ntanh_prime = lambda x: 1 - np.tanh(x) ** 2", [0]),
    "two inputs": (
        "def elu(x, alpha): return np.where(x > 0, x, alpha * np.expm1(x))\n"
        "def elu_derivative(x, alpha): return np.where(x > 0, 1.0, alpha * np.exp(x))",
        [0],
    ),
    "vjp": ("def relu(Z): return np.maximum(0, Z)\ndef relu_backward(dA, Z): return dA * (Z > 0)", [0]),
    "vjp (upstream_last)": ("def cube(x): return x**3\ndef cube_backward(x, dout): return dout * 3 * x**2", [0]),
    "vjp (accumulating)": (
        "def forwardMult(A, B): return A @ B\n"
        "def backwardMult(dC, A, B, dA, dB):\n    dA += dC @ B.T\n    dB += A.T @ dC",
        [0, 1],
    ),
    "backward": (
        "def affine_forward(x, w, b): return x @ w + b, (x, w)\n"
        "def affine_backward(dout, cache):\n"
        "    x, w = cache\n    return dout @ w.T, x.T @ dout, dout.sum(axis=0)",
        [0, 1, 2],
    ),
    "backward (cache_first)": (
        "def sq_forward(x): return x * x, x\ndef sq_backward(cache, dout): return 2 * cache * dout",
        [0],
    ),
    "backward (cache_at)": (
        "def mul_forward(a, b): return a * b, a, b\n"
        "def mul_backward(dout, cache): return dout * cache[1], dout * cache[0]",
        [0, 1],
    ),
    "gradients in another order": (
        "def linear_forward(x, w, b): return w @ x + b, (x, w)\n"
        "def linear_backward(dout, cache):\n"
        "    x, w = cache\n    return dout @ x.T, dout.sum(axis=1, keepdims=True), w.T @ dout",
        [1, 2, 0],
    ),
    "columns": (
        "def linear_forward(A, W, b): return W @ A + b, (A, W)\n"
        "def linear_backward(dZ, cache):\n"
        "    A, W = cache\n    return W.T @ dZ, dZ @ A.T, dZ.sum(axis=1, keepdims=True)",
        [0, 1, 2],
    ),
    "a course's dict": (
        "def bn_forward(x, gamma, beta, bn_param):\n"
        "    xh = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)\n"
        "    return gamma * xh + beta, (xh, gamma, np.sqrt(x.var(0) + 1e-5))\n"
        "def bn_backward(dout, cache):\n"
        "    xh, gamma, s = cache\n    d = dout * gamma\n"
        "    return (d - d.mean(0) - xh * (d * xh).mean(0)) / s, (dout * xh).sum(0), dout.sum(0)",
        [0, 1, 2],
    ),
    "jacobian": (
        "def softmax(z):\n    e = np.exp(z - z.max())\n    return e / e.sum()\n"
        "def softmax_grad(z):\n    s = softmax(z)\n    return np.diag(s) - np.outer(s, s)",
        [0],
    ),
    "grad": (
        "def mse(y_true, y_pred): return np.mean((y_true - y_pred) ** 2)\n"
        "def mse_prime(y_true, y_pred): return 2 * (y_pred - y_true) / y_true.size",
        [1],
    ),
    "grad, a number for each row": (
        "def mse(p, t): return np.mean((p - t) ** 2, axis=1)\ndef mse_grad(p, t): return 2 * (p - t) / p.shape[1]",
        [0],
    ),
    "grad of weights": (
        "def loss(w, X, y): return np.mean((X @ w - y) ** 2) / 2\n"
        "def loss_grad(w, X, y): return X.T @ (X @ w - y) / len(y)",
        [0],
    ),
    "value_and_grad": (
        "def softmax_loss(x, y):\n"
        "    p = np.exp(x - x.max(axis=1, keepdims=True))\n    p /= p.sum(axis=1, keepdims=True)\n"
        "    n = np.arange(len(x))\n    loss = -np.mean(np.log(p[n, y]))\n"
        "    p[n, y] -= 1\n    return loss, p / len(x)",
        [0],
    ),
    "log loss in its domain": (
        "def logloss(y, a): return -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a))\n"
        "def d_logloss(y, a): return (a - y) / (a * (1 - a)) / a.size",
        [1],
    ),
    "cross entropy of logits and one-hot rows": (
        "def softmax(z):\n    e = np.exp(z)\n    return e / e.sum(axis=1, keepdims=True)\n"
        "def softmax_cross_entropy(z, y): return -np.sum(y * np.log(softmax(z)))\n"
        "def softmax_cross_entropy_grad(z, y): return softmax(z) - y",
        [0],
    ),
}

#: Wrong pairs by their cause.
FAULTS = {
    "sign": "def mse(y_true, y_pred): return np.mean((y_true - y_pred) ** 2)\n"
    "def mse_prime(y_true, y_pred): return 2 * (y_true - y_pred) / y_true.size",
    "factor": "def cost(y, t): return np.sum((y - t) ** 2)\ndef cost_prime(y, t): return y - t",
    "mutated-input": "def relu(x): return np.maximum(x, 0, out=x)\ndef relu_prime(x): return (x > 0).astype(int)",
    "jacobian-diagonal": "def softmax(z):\n    e = np.exp(z)\n    return e / e.sum(axis=1, keepdims=True)\n"
    "def softmax_backward(dout, z): return dout * softmax(z) * (1 - softmax(z))",
    "shape": "def affine_forward(x, w, b): return x @ w + b, (x, w)\n"
    "def affine_backward(dout, cache):\n    x, w = cache\n    return dout @ w.T, x.T @ dout, dout",
    "missing-sum": "def add_bias(x, b): return x + b\ndef add_bias_vjp(dout, x, b): return dout, dout",
    "raises": "def cube(x): return x**3\ndef cube_prime(x): return 3 * xx**2",
}
