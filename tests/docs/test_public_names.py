"""Every public name is everywhere where CONTRIBUTING.md says that it has to be; what is missing is said with its place.

Other tests hold that nothing is in these places that is not public, and that what is there is right.
"""

import inspect
import json
import re
from pathlib import Path

import pytest

import progress_measures as pm
from tests.docs._measures import MEASURES
from tests.extremes._functions import EVERY
from tests.extremes.test_gradients import NOT_DIFFERENTIABLE
from tests.values.test_numbers import EXEMPT

ROOT = Path(__file__).parents[2]
PUBLIC = set(pm.__all__)
README = (ROOT / "README.md").read_text(encoding="utf-8")
TABLE = README[README.index("| measure | says |") : README.index("While a model trains")]
UNIT = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "unit").glob("*.py"))
GIVEN = {  # what other functions return, or take
    "Activations", "Control", "Controls", "Irrep", "LeadTimes", "Measures", "PhaseSpread", "Phases", "Site", "WaveFit",
}  # fmt: skip
RESULTS = {"Activations", "Controls", "Measures", "WaveFit"}  # which tests meet as what functions return
PARTS = {name for name in MEASURES if name.startswith("project_")}  # of activations: some of the ablations' row
NOBODYS = {  # what everybody knows, or this library's own
    "accuracy", "cross_entropy", "explained_variance", "phase_spread", "random_frequency_control",
    "shuffled_label_control",
}  # fmt: skip


def in_code(text):
    return set(re.findall(r"`(\w+)`", text))


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def with_section(heading):
    return {name for name in MEASURES if heading in (inspect.getdoc(getattr(pm, name)) or "")}


PLACES = {
    "the docstring of src/progress_measures/__init__.py": (PUBLIC, in_code(pm.__doc__ or "")),
    "docs/api.md, below `autosummary`": (PUBLIC, set(re.findall(r"^   (\w+)$", read("docs/api.md"), re.MULTILINE))),
    "the table of README.md": (MEASURES - PARTS, in_code(TABLE)),
    "docs/measures.md": (MEASURES, in_code(re.sub(r"```.*?```", "", read("docs/measures.md"), flags=re.DOTALL))),
    "a test in tests/unit, as pm.NAME": (PUBLIC - RESULTS, set(re.findall(r"\bpm\.(\w+)", UNIT))),
    "CHANGELOG.md": (PUBLIC - GIVEN, in_code(read("CHANGELOG.md"))),
    "its docstring's `Example:`": (
        PUBLIC,
        {name for name in PUBLIC if "Example:" in (getattr(pm, name).__doc__ or "")},
    ),
    "its docstring's `Raises:`": (MEASURES, with_section("Raises:")),
    "its docstring's `References:`": (MEASURES - NOBODYS, with_section("References:")),
    "tests/extremes/_functions.py, and if it has no gradient NOT_DIFFERENTIABLE in test_gradients.py": (
        PUBLIC,
        {function.public for function in EVERY} | set(NOT_DIFFERENTIABLE),
    ),
    "tests/values/measured.py, then `python -m tests.values.measured`; or EXEMPT in test_numbers.py": (
        PUBLIC,
        set(json.loads(read("tests/values/numbers.json"))) | set(EXEMPT),
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_every_public_name_has_its_place_in(place):
    wanted, there = PLACES[place]
    assert len(wanted) > 20
    missing = sorted(wanted - there)
    assert not missing, f"add to {place}: {', '.join(missing)}"
