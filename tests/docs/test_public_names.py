"""Every public name is everywhere where CONTRIBUTING.md says that it has to be; what is missing is said with its place.

Other tests hold that nothing else is in these places, and that what is there is right.
"""

import inspect
import re
from pathlib import Path

import pytest

from docs.public_names import PUBLIC, WHERE
from tests.docs._measures import MEASURES
from tests.extremes._functions import EVERY
from tests.extremes.test_gradients import NOT_DIFFERENTIABLE

ROOT = Path(__file__).parents[2]
UNIT = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "unit").glob("*.py"))
TABLES = ("unit/test_checks.py", "mistakes/test_values.py", "mistakes/test_models.py", "mistakes/test_operations.py")
MISTAKES = "\n".join((ROOT / "tests" / table).read_text(encoding="utf-8") for table in TABLES)
RESULTS = {  # of functions, which tests meet as what these return
    "AblationEffects", "Activations", "CircleFit", "Control", "Controls", "HelixFit", "Irrep", "LeadTimes", "Measures",
    "PeriodControl", "PhaseSpread", "Phases", "ResidueProbe", "Site", "Summary", "WaveFit", "Weight",
}  # fmt: skip
OWN = {  # what everybody knows, or this library's own: there is no source to name
    "accuracy", "cross_entropy", "explained_variance", "phase_spread", "random_frequency_control",
    "shuffled_label_control", "onsets", "summary",
}  # fmt: skip


def in_code(text):
    return {path.rpartition(".")[2] for path in re.findall(r"`(?:pm\.)?([\w.]+)`", text)}


def called(text):
    """The public names in some code, by the paths that users write."""
    paths = set(re.findall(r"\bpm\.((?:\w+\.)?\w+)", text))
    return {name for name, path in WHERE.items() if path in paths}


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def with_section(heading):
    return {name for name in PUBLIC if heading in (inspect.getdoc(PUBLIC[name]) or "")}


PLACES = {
    "docs/api.md, below `autosummary`": (
        set(WHERE.values()),
        set(re.findall(r"^   ([\w.]+)$", read("docs/api.md"), re.MULTILINE)),
    ),
    "docs/measures.md": (MEASURES, in_code(re.sub(r"```.*?```", "", read("docs/measures.md"), flags=re.DOTALL))),
    "a test in tests/unit, as pm.NAME or pm.ROOM.NAME": (set(PUBLIC) - RESULTS, called(UNIT)),
    f"a row of mistakes, in one of tests/{', tests/'.join(TABLES)}": (MEASURES, called(MISTAKES)),
    "CHANGELOG.md": (set(PUBLIC) - RESULTS, in_code(read("CHANGELOG.md"))),
    "its docstring's `Example:`": (set(PUBLIC), with_section("Example:")),
    "its docstring's `Raises:`": (MEASURES, with_section("Raises:")),
    "its docstring's `References:`": (MEASURES - OWN, with_section("References:")),
    "tests/extremes/_functions.py, and if it has no gradient NOT_DIFFERENTIABLE in test_gradients.py": (
        set(PUBLIC),
        {function.public for function in EVERY} | set(NOT_DIFFERENTIABLE),
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_every_public_name_has_its_place_in(place):
    wanted, there = PLACES[place]
    assert len(wanted) > 20
    missing = sorted(wanted - there)
    assert not missing, f"add to {place}: {', '.join(missing)}"
