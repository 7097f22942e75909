"""Soaking: problems drawn over the whole catalogue for as long as one likes, on all cores or on a cluster.

The work is cut into chunks (`plan.py`), each of which a worker process draws and judges (`chunk.py`, `worker.py`,
`processes.py`); what came of each is kept (`run.py`) and summed up (`tally.py`).
"""

from .report import SoakDetails
from .run import soak

__all__ = ["SoakDetails", "soak"]
