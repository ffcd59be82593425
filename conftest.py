"""What every test starts from, and what the examples in docstrings find without importing it."""

import os

os.environ["MPLBACKEND"] = "agg"  # pictures need no screen; set before matplotlib is imported

import pytest
import torch
from hypothesis import Phase, settings

import progress_measures as pm
from progress_measures import plotting

# Their docstrings have nothing to run, and what they import is optional.
collect_ignore_glob = ["src/progress_measures/callbacks/*"]

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.register_profile(
    "mutation", deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _names(doctest_namespace):
    doctest_namespace.update(pm=pm, plotting=plotting, torch=torch)
