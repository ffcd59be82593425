"""All compared measures, one per line. To add one, add a line here and record the runs again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

import progress_measures as pm
from examples.comparison.sample import Sample

SUMS = frozenset({"addition", "subtraction"})  # whose pairs have a distance
CYCLIC = SUMS | {"sum_of_squares", "random_answers"}  # whose frequencies have a cosine and a sine
ALL_PAIRS = CYCLIC | {"symmetric_group"}

Scale = Literal["linear", "log"]
Known = Literal["nothing", "test data", "operation", "final keys"]


@dataclass(frozen=True)
class Measure:
    """A number per step, and what you need to compute it.

    Args:
        title: Its title in the table.
        known: What must be known in advance, in addition to the network and its training data.
        of: Computes the number from a network at one step.
        scales: The scales on which its change is measured. Losses and curvatures change by orders of magnitude.
        only: The operations for which it is defined; all if None.
    """

    title: str
    known: Known
    of: Callable[[Sample], Tensor]
    scales: tuple[Scale, ...] = ("linear",)
    only: frozenset[str] | None = None

    def applies_to(self, operation: str) -> bool:
        """Whether it is defined for an operation."""
        return self.only is None or operation in self.only


def _restricted_of_step(s: Sample) -> Tensor:
    keys = pm.key_frequencies(pm.logit_spectrum(s.logits, s.op), s.op, share=0.9)
    return pm.restricted_loss(s.logits, s.op, keys)


def _hidden_restricted(s: Sample) -> Tensor:
    return pm.restricted_loss(s.through_W_L - s.through_W_L.mean((0, 1)), s.op, s.keys)


def _complexity(s: Sample) -> Tensor:
    step = pm.compression.coarsest_step(s.model, s.task.train_loss, tolerance=0.1)
    return pm.compression.compressed_size(s.model, step=step).double()


def _effective_sparsity(s: Sample) -> Tensor:
    rows, answers = s.train_mask.flatten(), s.op.table.flatten()
    rest = (s.logits - s.through_W_L).flatten(0, 1)[rows]
    size = s.model.blocks[0].mlp.hidden.weight.norm(dim=1)
    neurons = s.neurons.flatten(0, 1)[rows]
    return pm.sparsity.effective_sparsity(neurons, s.W_L, answers[rows], size, rest=rest).double()


def _weight_entropy(s: Sample) -> Tensor:
    return torch.stack([pm.sparsity.absolute_weight_entropy(x) for x in s.model.parameters()]).sum()


def _margin(s: Sample) -> Tensor:
    norm = pm.sum_squared_weights(s.model).sqrt()
    return pm.losses.normalized_margin(s.logits, s.op, norm, homogeneity=4, mask=s.train_mask)


def _cosine(s: Sample) -> Tensor:
    return pm.gradients.cosine(s.task.train_loss, s.task.test_loss, s.model)


def _defect(s: Sample) -> Tensor:
    first, second = s.task.batch_losses[:2]
    return pm.gradients.commutator_defect(first, second, s.precise, lr=1e-3)


def _noise(s: Sample) -> Tensor:
    """Signal over noise, which is 0 where the noise scale is infinite."""
    return 1 / pm.gradients.noise_scale(s.task.batch_losses, s.model)


def _symmetricity(s: Sample) -> Tensor:
    return pm.circuits.gradient_symmetricity(s.model, s.op, s.model.embed, samples=200)


MEASURES = {
    "train_loss": Measure("training loss", "nothing", lambda s: pm.cross_entropy(s.logits, s.op, mask=s.train_mask), ("log",)),
    "test_loss": Measure("test loss", "test data", lambda s: pm.cross_entropy(s.logits, s.op, mask=~s.train_mask), ("log", "linear")),
    "test_accuracy": Measure("test accuracy", "test data", lambda s: pm.accuracy(s.logits, s.op, mask=~s.train_mask)),
    "restricted_loss": Measure("restricted loss", "final keys", lambda s: pm.restricted_loss(s.logits, s.op, s.keys), ("log", "linear")),
    "excluded_loss": Measure("excluded loss", "final keys", lambda s: pm.excluded_loss(s.logits, s.op, s.keys, mask=s.train_mask), ("log", "linear")),
    "restricted_loss_of_step": Measure("restricted loss, frequencies of the step", "operation", _restricted_of_step, ("log",)),
    "answer_share": Measure("share of a∘b in the logits", "operation", lambda s: pm.logit_spectrum(s.logits, s.op).sum()),
    "hidden_restricted_loss": Measure("restricted loss of the neurons", "final keys", _hidden_restricted, ("log",)),
    "hidden_excluded_loss": Measure("excluded loss of the neurons", "final keys", lambda s: pm.excluded_loss(s.through_W_L, s.op, s.keys, mask=s.train_mask), ("log",)),
    "hidden_answer_share": Measure("share of a∘b in the neurons", "operation", lambda s: pm.spectra.answer_spectrum(s.neurons, s.op).sum()),
    "gini_W_E": Measure("Gini of W_E", "operation", lambda s: pm.gini(pm.spectrum(s.W_E, s.op).sqrt())),
    "gini_W_L": Measure("Gini of W_L", "operation", lambda s: pm.gini(pm.spectrum(s.W_L, s.op).sqrt())),
    "participation_W_L": Measure("inverse participation ratio of W_L", "operation", lambda s: pm.concentration.inverse_participation_ratio(s.W_L, s.op).mean()),
    "density_W_E": Measure("Fourier frequency density of W_E", "operation", lambda s: pm.concentration.fourier_frequency_density(s.W_E, s.op), only=CYCLIC),
    "ratio_W_E": Measure("Fourier coefficient ratio of W_E", "operation", lambda s: pm.concentration.fourier_coefficient_ratio(s.W_E, s.op), only=CYCLIC),
    "circularity": Measure("circularity of W_E", "operation", lambda s: pm.circuits.circularity(s.W_E, s.op)),
    "parallelograms": Measure("parallelograms of W_E", "operation", lambda s: pm.fits.parallelogram_quality(s.W_E)),
    "gradient_symmetricity": Measure("gradient symmetricity", "operation", _symmetricity, only=ALL_PAIRS),
    "distance_irrelevance": Measure("distance irrelevance", "operation", lambda s: pm.circuits.distance_irrelevance(s.logits, s.op), only=SUMS),
    "effective_rank_W_E": Measure("effective rank of W_E", "nothing", lambda s: pm.effective_rank(s.W_E)),
    "effective_rank_W_L": Measure("effective rank of W_L", "nothing", lambda s: pm.effective_rank(s.W_L)),
    "sum_squared_weights": Measure("sum of squared weights", "nothing", lambda s: pm.sum_squared_weights(s.model)),
    "weight_entropy": Measure("absolute weight entropy", "nothing", _weight_entropy),
    "compressed_size": Measure("compressed size, step 0.01", "nothing", lambda s: pm.compression.compressed_size(s.model, step=0.01).double()),
    "complexity": Measure("compressed size, coarsest step", "nothing", _complexity),
    "activation_sparsity": Measure("activation sparsity", "nothing", lambda s: pm.sparsity.activation_sparsity(s.neurons[s.train_mask])),
    "effective_sparsity": Measure("effective sparsity", "nothing", _effective_sparsity),
    "normalized_margin": Measure("normalized margin", "nothing", _margin),
    "gradient_cosine": Measure("cosine of training and test gradients", "test data", _cosine),
    "gradient_signal": Measure("gradient signal over noise", "nothing", _noise),
    "commutator_defect": Measure("commutator defect", "nothing", _defect, ("log",)),
    "hessian_trace": Measure("Hessian trace", "nothing", lambda s: pm.curvature.hessian_trace(s.task.curved_loss, s.model), ("log",)),
    "largest_eigenvalue": Measure("largest Hessian eigenvalue", "nothing", lambda s: pm.curvature.largest_eigenvalue(s.task.curved_loss, s.model), ("log",)),
}  # fmt: skip
