"""Train a small transformer until it groks, and record the run: ``python -m examples.recording --output runs/mine``.

In addition to the files of training, the folder gets ``recording.jsonl``, which a ``Recorder`` writes; ``tensorboard``,
for ``tensorboard --logdir``; and ``progress.png``, which is redrawn during the run. To continue a run that was killed,
run the same command again; it ends with the same trajectory as an uninterrupted run.
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
from examples.command import Parser, say
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
    """Trains the run that the command line asks for, or continues it."""
    parser = _parser()
    options = parser.parse_args(arguments)
    config = Config(
        n=options.n, seed=options.seed, fraction=0.5, weight_decay=options.weight_decay, epochs=options.epochs
    )
    # A short run may have none; the last printed line says which there are.
    warnings.filterwarnings("ignore", message="`key_frequencies` are none at any step")
    warnings.filterwarnings("ignore", message="No frequency is key at a step where the model answers its training")
    try:
        run = open_run(config, options.output)
        trajectory = record(run, options.output, every=options.every)
        draw(trajectory, options.output / "progress.png")
    except KeyboardInterrupt:
        raise SystemExit(
            f"Stopped. Run the same command again to continue from the last state in {options.output}, if any."
        ) from None
    except (OSError, ValueError) as error:
        parser.exit(2, f"{parser.prog}: error: {error}\n")
    # No phases, because they need the same frequencies at every step, and those are known only at the end.
    for name in (*CURVES, "gini_W_E", "sum_squared_weights"):
        say(f"{name.replace('_', ' ')} at the end: {trajectory[name][-1]:.3g}")
    keys = (trajectory["key_frequencies"][-1].nonzero().flatten() + 1).tolist()
    say(f"key frequencies at the end: {', '.join(map(str, keys)) or 'none'}")


def predict(model: Transformer, pairs: Tensor) -> Tensor:
    """The logits from the trainer's tables, which takes less time than ``model(pairs)``."""
    return torch.cat([logits_from_tables(model, chunk) for chunk in pairs.split(CHUNK)])


def record(run: Run, folder: Path, *, every: int) -> pm.Trajectory:
    """Trains the run to its last epoch, and records it every ``every`` epochs and at the last."""
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

        # The first step; a continued run may have been killed before its last state was recorded.
        log(recorder(run.epoch, run.model), run.epoch)
        for state in train(run, (), folder, test_every=config.epochs):
            bar.update()
            log(recorder(state.epoch, state.model), state.epoch)
        if run.epoch % every != 0:  # the last epoch, if not recorded yet
            log(recorder.record(run.epoch, run.model), run.epoch)
    return recorder.trajectory


def draw(trajectory: pm.Trajectory, path: Path) -> None:
    """Draws the recording so far."""
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
    parser = Parser(
        prog="python -m examples.recording",
        description="Train the bundled transformer on half of all pairs until it groks, and record the run. To "
        "continue a run that was stopped or killed, run the same command again.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--output", type=Path, required=True, default=argparse.SUPPRESS, help="folder of the run")
    parser.add_argument("--n", type=at_least(2), default=59, help="the modulus")
    parser.add_argument("--seed", type=at_least(0), default=0, help="seed of the weights and of the split")
    parser.add_argument("--weight-decay", type=decay, default=1.0, help="weight decay of AdamW")
    parser.add_argument("--epochs", type=at_least(1), default=6000, help="total number of full-batch steps")
    parser.add_argument("--every", type=at_least(1), default=50, help="record every EVERY epochs")
    return parser


if __name__ == "__main__":
    main()
