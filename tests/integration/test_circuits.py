"""The measures of clocks and pizzas, and of concentration, on the bundled runs.

Zhong et al. (2023) give 0.33 and 0.85 for a trained clock, 0.99 and 0.17 for a trained pizza. The bundled transformers
have full attention, which makes clocks there.
"""

import pytest

import progress_measures as pm
from examples.modular_addition import checkpoints
from examples.modular_addition.bundled import MAINLINE, RUNS, final

# Symmetricity, irrelevance and circularity of the last checkpoints, as first measured.
CIRCUITS = {
    "mainline": (0.525, 0.727, 0.904),
    "seed1": (0.235, 0.833, 0.995),
    "seed2": (0.407, 0.853, 0.977),
    "seed3": (0.377, 0.844, 0.995),
    "seed4": (0.339, 0.878, 0.986),
}


def circuit(model, op):
    symmetricity = pm.circuits.gradient_symmetricity(model, op, model.embed)
    irrelevance = pm.circuits.distance_irrelevance(pm.grid_logits(model, op), op)
    return symmetricity.item(), irrelevance.item(), pm.circuits.circularity(model.W_E, op).item()


@pytest.mark.parametrize("run", CIRCUITS)
def test_grokked_runs_are_clocks(run):
    model, config = final(RUNS / run)
    found = circuit(model, config.op)
    assert found == pytest.approx(CIRCUITS[run], abs=1e-3)
    symmetricity, irrelevance, circularity = found
    # Nearer to the trained clock than to the trained pizza, and on circles.
    assert abs(symmetricity - 0.3336) < abs(symmetricity - 0.9937)
    assert abs(irrelevance - 0.85) < abs(irrelevance - 0.17)
    assert circularity > 0.9


def test_a_run_that_never_grokked_is_on_no_circles():
    model, config = final(RUNS / "no_weight_decay")
    assert circuit(model, config.op)[2] < 0.15


def test_concentration_rises_and_density_falls_with_grokking():
    start = checkpoints.load(checkpoints.path_of(MAINLINE, 0))
    (end, config), op = final(MAINLINE), pm.addition(113)
    assert config.op.n == op.n
    # The columns of W_E are no neurons: each is a mixture of the frequencies.
    for read, ratio in ((lambda model: model.W_E.detach(), 0.453), (lambda model: model.W_L.detach(), 0.931)):
        before, after = read(start), read(end)
        assert pm.concentration.inverse_participation_ratio(before, op).mean() < 0.1
        assert pm.concentration.inverse_participation_ratio(after, op).mean().item() == pytest.approx(ratio, abs=1e-3)
        assert pm.concentration.fourier_frequency_density(before, op) == 1
        assert pm.concentration.fourier_frequency_density(after, op) < 0.2
        assert pm.concentration.fourier_coefficient_ratio(after, op) < pm.concentration.fourier_coefficient_ratio(
            before, op
        )
        assert pm.effective_rank(after) < 0.3 * pm.effective_rank(before)
    # Four frequencies of two singular values each.
    assert pm.effective_rank(end.W_L).item() == pytest.approx(8.01, abs=0.01)
    norms = pm.parameter_norms(end, depth=3)
    assert norms["blocks.0.mlp"] < 0.6 * pm.parameter_norms(start, depth=3)["blocks.0.mlp"]
