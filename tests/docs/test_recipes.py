"""docs/recipes.md is run as it stands there, each recipe where its package is; `.ci/recipes` leaves none out.

Each package's number is compared with a closed form, or computed again without it.
"""

import importlib.util
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

import progress_measures as pm
from tests._traces import assert_same_state, state
from tests.docs._numbers import assert_has_numbers, near, numbers
from tests.docs._pages import cells, rows

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


def few_pairs(of, monkeypatch):
    """A loss over few of the training pairs, which takes a tenth of the time."""
    for name in ("inputs", "answers"):
        monkeypatch.setitem(of, name, of[name][::10])


class Bowl(nn.Module):
    """d weights at the bottom of |w|²/2."""

    def __init__(self, d):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(d))


@of_package("devinterp")
@pytest.mark.parametrize(("localization", "lr"), [(0, 3e-4), (1000, 1e-4)])
def test_learning_coefficient_of_a_regular_model_is_half_its_parameters(package, localization, lr, monkeypatch):
    names = session(package)
    of = names["learning_coefficient"].__globals__
    monkeypatch.setitem(
        of, "settings", {**of["settings"], "localization": localization, "lr": lr, "num_chains": 2, "num_draws": 120}
    )
    monkeypatch.setitem(of, "losses", lambda model, rows: model.weight.square().sum().expand(len(rows), 1) / 2)
    d, n_beta = 10_000, of["settings"]["n_beta"]
    # Steps of this length widen the draws by 1 / (1 - a/2); localization keeps them nearer.
    a = lr / 2 * (n_beta + localization)
    expected = d / 2 * n_beta / (n_beta + localization) / (1 - a / 2)
    found = names["learning_coefficient"](Bowl(d))["llc"]
    assert found == pytest.approx(expected, rel=0.02)
    if localization == 0:
        assert found == pytest.approx(d / 2, rel=0.06)


@of_package("devinterp")
def test_half_of_the_fall_of_the_learning_coefficient_is_done_at_step_3600(package):
    run = session(package)["run"]
    _, plateau, at, end = run["llc"].tolist()
    assert (plateau - at) / (plateau - end) == pytest.approx(0.53, abs=0.04)
    assert (run["llc"][0] - at) / (run["llc"][0] - end) == pytest.approx(0.88, abs=0.02)
    assert (run["spread"] < 0.1 * run["llc"])[:3].all()


@of_package("curvlinops-for-pytorch")
def test_curvature_is_that_of_this_library(package, monkeypatch):
    names = session(package)
    of = names["spectrum"].__globals__

    def loss(model):
        return nn.functional.cross_entropy(model(of["inputs"])[:, : of["op"].n].double(), of["answers"])

    model = names["checkpoints"].load(names["checkpoints"].path_of(names["MAINLINE"], 1400))
    trace = pm.curvature.hessian_trace(loss, model, samples=10)
    assert float(names["run"]["trace"][1]) == pytest.approx(float(trace), rel=0.1)  # standard deviations of 2 % to 3 %
    assert_has_numbers(section_of(package), float(names["run"]["trace"][1]), trace)
    few_pairs(of, monkeypatch)
    largest = pm.curvature.largest_eigenvalue(loss, model)
    with torch.no_grad():
        assert float(names["spectrum"](model)["first"]) == pytest.approx(float(largest), rel=1e-3)


@of_package("curvlinops-for-pytorch")
def test_curvature_of_softmax_regression_is_known(package, monkeypatch):
    names = session(package)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(50, 4, generator=generator)
    model = nn.Linear(4, 113, bias=False)
    nn.init.zeros_(model.weight)
    monkeypatch.setitem(names["spectrum"].__globals__, "inputs", x)
    monkeypatch.setitem(names["spectrum"].__globals__, "answers", torch.arange(50))
    found = names["spectrum"](model)
    # Each of 113 answers has probability 1/113, so the Hessian is (1 - 11ᵀ/113)/113 times the mean of x xᵀ.
    largest = torch.linalg.eigvalsh(x.double().T @ x.double() / 50)[-1] / 113
    assert float(found["first"]) == pytest.approx(float(largest), rel=1e-3)
    assert float(found["second"]) == pytest.approx(float(largest), rel=1e-3)  # it is there 112 times
    trace = 112 / 113 * x.double().square().sum(1).mean()
    assert float(found["trace"]) == pytest.approx(float(trace), rel=0.1)


