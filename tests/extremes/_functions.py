"""All public numerical functions, as functions of one tensor, so that the tests can try each extreme on all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

import progress_measures as pm
from tests._planted import learned_logits, random_logits, random_mask

N = 4  # even, so that there is a lone cosine
OP = pm.addition(N)
MASK = random_mask(N)
TERMS = ("sum", "product", "polynomial", "aligned")
WAVES = torch.stack([torch.arange(N**2).double().cos(), torch.arange(N**2).double().sin()])
DIRECTIONS = torch.tensor([[1.0, 2.0, 0.0, -1.0], [0.5, 0.0, 1.0, 3.0]])


@dataclass(frozen=True)
class Function:
    """A public function as one of a single tensor."""

    name: str
    """Its public name, and what it is called with."""
    call: Callable[[Tensor], Any]
    x: Tensor
    """A typical argument, float64."""

    @property
    def public(self) -> str:
        return self.name.split()[0]

    def __call__(self, x: Tensor) -> tuple[Tensor, ...]:
        found = self.call(x)
        return (found,) if isinstance(found, Tensor) else tuple(found)

    def __repr__(self) -> str:
        return self.name


class Weights(nn.Module):
    """A module with one parameter, ``weight``: a given tensor, which may have a graph."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self._parameters["weight"] = weight

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


