"""What the examples in docstrings find without importing it."""

import matplotlib
import pytest
import torch

import progress_measures as pm

matplotlib.use("agg")  # before pyplot looks for a screen

from progress_measures import plotting


@pytest.fixture(autouse=True)
def _names(doctest_namespace):
    doctest_namespace.update(pm=pm, plotting=plotting, torch=torch)
