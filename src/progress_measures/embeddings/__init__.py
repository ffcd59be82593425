"""Structure in a table of embeddings that belongs to no operation, such as a language model's numbers or weekdays.

A table has one row per token.

- :func:`period_shares` and :func:`period_control` look for waves over the tokens' positions.
- :func:`circle_fit` tests whether tokens in a cyclic order lie on a circle.
- :func:`helix_fit` compares a helix with a polynomial of equally many terms.
- :func:`residue_probe` tests whether a linear probe can read a number modulo T.
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
