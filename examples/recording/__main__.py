"""Train a small transformer until it groks, recorded as it goes: ``python -m examples.recording --output runs/mine``.

The folder holds, beside what training writes, ``recording.jsonl``, which a ``Recorder`` writes; ``tensorboard``, for
``tensorboard --logdir``; and ``progress.png``, which is drawn again every so often. A run that was killed goes on when
the same command is given again, and ends with the same trajectory as one that was not.
"""

import argparse
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

import progress_measures as pm
from examples.files import write_picture
from examples.modular_addition.model import Transformer
from examples.modular_addition.tables import logits_from_tables
from examples.modular_addition.train import at_least, decay
from examples.modular_addition.training import CHUNK, Config, Run, open_run, train
from progress_measures import plotting

CURVES = ["train_loss", "test_loss", "restricted_loss", "excluded_loss"]
DRAW_EVERY = 10  # recorded steps
WEIGHTS = {"W_E": "embed.weight", "W_U": "unembed.weight"}


def main(arguments: list[str] | None = None) -> None:
    """Trains the run that the command line asks for, or goes on with it."""
    parser = _parser()
    options = parser.parse_args(arguments)
    config = Config(
        n=options.n, seed=options.seed, fraction=0.5, weight_decay=options.weight_decay, epochs=options.epochs
    )
    # In a run that is short, none is: what is printed at the end says which are.
    warnings.filterwarnings("ignore", message="`key_frequencies` are none at any step")
    try:
        run = open_run(config, options.output)
        trajectory = record(run, options.output, every=options.every)
        draw(trajectory, options.output / "progress.png")
    except (OSError, ValueError) as error:
        parser.exit(2, f"{parser.prog}: error: {error}\n")
    # Not its phases: they need the same frequencies at every step, those that are known at the end.
    for name in (*CURVES, "gini_W_E", "sum_squared_weights"):
        print(f"{name.replace('_', ' ')} at the end: {trajectory[name][-1]:.3g}")
    keys = (trajectory["key_frequencies"][-1].nonzero().flatten() + 1).tolist()
    print(f"key frequencies at the end: {', '.join(map(str, keys)) or 'none'}")


def predict(model: Transformer, pairs: Tensor) -> Tensor:
    """The logits as training computes them, which takes less time than ``model(pairs)``."""
    return torch.cat([logits_from_tables(model, chunk) for chunk in pairs.split(CHUNK)])


def record(run: Run, folder: Path, *, every: int) -> pm.Trajectory:
    """Takes the run to its last epoch and records it every so many epochs, and the last."""
    config = run.config
    measure = pm.grokking_measures(predict, config.op, "current", config.train_mask, weights=WEIGHTS)
    recorder = pm.Recorder(measure, every=every, path=folder / "recording.jsonl")
    with (
        SummaryWriter(str(folder / "tensorboard"), purge_step=run.epoch) as writer,
        tqdm(total=config.epochs, initial=run.epoch, unit="epoch", desc=folder.name) as bar,
    ):

        def log(numbers: dict[str, float], step: int) -> None:
            for name, value in numbers.items():
                writer.add_scalar(name, value, step)
            if numbers:
                bar.set_postfix({name: f"{numbers[name]:.2g}" for name in CURVES}, refresh=False)
            if numbers and step % (DRAW_EVERY * every) == 0:
                draw(recorder.trajectory, folder / "progress.png")

        # Where the run starts, or goes on: it may have been killed between its last state and the recording of it.
        log(recorder(run.epoch, run.model), run.epoch)
        for state in train(run, (), folder, test_every=config.epochs):
            bar.update()
            log(recorder(state.epoch, state.model), state.epoch)
        if run.epoch % every != 0:  # the last one, if its turn has not come
            log(recorder.record(run.epoch, run.model), run.epoch)
    return recorder.trajectory


def draw(trajectory: pm.Trajectory, path: Path) -> None:
    """Draws what was recorded so far."""
    figure, axes = plt.subplots(1, 2, figsize=(13, 4.5), layout="constrained")
    plotting.plot_curves(trajectory, CURVES, ax=axes[0])
    axes[0].set_ylabel("loss (nats)")
    plotting.plot_curves(trajectory, ["gini_logits", "gini_W_E", "gini_W_U"], scale="linear", ax=axes[1])
    axes[1].set_ylabel("Gini coefficient")
    try:
        write_picture(path, figure, dpi=100)
    finally:
        plt.close(figure)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m examples.recording",
        description="Train the bundled transformer on half of all pairs until it groks, recorded as it goes. A run "
        "that was stopped or killed goes on when the same command is given again.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--output", type=Path, required=True, default=argparse.SUPPRESS, help="folder of the run")
    parser.add_argument("--n", type=at_least(2), default=59, help="the modulus")
    parser.add_argument("--seed", type=at_least(0), default=0, help="of the weights and of the split")
    parser.add_argument("--weight-decay", type=decay, default=1.0, help="of AdamW")
    parser.add_argument("--epochs", type=at_least(1), default=5000, help="full-batch steps in all")
    parser.add_argument("--every", type=at_least(1), default=50, help="epochs from one recorded step to the next")
    return parser


if __name__ == "__main__":
    main()
