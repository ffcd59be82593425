"""Every public function is differentiable, and checked against finite differences, or there is a reason why not."""

import pytest
import torch

import progress_measures as pm
from docs.public_names import PUBLIC
from tests._asserts import assert_gradient
from tests.extremes._functions import COUNTED, DIFFERENTIABLE, LOGITS, OF_ANY_DTYPE, OP, WEIGHTS

DERIVES, CONSTANT, COUNTS, PLACES, RUNS, BUILDS = (
    "takes gradients itself, and keeps no graph of them",
    "does not depend on the activation",
    "counts, or chooses",
    "names a place",
    "its numbers are kept without a graph, on the CPU",
    "makes an operation, of integers",
)
NOT_DIFFERENTIABLE = {
    "accuracy": COUNTS,
    "fourier_frequency_density": COUNTS,
    **dict.fromkeys(("activation_sparsity", "effective_sparsity", "parallelogram_quality"), COUNTS),
    "compressed_size": "counts bytes",
    "coarsest_step": "a step of a search, of a loss without a graph",
    "key_frequencies": COUNTS,
    "neuron_frequencies": COUNTS,
    "sufficient_frequencies": COUNTS,
    **dict.fromkeys(("Rule", "Peaks", "Share", "Sufficient"), COUNTS),
    "random_frequency_control": "compares losses with those of draws, by counting",
    "shuffled_label_control": "compares losses with those of draws, by counting",
    "gradient_symmetricity": DERIVES,
    **dict.fromkeys(("cosine", "commutator_defect", "noise_scale", "hessian_trace", "largest_eigenvalue"), DERIVES),
    "zero_ablation": CONSTANT,
    "resample_ablation": CONSTANT,
    "captured": "activations are detached",
    "Activations": "activations are detached",
    "input_of": PLACES,
    "output_of": PLACES,
    "Site": PLACES,
    "Head": PLACES,
    "heads": PLACES,
    "ablation_effects": "numbers of a model, without gradients as in `track`",
    "AblationEffects": "what `ablation_effects` returns",
    "fourier_basis": "a function of integers",
    "fourier_labels": "strings",
    "Control": "what a control returns",
    "Controls": "what a control returns",
    "Measures": "what `measure` returns",
    "WaveFit": "what `fit_waves` returns",
    "CircleFit": "what `circle_fit` returns",
    "HelixFit": "what `helix_fit` returns",
    "PeriodControl": "what `period_control` returns",
    "ResidueProbe": "what `residue_probe` returns",
    "period_control": "compares shares with those of draws, by counting",
    "residue_probe": COUNTS,
    **dict.fromkeys(
        (
            "Operation",
            "operation",
            "Irrep",
            "addition",
            "subtraction",
            "parity",
            "multiplication",
            "division",
            "composition",
        ),
        BUILDS,
    ),
    **dict.fromkeys(("symmetric_group", "alternating_group", "dihedral_group", "direct_product"), BUILDS),
    **dict.fromkeys(
        ("Recorder", "sqrt_spaced", "log_spaced", "grokking_measures", "add_restricted_loss", "weight", "Weight"), RUNS
    ),
    **dict.fromkeys(("load_recording", "track", "Trajectory", "Runs", "find_phases", "Phases"), RUNS),
    **dict.fromkeys(("lead_times", "LeadTimes", "phase_spread", "PhaseSpread", "onsets", "summary", "Summary"), RUNS),
    **dict.fromkeys(("milestones", "Milestones", "onset", "lead", "Lead", "Event"), RUNS),
}


def test_every_public_name_is_checked_or_has_a_reason():
    checked = {function.public for function in DIFFERENTIABLE}
    assert checked.isdisjoint(NOT_DIFFERENTIABLE)
    assert checked | set(NOT_DIFFERENTIABLE) == set(PUBLIC)


@pytest.mark.parametrize("function", DIFFERENTIABLE, ids=repr)
def test_gradient_is_that_of_finite_differences(function):
    assert_gradient(function, function.x.clone())


@pytest.mark.parametrize("function", [f for f in OF_ANY_DTYPE if f in DIFFERENTIABLE], ids=repr)
def test_gradient_reaches_float32(function):
    x = function.x.float().requires_grad_()
    sum(part.double().sum() for part in function(x)).backward()
    assert x.grad.dtype == torch.float32
    exact = function.x.clone().requires_grad_()
    sum(part.sum() for part in function(exact)).backward()
    torch.testing.assert_close(x.grad, exact.grad.float(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("function", COUNTED, ids=repr)
def test_what_counts_takes_what_has_a_graph_and_returns_none(function):
    found = function(function.x.clone().requires_grad_())
    assert not any(part.requires_grad for part in found)


@pytest.mark.parametrize("replacement", [pm.zero_ablation(), pm.resample_ablation(torch.ones(2, 3))])
def test_what_does_not_depend_on_the_activation_has_no_graph(replacement):
    assert not replacement(torch.randn(4, 3, requires_grad=True)).requires_grad


@pytest.mark.parametrize("x", [torch.zeros_like(LOGITS), torch.ones_like(LOGITS)])
def test_gradients_of_constant_logits_are_finite(x):
    for function in DIFFERENTIABLE:
        if function.x is LOGITS:
            y = x.clone().requires_grad_()
            sum(part.sum() for part in function(y)).backward()
            assert torch.isfinite(y.grad).all(), function


def test_gradients_of_zero_weights_are_finite():
    for function in DIFFERENTIABLE:
        if function.x is WEIGHTS and function.public not in {"circularity", "Pizza"}:  # whose vectors are any
            y = torch.zeros_like(WEIGHTS).requires_grad_()
            sum(part.sum() for part in function(y)).backward()
            assert torch.isfinite(y.grad).all(), function


def test_no_gradient_flows_under_no_grad():
    x = LOGITS.clone().requires_grad_()
    with torch.no_grad():
        assert not pm.cross_entropy(x, OP).requires_grad
        assert not pm.measure(x, OP, [1], train_mask=OP.table < 2).excluded_loss.requires_grad
