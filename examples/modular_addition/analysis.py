"""The analysis of a run: every checkpoint, and the last one in detail."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

import progress_measures as pm
from examples.modular_addition import checkpoints
from examples.modular_addition.model import Transformer
from examples.modular_addition.training import Config

NEURONS = "blocks.0.mlp.relu"
EXPLAINED = 0.85  # from this share of its variance on, the paper assigns a neuron to one frequency


@dataclass(frozen=True, eq=False)
class Final:
    """The last checkpoint in detail."""

    key_frequencies: tuple[int, ...]
    """Of W_L; used at every checkpoint."""
    logit_key_frequencies: tuple[int, ...]
    """Of the logits."""
    W_E_power: Tensor
    """Power of the embedding per frequency, ``(K,)``."""
    W_L_power: Tensor
    """Power of the neuron-logit map per frequency, ``(K,)``."""
    logit_share: Tensor
    """Share of the logits' centred variance per frequency of the answer, ``(K,)``."""
    logit_components: Tensor
    """Norm of each 2-D Fourier component of the logits over the answers, ``(n, n)``; for cyclic operations."""
    neuron_share: Tensor
    """Share of each neuron's centred variance per frequency of the inputs, ``(d_mlp, K)``."""

    @property
    def logit_share_in_key(self) -> float:
        """Share of the logits' centred variance that lies in the key frequencies of the answer."""
        return float(self.logit_share[[k - 1 for k in self.key_frequencies]].sum())

    @property
    def alive(self) -> Tensor:
        """Whether each neuron varies at all, bool, ``(d_mlp,)``."""
        return self.neuron_share.sum(1) > 0

    @property
    def single_frequency_share(self) -> float:
        """Share of the live neurons with more than 85 % of their variance in one frequency."""
        return float((self.neuron_share[self.alive].max(1).values > EXPLAINED).double().mean())


@dataclass(frozen=True, eq=False)
class Analysis:
    """The results of a run."""

    config: Config
    op: pm.Operation
    final: Final
    trajectory: pm.Trajectory
    phases: pm.Phases
    epoch_losses: pm.Trajectory
    """Training and test loss of every epoch, recorded during training."""


def analyse(folder: Path) -> Analysis:
    """Measures every checkpoint in the folder of a run, with the key frequencies of the last one.

    If ``curves.npz`` has more steps than there are checkpoints, it is read instead.
    """
    config = Config.load(folder)
    steps = checkpoints.steps(folder)
    if not steps:
        raise FileNotFoundError(f"The run must have checkpoints. There are none in {folder}.")
    if not (folder / "losses.npz").exists():
        raise FileNotFoundError(f"The run must have come to its end. There is no losses.npz in {folder}.")
    epoch_losses = pm.Trajectory.load(folder / "losses.npz")
    op = config.op
    final = inspect(checkpoints.load(checkpoints.path_of(folder, steps[-1])), op)

    def measure(model: Transformer) -> Mapping[str, Tensor]:
        return measures(model, pm.grid_logits(model, op), op, final.key_frequencies, train_mask=config.train_mask)

    curves = folder / "curves.npz"
    recorded = pm.Trajectory.load(curves) if curves.exists() else None
    if recorded is not None and len(recorded) > len(steps):  # a bundled run that keeps only some checkpoints
        trajectory = recorded
    else:
        trajectory = pm.track(tqdm(checkpoints.load_all(folder), total=len(steps), desc="checkpoints"), measure)
    return Analysis(
        config,
        op,
        final,
        trajectory,
        pm.find_phases(trajectory, answers=op.n),
        epoch_losses,
    )


def measures(
    model: Transformer, logits: Tensor, op: pm.Operation, key_frequencies: Iterable[int], *, train_mask: Tensor
) -> dict[str, Tensor]:
    """All measures of a checkpoint, from the model and its logits on the grid."""
    return vars(pm.measure(logits, op, key_frequencies, train_mask=train_mask)) | {
        "logit_power": logit_power(logits, op),
        "gini_W_E": pm.gini(pm.spectrum(model.W_E, op).sqrt()),
        "gini_W_L": pm.gini(pm.spectrum(model.W_L, op).sqrt()),
        "sum_squared_weights": pm.sum_squared_weights(model),
    }


def logit_power(logits: Tensor, op: pm.Operation) -> Tensor:
    """Power per frequency of each answer's mean logits, after the mean over the logits of each pair is subtracted."""
    centered = logits - logits.mean(-1, keepdim=True)
    means = torch.stack([centered[op.table == answer].mean(0, dtype=torch.float64) for answer in range(op.n)])
    return pm.spectrum(means, op)


def inspect(model: Transformer, op: pm.Operation) -> Final:
    """Spectra, key frequencies and neurons of one checkpoint."""
    with pm.captured(model, NEURONS) as activations:
        logits = pm.grid_logits(model, op)
    return details(model, logits, activations[NEURONS], op)


@torch.no_grad()
def details(model: Transformer, logits: Tensor, neurons: Tensor, op: pm.Operation) -> Final:
    """The same as :func:`inspect`, from the model, its logits and its neurons on the grid."""
    W_L_power, logit_share = pm.spectrum(model.W_L, op), pm.logit_spectrum(logits, op)
    return Final(
        key_frequencies=pm.key_frequencies(W_L_power, op),
        logit_key_frequencies=pm.key_frequencies(logit_share, op),
        W_E_power=pm.spectrum(model.W_E, op),
        W_L_power=W_L_power,
        logit_share=logit_share,
        logit_components=pm.to_fourier(logits - logits.mean((0, 1)), (0, 1)).norm(dim=2),
        neuron_share=pm.neuron_spectrum(neurons, op),
    )
