"""The bundled runs; ``runs/README.md`` says how each was made."""

from pathlib import Path

from examples.modular_addition import checkpoints
from examples.modular_addition.model import Transformer
from examples.modular_addition.training import Config

RUNS = Path(__file__).parent / "runs"
MAINLINE = RUNS / "mainline"


def final(folder: Path) -> tuple[Transformer, Config]:
    """The last checkpoint of a run, without gradients, and the run's config."""
    last = checkpoints.steps(folder)[-1]
    return checkpoints.load(checkpoints.path_of(folder, last)).requires_grad_(False), Config.load(folder)
