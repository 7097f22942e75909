"""What surrounds a run of a user's code: one check at a time, global state put back, time limits, whose code a line is.

May import no other room.
"""
