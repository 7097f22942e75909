"""How a report looks: text, HTML, JUnit, annotations, plots. A rendering decides nothing.

May import results and the rooms before it.
"""
