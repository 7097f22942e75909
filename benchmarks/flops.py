"""How much arithmetic a rule does, counted by running it once on arrays that count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array


def count_flops(function: Callable[..., Any], *inputs: Array) -> int:
    """Return the number of floating-point operations in `function(*inputs)`.

    A product of matrices counts 2·n·k·m, an elementwise function 1 for each element, a sum of K terms K − 1.
    """
    total = 0

    class Counting(np.ndarray[Any, Any]):
        def __array_ufunc__(self, ufunc: np.ufunc, method: str, *operands: Any, **kwargs: Any) -> Any:
            nonlocal total
            plain = [np.asarray(x) for x in operands]
            out = kwargs.pop("out", ())
            if out:
                kwargs["out"] = tuple([np.asarray(x) for x in out])
            result = np.asarray(getattr(ufunc, method)(*plain, **kwargs))
            if ufunc is np.matmul:
                total += 2 * plain[0].shape[-1] * result.size
            elif method == "reduce":
                total += plain[0].size - result.size
            else:
                total += result.size
            return out[0] if out else result.view(Counting)

        def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
            result = super().__array_function__(function, types, args, kwargs)  # padding gives a plain array
            return result.view(Counting) if isinstance(result, np.ndarray) else result

    function(*[x.copy().view(Counting) for x in inputs])
    return total