def planted(alpha, size=300):
    """A layer whose eigenvalues are the quantiles of a power law."""
    eigenvalues = (1 - (torch.arange(size, dtype=torch.float64) + 0.5) / size) ** (-1 / (alpha - 1))
    generator = torch.Generator().manual_seed(0)
    left, _ = torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64))
    right, _ = torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64))
    layer = nn.Linear(size, size, bias=False)
    layer.weight.data = (left * eigenvalues.sqrt() @ right).float()
    return nn.Sequential(layer)


@of_package("weightwatcher")
@pytest.mark.parametrize("alpha", [2, 3, 5])
def test_alpha_of_a_power_law_is_its_exponent(package, alpha):
    (found,) = session(package)["alphas"](planted(alpha)).values()
    assert found == pytest.approx(alpha, rel=0.05)


@of_package("weightwatcher")
def test_alpha_is_the_most_likely_exponent_of_the_best_tail(package):
    names = session(package)
    model = names["checkpoints"].load(names["checkpoints"].path_of(names["MAINLINE"], 1400))
    for path in ("attn.out", "mlp.out"):
        x = np.sort(
            np.linalg.svd(model.get_submodule(f"blocks.0.{path}").weight.detach().numpy(), compute_uv=False) ** 2
        )
        fits = []
        for first in range(len(x) - 1):
            tail = x[first:]
            exponent = 1 + len(tail) / np.log(tail / tail[0]).sum()
            reached = np.arange(len(tail)) / len(tail)
            fits.append((np.abs(1 - (tail / tail[0]) ** (1 - exponent) - reached).max(), exponent))
        assert names["run"][path][1] == pytest.approx(min(fits)[1], rel=1e-3)


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


@of_package("weightwatcher")
def test_alpha_of_a_network_that_has_learned_nothing(package):
    names = session(package)
    found = names["alphas"](names["checkpoints"].load(names["checkpoints"].path_of(names["MAINLINE"], 0))).values()
    assert "3.5 to 11 at step 0" in section_of(package)
    assert min(found) == pytest.approx(3.5, abs=0.05)
    assert max(found) == pytest.approx(11, abs=0.5)


@of_package("thoi")
def test_o_information_of_the_sizes_of_outputs(package):
    names = session(package)
    model = names["checkpoints"].load(names["checkpoints"].path_of(names["MAINLINE"], 40_000))
    with torch.no_grad(), pm.captured(model, "blocks.0.attn.heads") as activations:
        pm.grid_logits(model, names["op"])
    sizes = activations["blocks.0.attn.heads"].norm(dim=-1).double()
    assert_has_numbers(section_of(package), names["nplets_measures"](sizes)[0, 0, 2])


@of_package("thoi")
def test_o_information_is_that_of_the_ranks(package):
    names = session(package)
    for place, step in enumerate(names["run"].steps.tolist()):
        model = names["checkpoints"].load(names["checkpoints"].path_of(names["MAINLINE"], step))
        with torch.no_grad(), pm.captured(model, "blocks.0.attn.pattern") as activations:
            pm.grid_logits(model, names["op"])
        x = activations["blocks.0.attn.pattern"][:, :, 0].numpy()
        ranks = np.apply_along_axis(stats.rankdata, 0, x) / (len(x) + 1)
        assert float(names["run"]["O-information"][place]) == pytest.approx(
            o_information(np.cov(stats.norm.ppf(ranks).T)), abs=2e-3
        )


def o_information(covariance):
    """Of a Gaussian: (n - 2) H(X) + the sum of H(X_i) - H(X without X_i), whose constants cancel."""
    n = len(covariance)
    entropy = lambda kept: np.linalg.slogdet(covariance[np.ix_(kept, kept)])[1] / 2  # noqa: E731, one line
    every = [*range(n)]
    return (n - 2) * entropy(every) + sum(entropy([i]) - entropy([j for j in every if j != i]) for i in every)


@of_package("thoi")
def test_o_information_of_gaussians_is_known(package):
    measures = session(package)["nplets_measures"]
    same = np.full((4, 4), 0.5) + np.eye(4) / 2  # redundant: all have one cause
    total = np.array([[1, 0, 1], [0, 1, 1], [1, 1, 2.25]])  # synergy: the third is the sum of two and some noise
    assert o_information(total) == pytest.approx(-math.log(5 / 3))
    assert o_information(same) == pytest.approx(math.log(1.25))
    for covariance in (same, total):
        draws = np.random.default_rng(0).multivariate_normal(np.zeros(len(covariance)), covariance, size=20_000)
        assert float(measures(covariance, covmat_precomputed=True)[0, 0, 2]) == pytest.approx(o_information(covariance))
        assert float(measures(draws)[0, 0, 2]) == pytest.approx(o_information(covariance), abs=0.03)
