"""What users call, each a short recipe of the rooms above: gradient, layer, model, update, file, network.

May import causes and the rooms above it.
"""
