"""Other gradient checkers on the same hand-derived gradients: how fast each is, and what it catches."""
