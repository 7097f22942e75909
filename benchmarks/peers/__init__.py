"""Other gradient checkers on the same hand-derived gradients: their speed, and the faults that they catch."""
