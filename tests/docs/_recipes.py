"""The recipes of docs/recipes.md: their code, and what it leaves behind where their packages are."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
HEAD, *SECTIONS = PAGE.split("\n## ")
CODE = re.compile(r"```python\n(.*?)```", flags=re.DOTALL)
# By the name that is installed: what is imported, the measure, and settings that make one call of it short.
RECIPES = {
    "devinterp": ("devinterp", "learning_coefficient", {"num_chains": 1, "num_draws": 41}),
    "curvlinops-for-pytorch": ("curvlinops", "spectrum", {}),
    "weightwatcher": ("weightwatcher", "alphas", {}),
    "thoi": ("thoi", "o_information", {}),
}


def section_of(package):
    (found,) = [section for section in SECTIONS if f" {package}==" in section]
    return found


def session(package):
    """The names that a recipe leaves behind, run once for all tests of it."""
    if package not in session.found:
        if importlib.util.find_spec(RECIPES[package][0]) is None:
            pytest.skip(f"{package} is not installed: .ci/recipes runs this with it")
        names = {}
        for code in (*CODE.findall(HEAD), *CODE.findall(section_of(package))):
            exec(compile(code, f"docs/recipes.md, {package}", "exec"), names)
        session.found[package] = names
    return dict(session.found[package])


session.found = {}
of_package = lambda package: pytest.mark.parametrize("package", [package])  # noqa: E731, so that `-k` finds it by name


def few_pairs(of, monkeypatch):
    """A loss over few of the training pairs, which takes a tenth of the time."""
    for name in ("inputs", "answers"):
        monkeypatch.setitem(of, name, of[name][::10])
