"""The numbers of docs/recipes.md beside closed forms, and computed again without the packages."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

import progress_measures as pm
from tests.docs._numbers import assert_has_numbers
from tests.docs._recipes import few_pairs, of_package, section_of, session

pytestmark = pytest.mark.filterwarnings("ignore")  # of packages that others write


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
def test_alpha_of_a_network_that_has_learned_nothing(package):
    names = session(package)
    found = names["alphas"](names["checkpoints"].load(names["checkpoints"].path_of(names["MAINLINE"], 0))).values()
    assert_has_numbers(section_of(package), min(found), max(found))
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
