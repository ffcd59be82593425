"""Train the runs of the comparison again and measure them: ``python -m examples.comparison.record --output runs``.

The 14 runs are trained one at a time, which takes about two hours on two cores. To continue a run that was stopped, run
the same command again. To share the runs between machines or cores, choose some with ``--runs``.
"""

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

import progress_measures as pm
from examples.command import Parser, say
from examples.comparison import measures, sample
from examples.comparison.measures import MEASURES
from examples.comparison.runs import RUNS, ComparedRun
from examples.comparison.sample import Sample, Task
from examples.modular_addition import checkpoints
from examples.modular_addition.model import Transformer
from examples.modular_addition.training import open_run, train

TEST_EVERY = 20  # epochs between two test losses during training; the measures do not depend on it


def main(arguments: list[str] | None = None) -> None:
    """Trains and measures the runs that the command line asks for, or continues them."""
    parser = Parser(prog="python -m examples.comparison.record", description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="folder for the runs and their curves")
    parser.add_argument(
        "--runs", nargs="+", choices=RUNS, default=[*RUNS], metavar="RUN", help="runs to train (default: all)"
    )
    options = parser.parse_args(arguments)
    try:
        for name in options.runs:
            record(RUNS[name], options.output / name, options.output / f"{name}.npz")
    except KeyboardInterrupt:
        raise SystemExit(
            f"Stopped. Run the same command again to continue from the files in {options.output}."
        ) from None
    except (OSError, ValueError) as error:
        parser.exit(2, f"{parser.prog}: error: {error}\n")
    say(f"Compare them with: python -m examples.comparison --curves {options.output}")


def record(compared: ComparedRun, folder: Path, curves: Path) -> None:
    """Trains a run in a folder and writes its curves. Steps that the folder already has are not repeated."""
    run = open_run(compared.config, folder)
    states = train(run, compared.checkpoint_epochs, folder, test_every=TEST_EVERY)
    for _ in tqdm(states, total=compared.config.epochs, initial=run.epoch, unit="epoch", desc=folder.name):
        pass
    measure(compared, folder).save(curves)


def measure(compared: ComparedRun, folder: Path) -> pm.Trajectory:
    """All measures of the checkpoints in a folder. Continues a recording of the same measures, if there is one."""
    config, steps = compared.config, compared.checkpoint_epochs
    last = checkpoints.load(checkpoints.path_of(folder, steps[-1]))
    task = Task(config, final_keys(last, config.op))

    def of_model(model: Transformer) -> dict[str, Tensor]:
        seen = Sample(model, task)
        undefined = torch.tensor(math.nan, dtype=torch.float64)
        return {
            name: measure.of(seen).detach() if measure.applies_to(config.operation) else undefined
            for name, measure in MEASURES.items()
        }

    def models() -> Iterator[tuple[int, Path]]:
        for step in steps:
            yield step, checkpoints.path_of(folder, step)

    bar = tqdm(models(), total=len(steps), desc=f"measures of {folder.name}")
    return pm.track(bar, of_model, load=checkpoints.load, resume=folder / f"measures_{_version()}.jsonl")


def _version() -> str:
    """A text that identifies the measures by their names and their code."""
    code = [Path(module.__file__).read_bytes() for module in (measures, sample)]
    return hashlib.sha256(b" ".join([*code, *(name.encode() for name in MEASURES)])).hexdigest()[:8]


def final_keys(model: Transformer, op: pm.Operation) -> tuple[int, ...]:
    """The key frequencies at the end; if there are none, the fewest frequencies with 90 % of the logits' power."""
    found = pm.key_frequencies(pm.spectrum(model.W_L[op.elements], op), op)
    return found or pm.key_frequencies(pm.logit_spectrum(pm.grid_logits(model, op), op), op, share=0.9)


if __name__ == "__main__":
    main()
