"""The results of public functions on the bundled checkpoints, for the table ``numbers.json``.

``python -m tests.values.measured`` writes numbers that are new, or that moved by more than rounding, into the table. A
changed number matters to users who compare runs, so note it in CHANGELOG.md with its reason.

Forward passes are in float64, except in cases named float32. The numbers then depend on the weights in the files and
on the definitions, and hardly on the order in which a library adds.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import torch

import progress_measures as pm
from examples.modular_addition import checkpoints
from examples.modular_addition.bundled import MAINLINE, RUNS
from examples.modular_addition.training import Config

TABLE = Path(__file__).with_name("numbers.json")
WHOLE = 60  # values: of longer tensors a digest is kept
SCORES, NEURONS, LOGITS, SKIP = "blocks.0.attn.scores", "blocks.0.mlp.relu", "unembed", "blocks.0.mlp_skip"
TERMS = ("sum", "product", "polynomial", "aligned")
CHECKPOINTS = {"mainline": (0, 2400, 5000, 40_000), "no_weight_decay": (10_000,), "symmetric_5": (12_000,)}
Row = tuple[str, str, object]
Numbers = list[float | None]
TOLERANCE = {"float64": 1e-11, "float32": 1e-5}
EXACT = {"accuracy", "sqrt_spaced", "key_frequencies", "log_spaced", "neuron_frequencies"}


@dataclass(frozen=True)
class Checkpoint:
    """A bundled checkpoint, with the arguments of most functions."""

    run: str
    step: int
    dtype: torch.dtype = torch.float64

    @cached_property
    def config(self):
        return Config.load(RUNS / self.run)

    @cached_property
    def op(self):
        return self.config.op

    @cached_property
    def model(self):
        model = checkpoints.load(checkpoints.path_of(RUNS / self.run, self.step))
        return model.requires_grad_(False).to(self.dtype)

    @cached_property
    def forward(self):
        with pm.captured(self.model, [SCORES, NEURONS]) as activations:
            return pm.grid_logits(self.model, self.op), dict(activations)

    @property
    def logits(self):
        return self.forward[0]

    @property
    def neurons(self):
        return self.forward[1][NEURONS]

    @cached_property
    def keys(self):
        return pm.key_frequencies(pm.spectrum(self.model.W_L, self.op), self.op)

    def loss(self, path, replacement):
        """Loss over all pairs with a submodule's output replaced."""
        with pm.ablated(self.model, path, replacement):
            return pm.cross_entropy(pm.grid_logits(self.model, self.op), self.op)


@lru_cache
def checkpoint(run: str = "mainline", step: int = 40_000, dtype: torch.dtype = torch.float64) -> Checkpoint:
    return Checkpoint(run, step, dtype)


def rows() -> Iterator[Row]:
    """Every row of the table: function, case and result."""
    for run, steps in CHECKPOINTS.items():
        for step in steps:
            yield from of_checkpoint(f"{run} {step}", checkpoint(run, step))
    yield from of_checkpoint("mainline 40000 in float32", checkpoint(dtype=torch.float32))
    for part in (of_filters, of_weights, of_replacements, of_fourier, of_operations, of_curves, of_recording):
        yield from part()


