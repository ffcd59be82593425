"""Full-batch training of the bundled transformer, resumable bit for bit and without pickle.

A run is a folder::

    config.json         the options of the run
    state.safetensors   weights, optimizer state and losses so far, from which a killed run continues
    step_000100.safetensors, …   checkpoints
    losses.npz          the training loss and the test loss by epoch, a ``Trajectory``

Epoch e is the model after e steps: epoch 0 is the initialization, and losses have ``epochs + 1`` entries.
"""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

import progress_measures as pm
from examples.files import write_text
from examples.modular_addition import checkpoints
from examples.modular_addition.data import OPERATIONS, train_mask
from examples.modular_addition.model import Transformer
from examples.modular_addition.tables import TableLoss, logits_from_tables

WARM_UP = 10  # steps until the full learning rate; that of the first step is 0
BETAS = (0.9, 0.98)
SAVE_EVERY = 500  # epochs: the most that a killed run loses
CHUNK = 2500  # pairs per pass without gradient, which fit in a processor's cache


@dataclass(frozen=True)
class Config:
    """The options of a run; the defaults are the paper's mainline."""

    operation: str = "addition"
    n: int = 113  # the argument of the operation: the modulus, or the number of permuted things
    seed: int = 0
    fraction: float = 0.3
    weight_decay: float = 1.0
    learning_rate: float = 1e-3
    epochs: int = 40_000

    @classmethod
    def load(cls, folder: Path) -> "Config":
        """The config in a run's folder."""
        path = folder / "config.json"
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (TypeError, ValueError) as error:
            raise ValueError(f"A run must have a readable config. Got {path}: {error}.") from error

    def same_but_for_epochs(self, other: "Config") -> bool:
        """Whether two configs belong to the same run, possibly extended to more epochs."""
        return dataclasses.replace(self, epochs=other.epochs) == other

    @property
    def op(self) -> pm.Operation:
        """The operation to learn."""
        return OPERATIONS[self.operation](self.n)

    @property
    def train_mask(self) -> Tensor:
        """The training pairs, bool, in the shape of the operation's table."""
        return train_mask(tuple(self.op.table.shape), fraction=self.fraction, seed=self.seed)


