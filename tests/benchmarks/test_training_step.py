"""The step of the bundled trainer beside the same step through the plain forward pass: pytest tests/benchmarks."""

import pytest
import torch
from torch.nn import functional as F

from examples.modular_addition.model import Transformer
from examples.modular_addition.tables import logits_from_tables
from examples.modular_addition.training import Config


@pytest.mark.parametrize("forward", ["tables", "plain"])
def test_training_step(benchmark, forward):
    config = Config()
    op, mask = config.op, config.train_mask.flatten()
    pairs, answers = op.pairs[mask], op.table.flatten()[mask]
    model = Transformer(generator=torch.Generator().manual_seed(0))
    optimizer = torch.optim.AdamW(model.parameters())

    def step():
        logits = logits_from_tables(model, pairs) if forward == "tables" else model(pairs)
        optimizer.zero_grad()
        F.cross_entropy(logits.double(), answers).backward()
        optimizer.step()

    benchmark.pedantic(step, rounds=30, warmup_rounds=5)