def of_checkpoint(case: str, at: Checkpoint) -> Iterator[Row]:
    """Losses and spectra."""
    op, logits, W_L = at.op, at.logits, at.model.W_L
    keys = (5, 6, 14, 42) if at.run == "mainline" else at.keys  # the same at each step of a run
    train = at.config.train_mask
    yield "grid_logits", case, logits
    yield "cross_entropy", case, pm.cross_entropy(logits, op)
    yield "cross_entropy", f"{case}, training pairs", pm.cross_entropy(logits, op, mask=train)
    yield "accuracy", case, pm.accuracy(logits, op)
    yield "restricted_loss", case, pm.restricted_loss(logits, op, keys)
    yield "excluded_loss", case, pm.excluded_loss(logits, op, keys, mask=train)
    for name, value in pm.measure(logits, op, keys, train_mask=train).as_dict().items():
        if not name.startswith("excluded_loss_per_frequency"):  # which is below, by its own name
            yield "measure", f"{case}, {name}", value
    yield "excluded_loss_per_frequency", case, pm.excluded_loss_per_frequency(logits, op, mask=train)
    yield "logit_spectrum", case, pm.logit_spectrum(logits, op)
    yield "neuron_spectrum", case, pm.neuron_spectrum(at.neurons, op)
    yield "neuron_frequencies", case, pm.neuron_frequencies(pm.neuron_spectrum(at.neurons, op))
    yield "key_frequencies", case, at.keys
    yield "spectrum", f"{case}, W_L", pm.spectrum(W_L, op)
    yield "gini", f"{case}, W_L", pm.gini(pm.spectrum(W_L, op).sqrt())
    yield "effective_rank", f"{case}, W_L", pm.effective_rank(W_L)
    yield "inverse_participation_ratio", f"{case}, W_L", pm.concentration.inverse_participation_ratio(W_L, op)
    yield "sum_squared_weights", case, pm.sum_squared_weights(at.model)


def of_filters() -> Iterator[Row]:
    """Parts of the logits, and losses compared with chance."""
    at = checkpoint()
    op, logits, train = at.op, at.logits, at.config.train_mask
    for terms in TERMS:
        yield "restrict", terms, pm.restrict(logits, op, at.keys, terms=terms)
        yield "exclude", terms, pm.exclude(logits, op, at.keys, terms=terms)
        yield "restricted_loss", terms, pm.restricted_loss(logits, op, at.keys, terms=terms)
        yield "excluded_loss", terms, pm.excluded_loss(logits, op, at.keys, terms=terms)
        yield "excluded_loss_per_frequency", terms, pm.excluded_loss_per_frequency(logits, op, terms=terms)
    yield "cosine_coefficients", "", pm.cosine_coefficients(logits, op)
    for control in (pm.random_frequency_control, pm.shuffled_label_control):
        found = control(logits, op, at.keys, train_mask=train, draws=10)
        for field in fields(found):
            losses = getattr(found, field.name)
            yield control.__name__, f"{field.name}, draws", losses.draws
            yield control.__name__, f"{field.name}, quantiles", losses.quantiles()
            yield control.__name__, f"{field.name}, share below", losses.share_below


def of_weights() -> Iterator[Row]:
    """Weights, neurons and circuits of the last checkpoint, and known circuits."""
    at = checkpoint()
    op, W_E = at.op, at.model.W_E
    yield "spectrum", "W_E", pm.spectrum(W_E, op)
    yield "gini", "W_E", pm.gini(W_E, dim=0)
    yield "fourier_frequency_density", "W_E", pm.concentration.fourier_frequency_density(W_E, op)
    yield "fourier_coefficient_ratio", "W_E", pm.concentration.fourier_coefficient_ratio(W_E, op)
    for depth in (1, None):
        norms = pm.parameter_norms(at.model, depth=depth)
        yield "parameter_norms", f"depth {depth}", list(norms.values())
    score_a, score_b, _ = at.forward[1][SCORES].unbind(-1)
    waves = op.basis[op.row_frequency == at.keys[0]][:, op.table.flatten()]
    fit = pm.fit_waves(at.neurons, waves)
    for field in fields(fit):
        yield "fit_waves", field.name, getattr(fit, field.name)
    yield "explained_variance", "", pm.explained_variance(score_a, score_a - score_b, 0)
    yield "circularity", "W_E", pm.circuits.circularity(W_E, op)
    yield "distance_irrelevance", "", pm.circuits.distance_irrelevance(at.logits, op)
    yield "gradient_symmetricity", "", pm.circuits.gradient_symmetricity(at.model, op, at.model.embed)
    small = pm.addition(31)
    for circuit in (pm.circuits.Clock(small, {3: 1.0, 7: 0.5}), pm.circuits.Pizza(small, {3: 1.0, 7: 0.5})):
        name, logits = type(circuit).__name__, pm.grid_logits(circuit, small)
        yield name, "logits", logits
        # Of a pizza it is 0, and what rounding leaves of that is another number on each processor.
        yield "distance_irrelevance", name, pm.circuits.distance_irrelevance(logits, small).round(decimals=12)
        yield "gradient_symmetricity", name, pm.circuits.gradient_symmetricity(circuit, small, circuit.embed)


