"""The runs of the comparison, and how each is trained."""

from dataclasses import dataclass, replace
from typing import Literal

from examples.modular_addition.training import Config

Kind = Literal["seed", "task", "never", "at once"]

PAPER = Config(epochs=8_000)
# Dense at first, while the network memorizes; later every 400 epochs, because the measures change slowly.
EARLY = (0, 100, 200, 300, 400, 600, 800, 1000, 1200, 1400, 1600)
# A network that generalizes at once does so within 200 epochs.
EARLIER = (*range(0, 160, 10), *range(160, 420, 20), 450, 500, 600, 700, 800, 1000, 1200, 1400, 1600)


@dataclass(frozen=True)
class ComparedRun:
    """A run that is trained for the comparison.

    Args:
        kind: Whether it generalizes late (on the paper's task or another one), never, or at once.
        title: Its title in the table.
        config: How it is trained.
        early: Its first checkpoints. From epoch 2000 on, there is one every 400 epochs and one at the last epoch.
    """

    kind: Kind
    title: str
    config: Config
    early: tuple[int, ...] = EARLY

    @property
    def checkpoint_epochs(self) -> list[int]:
        """The epochs of the checkpoints that are measured."""
        return sorted({*self.early, *range(2000, self.config.epochs, 400), self.config.epochs})


RUNS = {
    "seed0": ComparedRun("seed", "seed 0", PAPER),
    "seed1": ComparedRun("seed", "seed 1", replace(PAPER, seed=1)),
    "seed2": ComparedRun("seed", "seed 2", replace(PAPER, seed=2, epochs=14_000)),
    "seed3": ComparedRun("seed", "seed 3", replace(PAPER, seed=3, epochs=16_000)),
    "seed4": ComparedRun("seed", "seed 4", replace(PAPER, seed=4)),
    "symmetric_5": ComparedRun(
        "task", "S5", replace(PAPER, operation="symmetric_group", n=5, fraction=0.7, epochs=9_000)
    ),
    "subtraction": ComparedRun("task", "x − y", replace(PAPER, operation="subtraction", fraction=0.4, epochs=6_000)),
    "division": ComparedRun("task", "x / y", replace(PAPER, operation="division", fraction=0.4, epochs=6_000)),
    "sum_of_squares": ComparedRun(
        "task", "x² + y²", replace(PAPER, operation="sum_of_squares", fraction=0.2, epochs=10_000)
    ),
    "no_weight_decay": ComparedRun("never", "no weight decay", replace(PAPER, weight_decay=0.0, epochs=10_000)),
    "fraction_10": ComparedRun("never", "10 % of the pairs", replace(PAPER, fraction=0.1, epochs=10_000)),
    "fraction_20": ComparedRun("never", "20 % of the pairs", replace(PAPER, fraction=0.2, epochs=10_000)),
    "random_answers": ComparedRun("never", "random answers", replace(PAPER, operation="random_answers", epochs=10_000)),
    "fraction_80": ComparedRun("at once", "80 % of the pairs", replace(PAPER, fraction=0.8, epochs=2_000), EARLIER),
}
