"""The arguments of a measure: the network at one step, and its task."""

import copy
from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

import progress_measures as pm
from examples.modular_addition.analysis import NEURONS
from examples.modular_addition.model import Transformer
from examples.modular_addition.training import Config

CURVED = 1024  # training pairs for curvature, the same at every step; all pairs would take 4 times as long
BATCHES = 8  # batches of the training pairs, for the noise of their gradients

Loss = Callable[[Transformer], Tensor]


class Task:
    """Everything that stays the same while a run is trained.

    Args:
        config: How the run is trained.
        key_frequencies: Those of its last checkpoint, which are unknown before the end.
    """

    def __init__(self, config: Config, key_frequencies: tuple[int, ...]) -> None:
        self.config, self.op, self.train_mask = config, config.op, config.train_mask
        self.key_frequencies = key_frequencies
        self.answers = self.op.elements[self.op.table].flatten()
        train, test = (mask.flatten().nonzero().flatten() for mask in (self.train_mask, ~self.train_mask))
        shuffled = train[torch.randperm(len(train), generator=torch.Generator().manual_seed(0))]
        size = len(train) // BATCHES
        self.train_loss, self.test_loss = self.loss_on(train), self.loss_on(test)
        self.curved_loss = self.loss_on(shuffled[:CURVED])
        self.batch_losses = [self.loss_on(rows) for rows in shuffled[: BATCHES * size].split(size)]

    def loss_on(self, rows: Tensor) -> Loss:
        """The loss on some of the inputs, as a function of the model; in float64, because it becomes tiny."""
        inputs, answers, n = self.op.inputs[rows], self.answers[rows], self.op.n
        return lambda model: F.cross_entropy(model(inputs)[:, :n].double(), answers)


class Sample:
    """A network at one step. Computes once what several measures need.

    Args:
        model: The network.
        task: Its task.
    """

    def __init__(self, model: Transformer, task: Task) -> None:
        self.model, self.task = model, task
        self.op, self.train_mask, self.keys = task.op, task.train_mask, task.key_frequencies

    @cached_property
    def _forward(self) -> tuple[Tensor, Tensor]:
        with pm.captured(self.model, [NEURONS]) as activations:
            logits = pm.grid_logits(self.model, self.op)
        return logits, activations[NEURONS].view(*self.op.table.shape, -1)

    @property
    def logits(self) -> Tensor:
        """Logits on the grid, shape ``(n, n, n)``."""
        return self._forward[0]

    @property
    def neurons(self) -> Tensor:
        """Neurons on the grid, shape ``(n, n, d_mlp)``."""
        return self._forward[1]

    @property
    def W_E(self) -> Tensor:
        """Embeddings of the elements in the operation's order, shape ``(n, d)``."""
        return self.model.W_E[self.op.elements]

    @property
    def W_L(self) -> Tensor:
        """The map from neurons to the logits of the elements in the operation's order, shape ``(n, d_mlp)``."""
        return self.model.W_L[self.op.elements]

    @cached_property
    def through_W_L(self) -> Tensor:
        """The part of the logits that the neurons add, shape ``(n, n, n)``."""
        return self.neurons @ self.W_L.T

    @cached_property
    def precise(self) -> Transformer:
        """The network in float64, for gradients that are too small for float32."""
        return copy.deepcopy(self.model).double()
