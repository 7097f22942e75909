"""What keeps running a user's code harmless: one check at a time, global state put back, limits of time.

May import nothing of the other rooms.
"""
