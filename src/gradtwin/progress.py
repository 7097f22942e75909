"""How long work reports where it is. Imports nothing of gradtwin."""

from __future__ import annotations

from collections.abc import Callable

#: Called with the number of steps done, the number of all steps, and what is being done.
Progress = Callable[[int, int, str], None]
