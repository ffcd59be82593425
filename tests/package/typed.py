"""A user's typed script, which passes ``mypy --strict`` and runs, with the package from its wheel.

``.ci/package`` does both. The script has one example of each kind of extension.
"""

from pathlib import Path
from typing import assert_type

import numpy as np
import torch
from torch import Tensor, nn

import progress_measures as pm


class Network(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(n, 16)
        self.out = nn.Linear(16, n)

    def forward(self, pairs: Tensor) -> Tensor:
        logits: Tensor = self.out(self.embed(pairs).sum(1).relu())
        return logits


def largest(power: Tensor) -> tuple[int, ...]:
    """A rule for key frequencies."""
    return (int(power.argmax()) + 1,)


def predict(pairs: Tensor) -> np.ndarray:
    """A model of another library."""
    logits: np.ndarray = np.eye(11)[pairs.numpy().sum(1) % 11]
    return logits


def halved(activation: Tensor) -> Tensor:
    """A replacement."""
    return activation / 2


def main() -> None:
    cyclic = pm.addition(11)
    number = torch.arange(11)
    table = (number[:, None] + 3 * number) % 11
    op = pm.Operation("a + 3b", number, table, cyclic.basis, cyclic.row_frequency, cyclic=True)
    model = Network(op.n)

    logits = assert_type(pm.grid_logits(model, op), Tensor)
    assert_type(pm.key_frequencies(pm.logit_spectrum(logits, op), op), tuple[int, ...])
    keys = largest(pm.spectrum(model.embed.weight, op))
    mask = torch.eye(11) == 1
    measures = assert_type(pm.measure(logits, op, keys, train_mask=mask), pm.Measures)
    numbers: dict[str, float] = measures.as_dict()
    assert numbers["train_loss"] == measures.train_loss

    arrays = np.asarray(logits), np.asarray(mask)
    assert_type(pm.cross_entropy(arrays[0], op, mask=arrays[1]), Tensor)
    assert_type(pm.measure(arrays[0], op, keys, train_mask=arrays[1]), pm.Measures)
    assert_type(pm.gini(arrays[0]), Tensor)
    assert_type(pm.groups.composition(np.asarray(cyclic.table)), pm.Operation)

    with pm.captured(model, "embed") as activations, pm.ablated(model, {"embed": halved, "out": pm.mean_ablation()}):
        pm.grid_logits(model, op)
    assert_type(activations["embed"], Tensor)
    by_path = {"embed": halved, "out": pm.mean_ablation()}
    by_site = {pm.output_of("embed"): halved}
    with pm.ablated(model, by_path), pm.ablated(model, by_site):
        assert_type(pm.grid_logits(model, op), Tensor)
    assert pm.accuracy(pm.grid_logits(predict, cyclic), cyclic) == 1

    def loss(model: nn.Module) -> dict[str, Tensor]:
        return {"loss": pm.cross_entropy(pm.grid_logits(model, op), op)}

    recorder = pm.Recorder(loss, every=pm.log_spaced(10))
    for step in range(3):
        recorder(step, model)
    tracked = pm.track([(step, model) for step in range(3)], loss)
    runs = pm.Runs({"recorded": assert_type(recorder.trajectory, pm.Trajectory), "tracked": tracked})
    assert_type(runs.mean()["loss"], Tensor)
    tracked.to_csv(Path("loss.csv"))
    phases = pm.find_phases(pm.Trajectory([0, 1], {name: [1.0, 1.0] for name in COLUMNS}), answers=11)
    assert_type(phases.cleanup_end, int | None)


COLUMNS = ("test_loss", "excluded_loss", "sum_squared_weights")

if __name__ == "__main__":
    main()
