"""docs/recipes.md is run as it stands there, each recipe where its package is; `.ci/recipes` leaves none out."""

import math
import re
import subprocess
import sys

import pytest
import torch
from torch import nn

import progress_measures as pm
from tests._traces import assert_same_state, state
from tests.docs._numbers import near, numbers
from tests.docs._pages import cells, rows
from tests.docs._recipes import CODE, HEAD, PAGE, RECIPES, few_pairs, of_package, section_of, session

pytestmark = pytest.mark.filterwarnings("ignore")  # of packages that others write


@pytest.mark.parametrize("package", RECIPES)
def test_versions_that_the_page_names_are_those_it_installs(package):
    installed = dict(re.findall(r"^python3 -m venv .* (\S+)==(\S+) -c constraints.txt$", PAGE, flags=re.MULTILINE))
    named = {row[1].rpartition(" ")[0]: row[1].rpartition(" ")[2] for row in rows(HEAD)}
    assert installed == named
    assert sorted(named) == sorted(RECIPES)
    assert len(CODE.findall(section_of(package))) == 1
    compile(CODE.findall(section_of(package))[0], "docs/recipes.md", "exec")


@pytest.mark.parametrize("package", RECIPES)
def test_numbers_are_those_of_the_page(package):
    run = session(package)["run"]
    table = rows(section_of(package))
    assert [numbers(row[0])[0].value for row in table] == run.steps.tolist() == [200, 1400, 3600, 40_000]
    heading = cells(re.search(r"^\| step .*$", section_of(package), flags=re.MULTILINE)[0])
    assert len(heading) == 1 + len(run.columns)
    for column, name in enumerate(run.columns, start=1):
        for row, value in zip(table, run[name].tolist(), strict=True):
            same = row[column] == "nan" if math.isnan(value) else near(value, numbers(row[column])[0])
            assert same, f"{name} at step {row[0]}: {value}, not {row[column]}"


@pytest.mark.parametrize("package", RECIPES)
def test_training_goes_on_as_if_nothing_had_been_measured(package, monkeypatch):
    names = session(package)
    _, measure, short = RECIPES[package]
    of = names[measure].__globals__
    monkeypatch.setitem(of, "settings", {**of.get("settings", {}), **short})
    if package == "curvlinops-for-pytorch":
        few_pairs(of, monkeypatch)

    def train(recorder):
        torch.manual_seed(1)
        model = names["checkpoints"].load(names["checkpoints"].path_of(names["MAINLINE"], 3600)).train()
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.001)
        for step in range(2):
            rows = torch.randint(len(names["inputs"]), (64,))
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(names["inputs"][rows]), names["answers"][rows]).backward()
            gradients = [x.grad.clone() for x in model.parameters()]
            before = state(model)
            if step == 0:
                recorder(step, model)
            assert_same_state(state(model), before)
            assert all(torch.equal(x.grad, y) for x, y in zip(model.parameters(), gradients, strict=True))
            optimizer.step()
        return [*model.state_dict().values(), torch.rand(3)]

    recorder = pm.Recorder(names[measure], every=1)
    assert all(map(torch.equal, train(recorder), train(lambda *_: None)))
    assert len(recorder.trajectory.steps) == 1


@of_package("weightwatcher")
def test_importing_weightwatcher_as_the_page_does_silences_nothing(package):
    session(package)
    code = CODE.findall(section_of(package))[0]
    imports = code[: code.index("def ")]
    assert silenced(imports.replace("with warnings.catch_warnings():", "if True:")) == "True"  # what it is there for
    assert silenced(imports) == "False"


def silenced(code):
    """Whether code leaves other filters of warnings in a process of its own."""
    script = f"import torch, warnings\nbefore = [*warnings.filters]\n{code}\nprint(before != warnings.filters)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return run.stdout.splitlines()[-1]
