"""The setup of every test, and the names that examples in docstrings use without importing them."""

import os

os.environ["MPLBACKEND"] = "agg"  # pictures need no screen; set before matplotlib is imported
if "PYTEST_XDIST_WORKER" in os.environ:  # a core for each worker and for the processes that it starts
    os.environ["OMP_NUM_THREADS"] = "1"

import gc
import importlib.util
import signal

import pytest
import torch
from hypothesis import Phase, settings

import progress_measures as pm
from progress_measures import plotting

torch.set_warn_always(True)  # what PyTorch else warns of once in a process fails each test that meets it

# What they import is optional.
collect_ignore = [
    f"src/progress_measures/callbacks/{package}.py"
    for package in ("lightning", "transformers")
    if importlib.util.find_spec(package) is None
]
if importlib.util.find_spec("bokeh") is None:
    collect_ignore.append("src/progress_measures/report")

# A busy machine is no failure. The same examples every time are none of chance; a long run looks for others.
# What is started in the background may ignore interrupts, and hand that down to the processes it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("normal", deadline=None, derandomize=True)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.register_profile(  # for which few examples will do, and a failure is enough, however large
    "mutation",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=25,
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "normal"))


def pytest_collection():
    """Stops garbage collection while ten thousand tests are collected: there is no garbage."""
    gc.disable()


def pytest_collection_finish():
    """Collects garbage again. Nothing is frozen: Hypothesis asks the collector who refers to its generators."""
    gc.enable()


@pytest.fixture(autouse=True)
def _names(doctest_namespace):
    doctest_namespace.update(pm=pm, plotting=plotting, torch=torch)


# With --cov, coverage is measured during these tests only, because measuring slows a test down: docs/testing.md.
COVERED = (
    "src/",
    "tests/unit/",
    "tests/values/",
    "tests/mistakes/test_operations.py",
    "tests/integration/test_callbacks.py",
    "tests/integration/test_command_line.py",
    "tests/integration/test_report_command.py",
)


def pytest_collection_modifyitems(config, items):
    """Stops measuring coverage during each test that is not among those above."""
    if config.pluginmanager.hasplugin("_cov"):
        for item in items:
            if not item.nodeid.startswith(COVERED):
                item.add_marker("no_cover")
