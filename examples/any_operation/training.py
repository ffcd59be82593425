"""A small network for any operation, its training, and its measures."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import progress_measures as pm

CURVES = Path(__file__).parent / "curves"
WEIGHT_DECAY, LEARNING_RATE, BETAS = 1.0, 1e-3, (0.9, 0.98)


class Network(nn.Module):
    """Neurons that square the sum of one number per operand: the smallest network that multiplies operands."""

    def __init__(self, op: pm.Operation, neurons: int = 256) -> None:
        super().__init__()
        tokens, operands = int(torch.cat([op.elements, op.inputs.flatten()]).max()) + 1, op.inputs.shape[1]
        self.embed = nn.ModuleList([nn.Embedding(tokens, neurons) for _ in range(operands)])
        self.unembed = nn.Linear(neurons, tokens)
        for embed in self.embed:
            nn.init.normal_(embed.weight, std=0.5)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits, one column per token, shape ``(batch, tokens)``."""
        embedded = [embed(column) for embed, column in zip(self.embed, tokens.T, strict=True)]
        return self.unembed(torch.stack(embedded).sum(0).square())


class Run:
    """One network on one operation. The same seed gives the same training inputs, weights and curves."""

    def __init__(self, op: pm.Operation, share: float, steps: int, seed: int = 0) -> None:
        self.op, self.steps = op, steps
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.train_mask = torch.rand(op.table.shape) < share
            self.model = Network(op)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, betas=BETAS
        )

    def checkpoints(self) -> Iterator[tuple[int, Network]]:
        """Trains full-batch, and yields the network at steps that are dense at first."""
        recorded = pm.log_spaced(per_decade=20)
        inputs, answers = self.op.inputs[self.train_mask.flatten()], self.op.elements[self.op.table[self.train_mask]]
        for step in range(self.steps + 1):
            if recorded(step) or step == self.steps:
                yield step, self.model
            self.optimizer.zero_grad()
            F.cross_entropy(self.model(inputs), answers).backward()
            self.optimizer.step()

    def measure(self, model: Network) -> dict[str, Tensor]:
        """Losses, accuracies, and the share of the logits in each frequency of the answer."""
        logits = pm.grid_logits(model, self.op)
        train, test = self.train_mask, ~self.train_mask
        return {
            "train_loss": pm.cross_entropy(logits, self.op, mask=train),
            "test_loss": pm.cross_entropy(logits, self.op, mask=test),
            "train_accuracy": pm.accuracy(logits, self.op, mask=train),
            "test_accuracy": pm.accuracy(logits, self.op, mask=test),
            "logit_spectrum": pm.logit_spectrum(logits, self.op),
        }

    def save(self, folder: Path, name: str, curves: pm.Trajectory) -> None:
        """Writes the curves, and the spectrum of the trained network over frequencies of the inputs."""
        curves.save(folder / f"{name}.npz")
        of_inputs = pm.input_spectrum(pm.grid_logits(self.model, self.op), self.op)
        pm.Trajectory([self.steps], {"input_spectrum": of_inputs[None]}).save(folder / f"{name}_inputs.npz")
