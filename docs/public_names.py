"""Every public name, and how users write it after ``pm.``: ``measure``, or ``groups.composition``.

A name is public if its room lists it in ``__all__``. Most names are flat: the façade re-exports them.
"""

import importlib
import operator
import pkgutil

import progress_measures as pm

LEAVES = {"callbacks", "plotting", "report"}  # they need an extra, and are imported separately
ROOMS = {
    name: importlib.import_module(f"progress_measures.{name}")
    for _, name, _ in pkgutil.iter_modules(pm.__path__)
    if not name.startswith("_") and name not in LEAVES
}
WHERE = {name: f"{room}.{name}" for room, module in ROOMS.items() for name in module.__all__} | {
    name: name for name in pm.__all__
}
PUBLIC = {name: operator.attrgetter(path)(pm) for name, path in WHERE.items()}
