"""How a report looks: text, HTML, JUnit, annotations, plots. Renderings decide nothing.

May import results and the rooms above it.
"""
