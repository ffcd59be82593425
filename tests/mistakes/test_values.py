"""What a user can get wrong with values: NaN at a place, masks, groups that are none, pictures of something else."""

import numpy as np
import pytest
import torch
from torch import nn

import progress_measures as pm
from progress_measures import plotting
from tests._unchanged import assert_met_with

OP = pm.addition(5)
LOGITS = torch.zeros(5, 5, 5)
ones = torch.ones


def bad(x, index, value=torch.nan):
    """A copy with one value that is no number."""
    x = x.clone()
    x[index] = value
    return x


# fmt: off
MISTAKES = [
    ("nan in weights", lambda: pm.spectrum(bad(ones(5, 3), (2, 1)), OP), ValueError,
     "`x` must be finite. Got 1 non-finite of 15 values, the first (nan) at index (2, 1)."),
    ("nan in activations", lambda: pm.neuron_spectrum(bad(ones(25, 2), (7, 1)), OP), ValueError,
     "`activations` must be finite. Got 1 non-finite of 50 values, the first (nan) at (a, b, neuron) (1, 2, 1)."),
    ("infinity in an embedding", lambda: pm.circuits.circularity(bad(ones(5, 3), (4, 0), torch.inf), OP), ValueError,
     "`embedding` must be finite. Got 1 non-finite of 15 values, the first (inf) at index (4, 0)."),
    ("nan in logits of a distance", lambda: pm.circuits.distance_irrelevance(bad(LOGITS, (0, 0, 0)), OP), ValueError,
     "`logits` must be finite. Got 1 non-finite of 125 values, the first (nan) at (a, b, c) (0, 0, 0)."),
    ("nan in a matrix", lambda: pm.effective_rank(bad(ones(2, 2), (1, 1))), ValueError,
     "`matrix` must be finite. Got 1 non-finite of 4 values, the first (nan) at index (1, 1)."),
    ("infinity in logits to restrict", lambda: pm.restrict(bad(LOGITS, (3, 0, 2), -torch.inf), OP, [1]), ValueError,
     "`logits` must be finite. Got 1 non-finite of 125 values, the first (-inf) at (a, b, c) (3, 0, 2)."),
    ("nan in weights of a participation",
     lambda: pm.concentration.inverse_participation_ratio(bad(ones(5), (3, )), OP), ValueError,
     "`x` must be finite. Got 1 non-finite of 5 values, the first (nan) at index (3,)."),
    ("nan in logits to measure", lambda: pm.measure(bad(LOGITS, (3, 0, 2)), OP, [1], train_mask=OP.table<2), ValueError,
     "`logits` must be finite. Got 1 non-finite of 125 values, the first (nan) at (a, b, c) (3, 0, 2)."),
    ("frequencies of a layer in two axes",
     lambda: pm.project_each_onto_frequency(OP, torch.tensor([[1, 2]])), ValueError,
     "`frequency` must have one entry per neuron: shape (m,). Got (1, 2)."),
    ("mask of another modulus", lambda: pm.cross_entropy(LOGITS, OP, mask=torch.eye(7).bool()), ValueError,
     "`mask` must have one entry per pair: shape (5, 5). Got (7, 7)."),
    ("mask of 0 and 1", lambda: pm.accuracy(LOGITS, OP, mask=OP.table % 2), TypeError,
     "`mask` must be boolean. Got torch.int64."),
    ("array of numbers for a mask", lambda: pm.accuracy(LOGITS, OP, mask=np.ones((5, 5))), TypeError,
     "`mask` must be boolean. Got torch.float64."),
    ("mask without a pair", lambda: pm.accuracy(LOGITS, OP, mask=torch.ones(24).bool()), ValueError,
     "`mask` must have one entry per pair: shape (5, 5). Got (24,)."),
    ("indices for a mask", lambda: pm.measure(LOGITS, OP, [1], train_mask=torch.arange(10)), TypeError,
     "`train_mask` must be boolean. Got torch.int64."),
    ("mask of logits", lambda: pm.restricted_loss(LOGITS, OP, [1], mask=torch.ones(5, 5, 5).bool()), ValueError,
     "`mask` must have one entry per pair: shape (5, 5). Got (5, 5, 5)."),
    ("mask by name", lambda: pm.excluded_loss(LOGITS, OP, [1], mask="train"), TypeError,
     "`mask` must be a tensor or a NumPy array. Got str."),
    ("logits of another operation",
     lambda: pm.measure(torch.zeros(7, 7, 7), OP, [1], train_mask=OP.table<2), ValueError,
     "`logits` must have axes (a, b, c): shape (5, 5, m), or (25, m) in row-major order. Got (7, 7, 7)."),
    ("answers before pairs", lambda: pm.cross_entropy(torch.zeros(5, 25), OP), ValueError,
     "`logits` must have axes (a, b, c): shape (5, 5, m), or (25, m) in row-major order. Got (5, 25)."),
    ("group too large", lambda: pm.groups.symmetric_group(8), ValueError,
     "`m` must be at most 7. Got 8. The table of the group has (m!)² entries."),
    ("permutations of nothing", lambda: pm.groups.symmetric_group(0), ValueError,
     "`m` must be at least 1. Got 0."),
    ("permutations of a float", lambda: pm.groups.alternating_group(2.0), TypeError,
     "`m` must be an integer. Got 2.0 (float)."),
    ("table of uneven rows", lambda: pm.groups.composition([[0, 1], [1]]), ValueError,
     "`table` must be a list of rows of the same length. Got [[0, 1], [1]]."),
    ("table that is not closed", lambda: pm.groups.composition([[0, 1], [1, 2]]), ValueError,
     "`table` must be the table of a group. Closure does not hold: 1∘1 = 2, which is not one of 0..1. An operation "
     "that is no group can be an Operation with a basis of its own."),
    ("table without an identity", lambda: pm.groups.composition([[1, 0], [1, 0]]), ValueError,
     "`table` must be the table of a group. There is no identity: 0 comes nearest, but 0∘0 = 1. An operation that is "
     "no group can be an Operation with a basis of its own."),
    ("table without inverses", lambda: pm.groups.composition([[0, 1], [1, 1]]), ValueError,
     "`table` must be the table of a group. Not all have an inverse: there is no x with 1∘x = 0, the identity. An "
     "operation that is no group can be an Operation with a basis of its own."),
    ("table that is not associative", lambda: pm.groups.composition([[0, 1, 2], [1, 0, 0], [2, 0, 0]]), ValueError,
     "`table` must be the table of a group. Associativity does not hold: (1∘1)∘2 = 2, but 1∘(1∘2) = 1. An operation "
     "that is no group can be an Operation with a basis of its own."),
    ("table of floats", lambda: pm.groups.composition(np.eye(2)), TypeError,
     "`table` must be integers. Got torch.float64."),
    ("a token too many", lambda: pm.groups.composition([[0, 1], [1, 0]], elements=torch.arange(3)), ValueError,
     "`elements` must have one token per element (2). Got 3."),
    ("product with a number", lambda: pm.groups.direct_product(OP, 3), TypeError,
     "`second` must be an Operation, such as addition(113). Got int."),
    ("power of another operation", lambda: pm.key_frequencies(ones(3), OP), ValueError,
     "`power` must have one entry per frequency of the operation (2). Got 3."),
    ("basis of no functions", lambda: pm.fourier_basis(-1), ValueError,
     "`n` must be at least 1. Got -1."),
    ("labels of nothing", lambda: pm.fourier_labels(None), TypeError,
     "`n` must be an integer. Got None (NoneType)."),
    ("division modulo a square", lambda: pm.division(4), ValueError,
     "`p` must be prime. Got 4 = 2 · 2: multiples of 2 have no inverse, so its numbers are no group."),
    ("inequality of one number", lambda: pm.gini(ones(())), ValueError,
     "`dim` must name an axis of a tensor of shape (). Got -1."),
    ("inequality of none", lambda: pm.gini(ones(0)), ValueError,
     "`x` must have at least one entry along `dim`. Got shape (0,) and dim -1."),
    ("picture of a list of runs", lambda: plotting.plot_runs([1], "x"), TypeError,
     "`runs` must be a mapping from names to trajectories. Got list."),
    ("picture of no column", lambda: plotting.plot_curves(pm.Trajectory([0], {"x": [1]}), []), ValueError,
     "`columns` must name at least one column. Got none."),
    ("picture of a number", lambda: plotting.plot_curves(pm.Trajectory([0], {"x": [1]}), 3), TypeError,
     "`columns` must be a name, several, or a mapping to labels. Got int."),
    ("picture of infinity", lambda: plotting.plot_fourier_grid(bad(ones(3, 3), (1, 2), torch.inf)), ValueError,
     "`components` must be finite. Got 1 non-finite of 9 values, the first (inf) at index (1, 2)."),
    ("spectrum is a list", lambda: plotting.plot_spectrum([1, 2]), TypeError,
     "`power` must be a tensor or a NumPy array. Got list."),
    ("spectrum of nan", lambda: plotting.plot_spectrum(bad(ones(3), (1, ))), ValueError,
     "`power` must be finite. Got 1 non-finite of 3 values, the first (nan) at index (1,)."),
    ("logarithm of a negative number",
     lambda: plotting.plot_runs(pm.Runs({"a": pm.Trajectory([0], {"x": [-1]})}), "x", scale="log"), ValueError,
     "`scale` must be 'linear' where numbers are below zero. Got -1 in 'x' of 'a' at step 0. Leave that column "
     "out with select()."),
    ("coefficients without an operation", lambda: pm.cosine_coefficients(LOGITS, None), TypeError,
     "`op` must be an Operation, such as addition(113). Got NoneType."),
    ("clock of a number", lambda: pm.circuits.Clock(3, {1: 1.0}), TypeError,
     "`op` must be an Operation, such as addition(113). Got int."),
    ("clock of nan", lambda: pm.circuits.Clock(OP, {1: float("nan")}), ValueError,
     "`amplitudes[1]` must be a finite number above 0. Got nan."),
    ("pizza of strings", lambda: pm.circuits.Pizza(OP, {"1": 1.0}), TypeError,
     "`frequencies` must be integers. Got '1' (str)."),
    ("lists fitted", lambda: pm.fit_waves([1.0], [[1.0]]), TypeError,
     "`x` must be a tensor or a NumPy array. Got list."),
    ("rank of a name", lambda: pm.effective_rank("W"), TypeError,
     "`matrix` must be a tensor or a NumPy array. Got str."),
    ("norms at half a depth", lambda: pm.parameter_norms(nn.Linear(2, 2), depth=1.5), TypeError,
     "`depth` must be an integer. Got 1.5 (float)."),
    ("ratio along no axis", lambda: pm.concentration.fourier_coefficient_ratio(ones(5, 3), OP, dim=2), ValueError,
     "`dim` must name an axis of a tensor of shape (5, 3). Got 2."),
    ("modulus beyond 64 bits", lambda: pm.addition(10**30), ValueError,
     "`n` must be at most 9223372036854775807. Got 1000000000000000000000000000000. Integers have 64 bits."),
    ("batches beyond 64 bits", lambda: pm.grid_logits(torch.sin, OP, 2**63), ValueError,
     "`batch_size` must be at most 9223372036854775807. Got 9223372036854775808. Integers have 64 bits."),
    ("seed of a resampling beyond 64 bits", lambda: pm.resample_ablation(ones(2, 3), seed=2**64), ValueError,
     "`seed` must be at most 18446744073709551615. Got 18446744073709551616. Generators take 64 bits."),
    ("seed of gradients beyond 64 bits",
     lambda: pm.circuits.gradient_symmetricity(torch.sin, OP, nn.Embedding(5, 2), seed=2**64), ValueError,
     "`seed` must be at most 18446744073709551615. Got 18446744073709551616. Generators take 64 bits."),
    ("drop beyond floats", lambda: pm.key_frequencies(ones(3), min_drop=10**309), ValueError,
     f"`min_drop` must be a finite number above 1. Got {10**309}."),
    ("share beyond floats", lambda: pm.neuron_frequencies(ones(3, 3) / 3, min_share=10**309), ValueError,
     f"`min_share` must be at least 0 and below 1. Got {10**309}."),
    ("modulus is a truth in a tensor", lambda: pm.addition(torch.tensor(True)), TypeError,
     "`n` must be an integer. Got tensor(True) (Tensor)."),
    ("frequency is a truth in a tensor", lambda: pm.restrict(LOGITS, OP, [torch.tensor(True)]), TypeError,
     "`frequencies` must be integers. Got tensor(True) (Tensor)."),
    ("frequency is a float in a tensor", lambda: pm.restrict(LOGITS, OP, [torch.tensor(1.0)]), TypeError,
     "`frequencies` must be integers. Got tensor(1.) (Tensor)."),
    ("axis is a truth", lambda: pm.gini(LOGITS, dim=True), TypeError,
     "`dim` must be an integer or a tuple of integers. Got True."),
    ("place is a truth in a tensor", lambda: pm.output_of("layer", torch.tensor(True)), TypeError,
     "`items` must be places (integers) or names (strings). Got tensor(True) (Tensor)."),
    ("every truth in a tensor", lambda: pm.Recorder({"x": torch.sum}, every=torch.tensor(1.0)), TypeError,
     "`every` must be an integer or a function of the step. Got tensor(1.) (Tensor)."),
    ("sparse logits", lambda: pm.cross_entropy(LOGITS.to_sparse(), OP), TypeError,
     "`logits` must be a dense tensor. Got a sparse_coo one. Pass its .to_dense()."),
    ("nested weights",
     lambda: pm.gini(torch.nested.nested_tensor([ones(2, 5), ones(3, 5)], layout=torch.jagged)), TypeError,
     "`x` must be a dense tensor. Got a nested one. Pass its .to_padded_tensor(…)."),
    ("complex numbers of more than 64 bits", lambda: pm.gini(np.ones(3, np.clongdouble)), TypeError,
     "`x` must be real. Got torch.complex128."),
    ("density above None", lambda: pm.concentration.fourier_frequency_density(ones(5), OP, threshold=None), TypeError,
     "`threshold` must be a real number. Got None (NoneType)."),
]
# fmt: on


@pytest.mark.parametrize(("mistake", "error", "message"), [pytest.param(*rest, id=name) for name, *rest in MISTAKES])
def test_mistake_is_met_with(mistake, error, message, tmp_path, monkeypatch):
    assert_met_with(mistake, error, message, tmp_path, monkeypatch, OP, LOGITS)
