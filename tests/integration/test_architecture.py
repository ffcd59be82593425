"""The house: which room may import which, and what the façade shows."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import progress_measures as pm

SOURCE = Path(pm.__file__).parent
PACKAGE = SOURCE.name
LEVELS = {
    "_files": 0,
    "_blocks": 1,
    "_checks": 2,
    "fits": 3,
    "fourier": 3,
    "norms": 3,
    "sparsity": 3,
    "ablation": 3,
    "trajectory": 3,
    "journal": 4,
    "operations": 4,
    "phases": 4,
    "spectra": 5,
    "grid": 5,
    "filtering": 5,
    "concentration": 5,
    "planted": 5,
    "_undisturbed": 6,
    "frequencies": 6,
    "circuits": 6,
    "losses": 6,
    "plotting": 6,
    "controls": 7,
    "measures": 7,
    "tracking": 7,
    "recording": 8,
    "callbacks": 9,
    "__init__": 9,
    "__main__": 10,
}


def room(file):
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_rooms(file):
    """The rooms that a file imports from, wherever in it the import stands."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} has a relative import"
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            assert parts[0] not in ("examples", "tests"), f"{file} imports {name}"
            if parts[0] == PACKAGE and len(parts) > 1 and parts[1] in LEVELS:
                yield parts[1]


FILES = sorted(SOURCE.rglob("*.py"))


def test_every_room_has_a_level():
    assert {room(file) for file in FILES} == set(LEVELS)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_rooms_import_only_rooms_below(file):
    for other in imported_rooms(file):
        assert other == room(file) or LEVELS[other] < LEVELS[room(file)], f"{room(file)} imports {other}"


def test_rooms_are_imported_at_all():
    # The check above would pass on nothing.
    leaves = {"callbacks", "__init__", "__main__"}
    assert {other for file in FILES for other in imported_rooms(file)} == set(LEVELS) - leaves


@pytest.mark.parametrize("folder", sorted({file.parent.name for file in FILES} - {PACKAGE, "callbacks"}))
def test_no_circles_inside_a_folder(folder):
    graph = {}
    for file in (SOURCE / folder).glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        graph[file.stem] = {name.split(".")[2] for name in modules if name.startswith(f"{PACKAGE}.{folder}.")}
    while graph:
        leaves = {name for name, uses in graph.items() if not uses}
        assert leaves, f"a circle among {sorted(graph)}"
        graph = {name: uses - leaves for name, uses in graph.items() if name not in leaves}


def test_facade_is_sorted_complete_and_defines_nothing():
    assert pm.__all__ == sorted(pm.__all__)
    assert len(set(pm.__all__)) == len(pm.__all__)
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    names = [alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(names) == pm.__all__
    assert {type(node) for node in tree.body} == {ast.Expr, ast.ImportFrom, ast.Assign}
    assigned = [node.targets[0].id for node in tree.body if isinstance(node, ast.Assign)]
    assert assigned == ["__version__", "__all__"]


@pytest.mark.parametrize("name", pm.__all__)
def test_public_names_are_documented(name):
    value = getattr(pm, name)
    doc = inspect.getdoc(value)
    assert doc, name
    assert f"`{name}`" in pm.__doc__
    assert "Example:" in doc
    if inspect.isfunction(value):
        assert "Returns:" in doc or "Yields:" in doc
        for parameter in inspect.signature(value).parameters:
            assert f"{parameter}:" in doc, f"{name} does not document {parameter}"


def test_import_brings_no_optional_package():
    optional = {
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


def test_rooms_stay_readable():
    for file in FILES:
        if file.name == "__init__.py":  # names alone
            continue
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 260, f"{file} wants to be a folder"
