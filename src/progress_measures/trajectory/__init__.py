"""Where the measures of a run are kept, and those of several runs.

- ``trajectory``: :class:`Trajectory`, steps and named columns
- ``runs``: :class:`Runs`, several trajectories, such as one per seed, with their mean and spread
- ``display``: the table that a notebook shows
"""

from progress_measures.trajectory.runs import Runs
from progress_measures.trajectory.trajectory import Trajectory

__all__ = ["Runs", "Trajectory"]
