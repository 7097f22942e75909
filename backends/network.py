"""A network as a list of operations with named parameters, for any backend."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """One operation of a network; `parameters` names its inputs after the first."""

    operation: str
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Network:
    """A chain of layers, a loss of its output and a target, and an optimizer."""

    layers: tuple[Layer, ...]
    loss: str
    optimizer: str
