"""Hypothesis without deadlines (TensorFlow's first calls are slow); fixed seeds; backends made once."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from gradtwin.backends import get_backend
from gradtwin.backends.backend import Backend

pytest_plugins = ["pytester"]
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # as gradtwin does, before a test imports TensorFlow itself

settings.register_profile(
    "gradtwin",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
settings.load_profile("gradtwin")


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Let each test begin at the same state: Keras draws the seeds of its initializers from `random`."""
    random.seed(0)
    np.random.seed(0)


@pytest.fixture(scope="session")
def numpy_backend() -> Backend:
    return get_backend("numpy")


@pytest.fixture(scope="session")
def tensorflow_backend() -> Callable[[str], Backend]:
    made: dict[str, Backend] = {}

    def make(mode: str) -> Backend:
        if mode not in made:
            made[mode] = get_backend("tensorflow", mode)
        return made[mode]

    return make