def of_replacements() -> Iterator[Row]:
    """The loss with neurons or logits replaced."""
    at = checkpoint()
    op, directions = at.op, at.op.rows(at.keys) @ at.model.W_L
    cluster = pm.neuron_frequencies(pm.neuron_spectrum(at.neurons, op))
    replacements = {
        "zero_ablation": pm.zero_ablation(),
        "mean_ablation": pm.mean_ablation(),
        "resample_ablation": pm.resample_ablation(at.neurons),
        "at": pm.at((..., slice(100)), pm.zero_ablation()),
        "project_onto": pm.project_onto(directions),
        "project_out": pm.project_out(directions, center="mean"),
        "project_onto_frequencies": pm.project_onto_frequencies(op, at.keys),
        "project_out_frequencies": pm.project_out_frequencies(op, at.keys[:1], terms="product"),
        "project_each_onto_frequency": pm.project_each_onto_frequency(op, cluster),
    }
    for name, replacement in replacements.items():
        yield name, "neurons", at.loss(NEURONS, replacement)
    yield "ablated", "skip connection", at.loss(SKIP, pm.zero_ablation())
    yield "input_of", "MLP", at.loss(pm.input_of("blocks.0.mlp"), pm.mean_ablation())
    yield "output_of", "MLP", at.loss(pm.output_of("blocks.0.mlp"), pm.mean_ablation())
    yield "captured", "neurons", at.neurons


def of_fourier() -> Iterator[Row]:
    """The basis, for an odd and an even n, and changes to it."""
    W_E = checkpoint().model.W_E
    for n in (113, 16):
        yield "fourier_basis", f"n = {n}", pm.fourier_basis(n)
    yield "to_fourier", "W_E", pm.to_fourier(W_E, 0)
    yield "from_fourier", "W_E", pm.from_fourier(W_E, (0, 1))
    yield "frequency_power", "W_E", pm.frequency_power(W_E, 0)


def of_operations() -> Iterator[Row]:
    """Answers, and the projection on each frequency: the basis of one may be turned, and does not tell."""
    operations = {
        "addition": pm.addition(12),
        "subtraction": pm.subtraction(12),
        "multiplication": pm.multiplication(13),
        "division": pm.division(13),
        "composition": pm.groups.composition([[0, 1, 2], [1, 2, 0], [2, 0, 1]]),
        "symmetric_group": pm.groups.symmetric_group(4),
        "alternating_group": pm.groups.alternating_group(4),
        "dihedral_group": pm.groups.dihedral_group(5),
        "direct_product": pm.groups.direct_product(pm.addition(3), pm.groups.dihedral_group(4)),
    }
    for name, op in operations.items():
        yield name, "table", op.elements[op.table]
        yield name, "rows per frequency", op.rows_per_frequency
        for k in op.frequencies:
            yield name, f"projection on frequency {k}", op.rows([k]).T @ op.rows([k])
        for k, irrep in zip(op.frequencies, op.irreps, strict=True):
            yield "Irrep", f"{name}, character {k}", irrep.character


def of_curves() -> Iterator[Row]:
    """Runs, phases and lead times, from the recorded curves."""
    curves = {name: pm.Trajectory.load(RUNS / name / "curves.npz") for name in ("mainline", "seed1", "seed2")}
    for name, trajectory in curves.items():
        yield "find_phases", name, list(vars(pm.find_phases(trajectory, answers=113)).values())
        yield "lead_times", name, list(vars(pm.lead_times(trajectory, answers=113)).values())
    for name, spread in pm.phase_spread(curves, answers=113).items():
        yield "phase_spread", name, list(vars(spread).values())
    runs = pm.Runs(curves).common()
    for scale in ("linear", "log"):
        yield "Runs", f"mean, {scale}", runs.mean(scale=scale)["test_loss"]
        yield "Runs", f"std, {scale}", runs.std(scale=scale)["test_loss"]
    yield "Runs", "quantile", runs.quantile(0.25)["test_loss"]
    for name, rule in (("log_spaced", pm.log_spaced()), ("sqrt_spaced", pm.sqrt_spaced(40_000, 40))):
        yield name, "", [step for step in range(40_001) if rule(step)]


