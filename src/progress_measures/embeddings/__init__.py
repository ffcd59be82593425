"""Structure of a table of embeddings that belongs to no operation, such as a language model's numbers or weekdays.

A table has one row per token: :func:`period_shares` and :func:`period_control` look for waves over the tokens'
positions, :func:`circle_fit` for a circle of tokens in a cyclic order, :func:`helix_fit` for a helix beside a
polynomial of as many terms, and :func:`residue_probe` asks whether a number modulo T can be read off linearly.
"""

from progress_measures.embeddings.circle import CircleFit, circle_fit
from progress_measures.embeddings.helix import HelixFit, helix_fit
from progress_measures.embeddings.periods import PeriodControl, period_control, period_shares
from progress_measures.embeddings.probe import ResidueProbe, residue_probe

__all__ = [
    "CircleFit",
    "HelixFit",
    "PeriodControl",
    "ResidueProbe",
    "circle_fit",
    "helix_fit",
    "period_control",
    "period_shares",
    "residue_probe",
]
