"""Rooms that need further packages, which are imported when they are first named: ``pm.plotting``, ``pm.report``."""

from importlib import import_module
from types import ModuleType

LAZY = ("callbacks", "plotting", "report")


def __getattr__(name: str) -> ModuleType:
    """The room of this name, for the top module, which does not import it before."""
    if name in LAZY:
        return import_module(f"progress_measures.{name}")
    raise AttributeError(f"module 'progress_measures' has no attribute {name!r}")
