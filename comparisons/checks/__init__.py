"""What users call, each a short recipe of the rooms before it: gradient, layer, model, update, file, network.

May import causes and the rooms before it.
"""
