"""The user's code, with one way of running each kind: functions, an object, a model, an optimizer's step.

May import tracing and the rooms above it.
"""
