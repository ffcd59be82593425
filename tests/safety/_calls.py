"""The calls in the source, and their places."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = sorted(file for folder in ("src", "examples") for file in (ROOT / folder).rglob("*.py"))


def calls(file):
    """Each call in a file: the enclosing function, the dotted name that is called, and the node."""
    return list(_calls(ast.parse(file.read_text(encoding="utf-8")), ()))


def _calls(node, inside):
    for child in ast.iter_child_nodes(node):
        named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if isinstance(child, ast.Call):
            yield ".".join(inside) or "<module>", dotted(child.func), child
        yield from _calls(child, (*inside, child.name) if named else inside)


def dotted(node):
    """The dotted name of an expression, such as ``np.load``; an object without a name is ``_``."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "_"


def places(file):
    """The name of a file in the tables."""
    return file.relative_to(ROOT).as_posix().removeprefix("src/progress_measures/")