def of_recording() -> Iterator[Row]:
    """Measures recorded during training."""
    config, weights = Config.load(MAINLINE), {"W_L": lambda model: model.W_L}
    models = [(step, checkpoint(step=step).model) for step in (2400, 40_000)]
    for frequencies in ("current", "final"):
        measure = pm.grokking_measures(None, config.op, frequencies, config.train_mask, weights=weights)
        trajectory = pm.track(models, measure)
        name = "grokking_measures"
        if frequencies == "final":
            trajectory, name = (
                pm.add_restricted_loss(trajectory, config.op, train_mask=config.train_mask),
                "add_restricted_loss",
            )
        for column, values in trajectory.columns.items():
            yield name, column, values
    yield "track", "", pm.track(models, {"W_L": lambda model: model.W_L.norm()})["W_L"]


def numbers(value: object) -> Numbers:
    """All numbers of a result, or four of many: the norm, a sum with weights that are all different, both ends."""
    if isinstance(value, list | tuple):
        return [None if each is None else float(each) for each in value]
    x = torch.as_tensor(value, dtype=torch.float64).detach().flatten()
    if len(x) <= WHOLE:
        return x.tolist()
    weights = torch.arange(len(x), dtype=torch.float64).mul(0.6180339887498949).frac() - 0.5
    return [float(each) for each in (torch.linalg.vector_norm(x), (x * weights).sum(), x[0], x[-1])]


def table() -> dict[str, dict[str, Numbers]]:
    """The numbers by function and case."""
    found: dict[str, dict[str, Numbers]] = {}
    for function, case, value in rows():
        cases = found.setdefault(function, {})
        if case in cases:
            raise ValueError(f"Two rows of {function} have the case {case!r}.")
        cases[case] = numbers(value)
    return dict(sorted(found.items()))


def tolerance(function: str, case: str) -> float:
    """The tolerance of a row."""
    if function in EXACT:
        return 0.0
    return TOLERANCE["float32" if "float32" in case else "float64"]


def difference(actual: Numbers, expected: Numbers) -> float:
    """The largest difference, in units of the largest number of the row; None, for a step that is not, is no number."""
    assert [value is None for value in actual] == [value is None for value in expected]
    x, y = (np.array([value for value in row if value is not None]) for row in (actual, expected))
    largest = np.max(np.abs(y), initial=0.0)
    return np.max(np.abs(x - y), initial=0.0) / (largest if largest > 0 else 1.0)


def kept(found: dict[str, dict[str, Numbers]], stored: dict[str, dict[str, Numbers]]) -> dict[str, dict[str, Numbers]]:
    """The new numbers, but the stored ones where they are the same, so that a new table shows only what moved."""

    def row(function: str, case: str, new: Numbers) -> Numbers:
        old = stored.get(function, {}).get(case)
        if old is None or [x is None for x in new] != [x is None for x in old]:
            return new
        return old if difference(new, old) <= tolerance(function, case) else new

    return {
        function: {case: row(function, case, new) for case, new in cases.items()} for function, cases in found.items()
    }


def written(found: dict[str, dict[str, Numbers]]) -> str:
    """JSON with a line for each row; every float has as many digits as it needs to be read back exactly."""
    blocks = [
        f"{json.dumps(function)}: {{\n"
        + ",\n".join(f"  {json.dumps(case)}: {json.dumps(row)}" for case, row in cases.items())
        for function, cases in found.items()
    ]
    return "{\n" + "\n},\n".join(blocks) + "\n}\n}\n"


if __name__ == "__main__":
    TABLE.write_text(written(kept(table(), json.loads(TABLE.read_text(encoding="utf-8")))), encoding="utf-8")