@dataclass
class Run:
    """A model in training, with everything that the next step depends on."""

    config: Config
    model: Transformer
    optimizer: torch.optim.AdamW
    losses: Tensor  # (epochs + 1, 2): train and test loss before each step, NaN for future epochs
    epoch: int = 0

    @classmethod
    def start(cls, config: Config) -> "Run":
        """The run at initialization."""
        model = Transformer(config.op.n, generator=torch.Generator().manual_seed(config.seed))
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=config.learning_rate, betas=BETAS, weight_decay=config.weight_decay, fused=True
        )
        return cls(config, model, optimizer, torch.full((config.epochs + 1, 2), torch.nan, dtype=torch.float64))

    def save(self, path: Path) -> None:
        """Writes everything that :meth:`load` needs to continue bit for bit."""
        tensors = {f"model.{name}": weight for name, weight in self.model.state_dict().items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items()}
        notes = {"epoch": str(self.epoch), "config": json.dumps(dataclasses.asdict(self.config))}
        checkpoints.write(path, tensors | {"losses": self.losses}, notes)

    @classmethod
    def load(cls, config: Config, path: Path) -> "Run":
        """The run that :meth:`save` wrote; a damaged file is refused and stays unchanged."""
        tensors, notes = checkpoints.read(path)
        try:
            found, epoch = Config(**json.loads(notes["config"])), int(notes["epoch"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"A state must be one that training wrote. Got {path}: {error!r}.") from error
        if not found.same_but_for_epochs(config):
            raise ValueError(f"`output` must be empty or hold the same run. Got {path}, which is of {found}.")
        run = cls.start(config)
        try:
            run._take(tensors, epoch)
        except (KeyError, RuntimeError, ValueError) as error:
            message = " ".join(str(error).split())  # PyTorch's has several lines
            raise ValueError(f"A state must be one that training wrote. Got {path}: {message}.") from error
        return run

    def _take(self, tensors: Mapping[str, Tensor], epoch: int) -> None:
        """Restores the tensors that were saved at an epoch."""
        self.model.load_state_dict({name[6:]: x for name, x in tensors.items() if name.startswith("model.")})
        state: dict[int, dict[str, Tensor]] = {}
        for name, x in tensors.items():
            if name.startswith("optimizer."):
                _, index, field = name.split(".")
                state.setdefault(int(index), {})[field] = x
        # PyTorch accepts any optimizer state, and fails only in the next step, if at all.
        shapes = {index: {field: x.shape for field, x in fields.items()} for index, fields in state.items()}
        expected = {
            index: {"step": torch.Size(), "exp_avg": weight.shape, "exp_avg_sq": weight.shape}
            for index, weight in enumerate(self.model.parameters())
        }
        if shapes != (expected if epoch > 0 else {}):
            raise ValueError("the optimizer's state is not that of the weights")
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": state})
        losses = tensors["losses"]
        if losses.ndim != 2 or not 0 <= epoch < len(losses) or not bool(losses[:epoch, 0].isfinite().all()):
            raise ValueError(f"not every epoch before {epoch} has a loss")
        self.epoch, kept = epoch, min(epoch, self.config.epochs)
        self.losses[:kept] = losses[:kept]


def train(
    run: Run,
    checkpoint_epochs: Iterable[int],
    folder: Path,
    *,
    precision: torch.dtype = torch.float32,
    test_every: int = 1,
) -> Iterator[Run]:
    """Trains the run to its last epoch, yields it after every epoch, and writes checkpoints and states to ``folder``.

    The last checkpoint is float32; all others are rounded to ``precision``. The test loss is computed every
    ``test_every`` epochs and at the last epoch.
    """
    config = run.config
    op, mask = config.op, config.train_mask.flatten()
    answers = op.elements[op.table].flatten()
    train_pairs, train_answers = op.inputs[mask], answers[mask]
    test_pairs, test_answers = op.inputs[~mask], answers[~mask]
    train_loss = TableLoss(train_pairs, train_answers, op.n, run.model.blocks[0].attn.n_heads)
    keep = {*checkpoint_epochs, config.epochs}

    while True:
        if run.epoch % test_every == 0 or run.epoch == config.epochs:
            run.losses[run.epoch, 1] = loss_without_gradient(run.model, test_pairs, test_answers)
        if run.epoch in keep:
            last = run.epoch == config.epochs
            checkpoints.save(folder, run.epoch, run.model, dtype=torch.float32 if last else precision)
        if run.epoch == config.epochs:
            run.losses[run.epoch, 0] = loss_without_gradient(run.model, train_pairs, train_answers)
            break
        for group in run.optimizer.param_groups:
            group["lr"] = config.learning_rate * min(run.epoch / WARM_UP, 1)
        run.optimizer.zero_grad()
        loss = train_loss(run.model)
        loss.backward()
        run.losses[run.epoch, 0] = loss.detach()
        if not torch.isfinite(loss):
            raise ValueError(f"Training diverged: the loss is {loss.item()} at epoch {run.epoch}.")
        run.optimizer.step()
        run.epoch += 1
        if run.epoch % SAVE_EVERY == 0:
            run.save(folder / "state.safetensors")
        yield run
    run.save(folder / "state.safetensors")
    save_losses(run, folder)


@torch.no_grad()
def loss_without_gradient(model: Transformer, pairs: Tensor, answers: Tensor) -> Tensor:
    """Mean cross-entropy of the pairs in nats, over all n + 1 columns as in training."""
    losses = [
        F.cross_entropy(logits_from_tables(model, chunk).double(), answer, reduction="sum")
        for chunk, answer in zip(pairs.split(CHUNK), answers.split(CHUNK), strict=True)
    ]
    return torch.stack(losses).sum() / len(pairs)


def save_losses(run: Run, folder: Path) -> None:
    """Writes the losses of every epoch that has both a training and a test loss."""
    steps = run.losses.isfinite().all(dim=1).nonzero().flatten()
    train_loss, test_loss = run.losses[steps].T
    pm.Trajectory(steps=steps, columns={"train_loss": train_loss, "test_loss": test_loss}).save(folder / "losses.npz")


def schedule(epochs: int, count: int = 40) -> list[int]:
    """At most ``count`` epochs from the first to the last, dense at first: evenly spaced in their square roots."""
    return sorted({round(epochs * (index / (count - 1)) ** 2) for index in range(count)})


def open_run(config: Config, folder: Path) -> Run:
    """The run in ``folder``, or a new run if there is none; the folder of another run is refused."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "config.json").exists():
        found = Config.load(folder)
        if not found.same_but_for_epochs(config):
            raise ValueError(f"`output` must be empty or hold the same run. Got {folder}, which holds {found}.")
    state = folder / "state.safetensors"
    run = Run.load(config, state) if state.exists() else Run.start(config)
    if run.epoch > config.epochs:
        raise ValueError(f"`epochs` must be at least the {run.epoch} that the run has had. Got {config.epochs}.")
    write_text(folder / "config.json", json.dumps(dataclasses.asdict(config), indent=2) + "\n")
    return run
