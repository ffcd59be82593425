"""Train the bundled transformer from scratch: ``python -m examples.modular_addition.train --output runs/mine``."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import torch
from tqdm import tqdm

from examples.command import Parser, say
from examples.modular_addition.data import OPERATIONS
from examples.modular_addition.training import Config, open_run, schedule, train

PRECISIONS = {"float32": torch.float32, "float16": torch.float16}


def main(arguments: list[str] | None = None) -> None:
    """Trains the run that the command line asks for, or continues it."""
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    folder, epochs = options.pop("output"), options.pop("checkpoint_epochs", None)
    precision, test_every = PRECISIONS[options.pop("precision")], options.pop("test_every")
    config = Config(**options)
    try:
        config.op  # noqa: B018 (raises if no operation has this n)
    except ValueError as error:
        parser.error(f"argument --n: {error}")
    try:
        config.train_mask  # noqa: B018 (raises if a fraction leaves no training or no test pairs)
        run = open_run(config, folder)
    except (OSError, ValueError) as error:
        parser.exit(2, f"{parser.prog}: error: {error}\n")
    keep = schedule(config.epochs) if epochs is None else epochs
    if max(keep) > config.epochs:
        parser.error(f"argument --checkpoint-epochs: must be at most the run's {config.epochs} epochs, got {max(keep)}")
    with tqdm(total=config.epochs, initial=run.epoch, unit="epoch", desc=folder.name) as bar:
        try:
            for state in train(run, keep, folder, precision=precision, test_every=test_every):
                bar.update()
                train_loss, latest = state.losses[state.epoch - 1, 0], (state.epoch - 1) // test_every * test_every
                test_loss = state.losses[latest, 1]
                bar.set_postfix(train=f"{train_loss:.2g}", test=f"{test_loss:.2g}", refresh=False)
        except KeyboardInterrupt:
            bar.close()
            raise SystemExit(
                f"Stopped. Run the same command again to continue from the last state in {folder}, if any."
            ) from None
        except (OSError, ValueError) as error:
            bar.close()
            raise SystemExit(str(error)) from None
    say(f"Measure it with: python -m examples.modular_addition --run {folder}")


def _parser() -> argparse.ArgumentParser:
    default = Config()
    parser = Parser(
        prog="python -m examples.modular_addition.train",
        description="Train a one-layer transformer on a share of all pairs of an operation modulo n, or of a group. "
        "The defaults are the paper's mainline, which takes about 45 minutes on two cores. To continue a run that was "
        "stopped, run the same command again.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--output", type=Path, required=True, default=argparse.SUPPRESS, help="folder of the run; created if necessary"
    )
    parser.add_argument("--operation", choices=OPERATIONS, default=default.operation, help="operation to learn")
    parser.add_argument(
        "--n",
        "--p",
        type=at_least(2),
        default=default.n,
        help="the modulus, p in the paper; for a group, the number of permuted things, or of corners",
    )
    parser.add_argument("--seed", type=at_least(0), default=default.seed, help="seed of the weights and of the split")
    parser.add_argument("--fraction", type=float, default=default.fraction, help="share of the pairs to train on")
    parser.add_argument("--weight-decay", type=decay, default=default.weight_decay, help="weight decay of AdamW")
    parser.add_argument(
        "--learning-rate", type=float, default=default.learning_rate, help="learning rate after 10 steps of warm-up"
    )
    parser.add_argument("--epochs", type=at_least(1), default=default.epochs, help="total number of full-batch steps")
    parser.add_argument(
        "--checkpoint-epochs", type=at_least(0), nargs="+", metavar="EPOCH", default=argparse.SUPPRESS,
        help="epochs whose checkpoints to keep, besides the last (default: 40, dense at first)",
    )  # fmt: skip
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="float32",
        help="precision on disk of all checkpoints except the last",
    )
    parser.add_argument(
        "--test-every", type=at_least(1), default=1, metavar="N",
        help="compute the test loss every N epochs; it takes half as long as a training step",
    )  # fmt: skip
    return parser


def at_least(least: int) -> Callable[[str], int]:
    """The type of an option that is an integer with a lower bound."""

    def integer(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}, got {value}")
        return value

    return integer


def decay(text: str) -> float:
    """The type of an option that is a weight decay."""
    value = float(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a finite number of at least 0, got {value}")
    return value


if __name__ == "__main__":
    main()
