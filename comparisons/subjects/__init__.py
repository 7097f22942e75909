"""What users hand in, each made runnable: functions, an object, a model, an optimizer's step.

May import tracing and the rooms before it.
"""