def under(replacement: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The output of a model whose first layer, the identity, is ablated."""
    model = nn.Sequential(nn.Identity(), nn.Tanh())
    with pm.ablated(model, "0", replacement):
        return model(x)


def losses_of(measures: pm.Measures) -> list[Tensor]:
    return [value for name, value in vars(measures).items() if "loss" in name]


def circle_shares(fit: pm.embeddings.CircleFit) -> tuple[Tensor, Tensor]:
    return fit.share, fit.best_plane


def helix_shares(fit: pm.embeddings.HelixFit) -> tuple[Tensor, ...]:
    return fit.helix, fit.polynomial, fit.helix_held_out, fit.polynomial_held_out


def of_planted(make: Callable[..., nn.Module], radii: Tensor) -> Tensor:
    model = make(OP, {1: 1.0, 2: 2.0})
    return torch.func.functional_call(model, {"embed.weight": radii}, OP.inputs)


LOGITS = learned_logits(OP, (1,))
WEIGHTS = random_logits(N, seed=1)[0]
ACTIVATIONS = random_logits(N, seed=2).reshape(N**2, N)
KEY_POWER = torch.tensor([1.0, 100.0, *[1.0] * 18], dtype=torch.float64)
PATTERN = 0.2 * random_logits(N, seed=3).view(2, 2, N, N).softmax(-1)  # below 1, so that it may be changed
TOKENS = torch.tensor([[1, 2, 1, 2], [3, 3, 0, 3]], device="cpu")
HEADS = (random_logits(N, seed=4)[:2, :, :2], random_logits(N, seed=5)[:2, :2], random_logits(N, seed=6)[0])

MEASURES = [
    Function("cross_entropy", lambda x: pm.cross_entropy(x, OP, mask=MASK), LOGITS),
    *(
        Function(f"{function.__name__} {terms}", lambda x, f=function, t=terms: f(x, OP, [1, 2], terms=t), LOGITS)
        for function in (pm.restrict, pm.exclude)
        for terms in TERMS
    ),
    *(
        Function(
            f"{function.__name__} {terms}", lambda x, f=function, t=terms: f(x, OP, [2], mask=MASK, terms=t), LOGITS
        )
        for function in (pm.restricted_loss, pm.excluded_loss)
        for terms in TERMS
    ),
    *(
        Function(
            f"excluded_loss_per_frequency {terms}",
            lambda x, t=terms: pm.excluded_loss_per_frequency(x, OP, mask=MASK, terms=t),
            LOGITS,
        )
        for terms in TERMS
    ),
    Function("measure", lambda x: losses_of(pm.measure(x, OP, [1], train_mask=MASK)), LOGITS),
    Function("logit_spectrum", lambda x: pm.logit_spectrum(x, OP), LOGITS),
    Function("cosine_coefficients", lambda x: pm.cosine_coefficients(x, OP), LOGITS),
    Function("distance_irrelevance", lambda x: pm.circuits.distance_irrelevance(x, OP), LOGITS),
    Function("input_spectrum", lambda x: pm.input_spectrum(x, OP), LOGITS),
    Function("answer_spectrum", lambda x: pm.spectra.answer_spectrum(x, OP), LOGITS[..., :3]),
    Function("neuron_spectrum", lambda x: pm.neuron_spectrum(x, OP), LOGITS[..., :3]),
    Function("spectrum", lambda x: pm.spectrum(x, OP), WEIGHTS),
    Function("inverse_participation_ratio", lambda x: pm.concentration.inverse_participation_ratio(x, OP), WEIGHTS),
    Function("fourier_coefficient_ratio", lambda x: pm.concentration.fourier_coefficient_ratio(x, OP), WEIGHTS),
    Function("circularity", lambda x: pm.circuits.circularity(x, OP, components=2), WEIGHTS),
    Function("coset_concentration", lambda x: pm.concentration.coset_concentration(x, OP, [2]), WEIGHTS),
    Function("normalized_margin", lambda x: pm.losses.normalized_margin(x, OP, 2.0, homogeneity=3, mask=MASK), LOGITS),
    Function("absolute_weight_entropy", pm.sparsity.absolute_weight_entropy, WEIGHTS),
    Function("gini", pm.gini, WEIGHTS),
    Function("previous_token_score", pm.attention.previous_token_score, PATTERN),
    Function("duplicate_token_score", lambda x: pm.attention.duplicate_token_score(x, TOKENS), PATTERN),
    Function("prefix_matching_score", lambda x: pm.attention.prefix_matching_score(x, TOKENS), PATTERN),
    Function("copying_score", lambda x: pm.attention.copying_score(x, *HEADS), LOGITS[0]),
    Function("in_context_score", lambda x: pm.attention.in_context_score(x, 0, 3), WEIGHTS),
    Function("effective_rank", pm.effective_rank, WEIGHTS[:3]),
    Function("explained_variance of x", lambda x: pm.explained_variance(x, WEIGHTS.flip(0)), WEIGHTS),
    Function("explained_variance of the approximation", lambda x: pm.explained_variance(WEIGHTS.flip(0), x), WEIGHTS),
    Function("period_shares", lambda x: pm.embeddings.period_shares(x, [2, 3.5, 5]), ACTIVATIONS),
    Function("circle_fit", lambda x: circle_shares(pm.embeddings.circle_fit(x, draws=2)), ACTIVATIONS),
    Function("helix_fit", lambda x: helix_shares(pm.embeddings.helix_fit(x, periods=[5])), ACTIVATIONS),
    Function("fit_waves", lambda x: vars(pm.fit_waves(x, WAVES)).values(), ACTIVATIONS),
]
TRANSFORMS = [
    Function(function.__name__, lambda x, f=function: f(x, (0, -1)), WEIGHTS)
    for function in (pm.to_fourier, pm.from_fourier, pm.frequency_power)
]
REPLACEMENTS = [
    Function("mean_ablation", pm.mean_ablation(), ACTIVATIONS),
    Function("at", pm.at((slice(None), [0, 2]), torch.sin), ACTIVATIONS),
    *(
        Function(f"{project.__name__} {center}", project(DIRECTIONS, center=center), ACTIVATIONS)
        for project in (pm.project_onto, pm.project_out)
        for center in ("origin", "mean")
    ),
    *(
        Function(f"{project.__name__} {terms}", project(OP, [1], terms=terms), ACTIVATIONS)
        for project in (pm.project_onto_frequencies, pm.project_out_frequencies)
        for terms in TERMS[:3]
    ),
    Function(
        "project_each_onto_frequency", pm.project_each_onto_frequency(OP, torch.tensor([1, 2, 0, 1])), ACTIVATIONS
    ),
    Function("ablated", lambda x: under(pm.project_out(DIRECTIONS), x), ACTIVATIONS),
]
OF_MODELS = [
    Function("sum_squared_weights", lambda x: pm.sum_squared_weights(Weights(x)), WEIGHTS),
    Function("parameter_norms", lambda x: pm.parameter_norms(Weights(x)).values(), WEIGHTS),
    Function(
        "grid_logits",
        lambda x: pm.grid_logits(lambda pairs: (pairs.to(x) @ x[:2]).sin(), OP, 5, requires_grad=x.requires_grad),
        WEIGHTS,
    ),
    Function("Clock", lambda x: of_planted(pm.circuits.Clock, x), WEIGHTS),
    Function("Pizza", lambda x: of_planted(pm.circuits.Pizza, x), WEIGHTS),
]
DIFFERENTIABLE = [*MEASURES, *TRANSFORMS, *REPLACEMENTS, *OF_MODELS]

COUNTED = [
    Function("accuracy", lambda x: pm.accuracy(x, OP, mask=MASK), LOGITS),
    Function("fourier_frequency_density", lambda x: pm.concentration.fourier_frequency_density(x, OP), WEIGHTS),
    Function("activation_sparsity", pm.sparsity.activation_sparsity, WEIGHTS),
    Function(
        "effective_sparsity",
        lambda x: pm.sparsity.effective_sparsity(x, WEIGHTS, OP.table.flatten(), OP.elements),
        ACTIVATIONS,
    ),
    Function("parallelogram_quality", lambda x: pm.fits.parallelogram_quality(x, tolerance=2.0), WEIGHTS),
    *(
        Function(
            control.__name__,
            lambda x, f=control: [loss.draws for loss in vars(f(x, OP, [1], train_mask=MASK, draws=3)).values()],
            LOGITS,
        )
        for control in (pm.random_frequency_control, pm.shuffled_label_control)
    ),
    Function(
        "period_control",
        lambda x: [pm.embeddings.period_control(x, [2, 2.1], draws=2).prominences],
        torch.cat([ACTIVATIONS, ACTIVATIONS.cos()]),
    ),
    Function("residue_probe", lambda x: [pm.embeddings.residue_probe(x, 3, folds=4).predicted], ACTIVATIONS),
    Function("neuron_frequencies", lambda x: pm.neuron_frequencies(x, min_share=0.5), WEIGHTS.softmax(1)),
    Function("key_frequencies", lambda x: torch.tensor(pm.key_frequencies(x), device="cpu"), KEY_POWER),
    Function("sufficient_frequencies", lambda x: torch.tensor(pm.sufficient_frequencies(x, OP), device="cpu"), LOGITS),
]
OF_NUMBERS = [*MEASURES, *TRANSFORMS, *COUNTED]
EVERY = [*DIFFERENTIABLE, *COUNTED]
OF_ANY_DTYPE = [function for function in EVERY if function.public not in {"Clock", "Pizza"}]  # which are float64
