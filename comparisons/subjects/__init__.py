"""What users hand in, each behind one way of running it: functions, an object, a model, an optimizer's step.

May import tracing and the rooms above it.
"""
