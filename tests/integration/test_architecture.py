"""The house: its rooms, what they import, how large they are, and what the façade shows.

Nothing is listed by hand: levels follow from the imports, and the public line from each room's ``__all__``.
"""

import ast
import inspect
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import progress_measures as pm
from docs.public_names import PUBLIC, ROOMS, WHERE
from progress_measures import plotting

SOURCE = Path(pm.__file__).parent
PACKAGE = SOURCE.name
FILES = sorted(SOURCE.rglob("*.py"))
FACADE, COMMAND = "__init__", "__main__"
LINES = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in FILES}


def module_of(file):
    """A file as it is imported below the package: ``losses.margins``, ``losses.__init__``, ``grid``."""
    return ".".join(file.relative_to(SOURCE).with_suffix("").parts)


MODULES = {module_of(file): file for file in FILES}


def room(module):
    return module.split(".")[0]


def imported(file):
    """The modules of the package that a file imports from, wherever in it the import stands."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} has a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            assert parts[0] not in ("examples", "tests"), f"{file} imports {name}"
            if parts[0] == PACKAGE:
                yield next(found for found in candidates(parts[1:]) if found in MODULES)


def candidates(parts):
    """What a dotted name below the package may be: a module, a folder, or something in one of them."""
    for length in range(len(parts), -1, -1):
        path = ".".join(parts[:length])
        yield from (path, f"{path}.__init__") if path else (FACADE,)


IMPORTS = {module: set(imported(file)) for module, file in MODULES.items()}
HOUSE = {
    name: {room(other) for module, others in IMPORTS.items() if room(module) == name for other in others} - {name}
    for name in {room(module) for module in MODULES}
}
LEAVES = {FACADE, COMMAND, "callbacks", "plotting", "report"}


def reached(modules):
    """All modules that some modules import, and those that these import."""
    found, new = set(), set(modules)
    while new:
        found |= new
        new = set().union(*(IMPORTS[module] for module in new)) - found
    return found


def test_no_circles():
    # Both raise where there is one, and name it.
    assert len([*TopologicalSorter(HOUSE).static_order()]) == len(HOUSE)
    assert len([*TopologicalSorter(IMPORTS).static_order()]) == len(MODULES)


def test_imports_are_found():
    # The check above would pass on nothing.
    assert HOUSE["_files"] == set()
    assert {"_checks", "fourier"} <= HOUSE["operations"]
    assert {"groups", "losses", "runs"} <= HOUSE[FACADE]
    assert "losses.margins" in IMPORTS["losses.filtered"]
    of_commands = {FACADE, "plotting", "report"}
    assert set().union(*HOUSE.values()) == set(HOUSE) - LEAVES | of_commands


def test_what_stands_on_nothing_is_not_for_users():
    lowest = {name for name, others in HOUSE.items() if not others}
    assert lowest <= {"_files", "_random_states", "_checks", "_scaling", "_tables"}


def test_what_records_does_not_know_what_an_operation_is():
    (recorder,) = [module for module in MODULES if f"{PACKAGE}.{module}" == pm.Recorder.__module__]
    knows = {room(module) for module in reached([recorder])}
    assert "trajectory" in knows
    below = {
        "_checks",
        "_files",
        "_blocks",
        "_formats",
        "_logs",
        "_model_state",
        "_random_states",
        "_tables",
        "trajectory",
        "runs",
    }
    assert knows <= below
    of_runs = [module for module in MODULES if room(module) in ("runs", "trajectory", "phases")]
    assert {room(module) for module in reached(of_runs)}.isdisjoint({"operations", "ablation", "grid", "fourier"})


def test_files_and_rooms_stay_readable():
    for file, lines in LINES.items():
        assert lines <= 260, f"{file} wants to be a folder"
    for name in HOUSE:
        share = sum(lines for file, lines in LINES.items() if room(module_of(file)) == name) / sum(LINES.values())
        assert share <= 0.15, f"{name} has {share:.0%} of the lines: it wants to be two rooms"


def test_a_check_stands_beside_what_it_guards():
    # A shared check is needed by several rooms; one that a single room needs belongs there.
    users = {}
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module.startswith(f"{PACKAGE}._checks."):
                for alias in node.names:
                    users.setdefault(alias.name, set()).add(room(module_of(file)))
    checks = {name: rooms - {"_checks"} for name, rooms in users.items() if name.startswith("check_")}
    assert len(checks) > 15
    kernel = "".join(file.read_text(encoding="utf-8") for file in (SOURCE / "_checks").glob("*.py"))
    assert {name for name, rooms in checks.items() if len(rooms) < 2 and kernel.count(f"{name}(") < 2} == set()


def test_facade_is_sorted_short_and_defines_nothing():
    assert pm.__all__ == sorted(pm.__all__)
    assert len(pm.__all__) <= 72
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    typing, lazy = tree.body[1], tree.body[-3]  # so that pm.plotting need not be imported, except by type checkers
    assert ast.unparse(typing) == "from typing import TYPE_CHECKING"
    assert ast.unparse(lazy).splitlines() == [
        "if not TYPE_CHECKING:", "    from progress_measures._checks.rooms import __getattr__ as __getattr__",
    ]  # fmt: skip
    tree.body = [node for node in tree.body if node not in (typing, lazy)]
    assert {type(node) for node in tree.body} == {ast.Expr, ast.ImportFrom, ast.Assign}
    assert [node.targets[0].id for node in tree.body if isinstance(node, ast.Assign)] == ["__version__", "__all__"]
    shown = [alias for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert [alias.name for alias in shown if alias.asname != alias.name] == []  # or type checkers take it for private
    assert {alias.name for alias in shown} == {
        *pm.__all__,
        *(path.split(".")[0] for path in WHERE.values() if "." in path),
    }


@pytest.mark.parametrize("name", [*ROOMS, "plotting"])
def test_every_room_says_what_is_public(name):
    module = plotting if name == "plotting" else ROOMS[name]
    assert list(module.__all__) == sorted(module.__all__)
    assert module.__doc__
    for public in module.__all__:
        value = getattr(module, public)
        assert callable(value), f"{name}.{public} is a room of its own"
    # What is defined in the room itself, if it is one file, is public or begins with an underscore or is another's.
    assert set(module.__all__) <= set(dir(module))


def test_a_name_is_public_in_one_room():
    rooms = [name for module in ROOMS.values() for name in module.__all__]
    assert len(rooms) == len(set(rooms))
    assert set(pm.__all__) <= set(rooms)


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_are_documented(name):
    value = PUBLIC[name]
    doc = inspect.getdoc(value)
    assert doc, name
    assert "Example:" in doc
    if inspect.isfunction(value):
        assert "Returns:" in doc or "Yields:" in doc
        for parameter in inspect.signature(value).parameters:
            assert f"{parameter}:" in doc, f"{name} does not document {parameter}"


def test_the_rooms_of_the_docstring_are_there():
    assert all(f"progress_measures.{name}`" in pm.__doc__ for name in {*ROOMS, "plotting"} - {"grid", "operations"})


def test_import_brings_no_optional_package():
    optional = {
        "bokeh",
        "matplotlib",
        "safetensors",
        "pandas",
        "polars",
        "pyarrow",
        "examples",
        "transformers",
        "transformer_lens",
        "jax",
        "dask",
        "lightning",
        "tensorboard",
    }
    code = f"import sys, progress_measures; print(sorted({optional} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
