"""Classes that hold the recorded measures of one run or of several runs.

- ``trajectory``: :class:`Trajectory`, steps and named columns
- ``runs``: :class:`Runs`, several trajectories, such as one per seed, their mean and their spread
- ``display``: the HTML table that a notebook shows
"""

from progress_measures.trajectory.runs import Runs
from progress_measures.trajectory.trajectory import Trajectory

__all__ = ["Runs", "Trajectory"]
