"""Soaking: problems drawn over the whole catalogue for as long as you like, on all cores or on a cluster.

The work is divided into chunks (`plan.py`). A worker process draws and judges each chunk (`chunk.py`, `worker.py`,
`processes.py`). The results are kept (`run.py`) and summed up (`tally.py`).

May import gallery and the rooms before it.
"""

from .report import SoakDetails
from .run import soak

__all__ = ["SoakDetails", "soak"]
