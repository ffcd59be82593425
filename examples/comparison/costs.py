"""Compare the time of each measure with a forward pass: ``python -m examples.comparison.costs --output costs.json``.

Each measure runs right after a forward pass, under the same load, on bundled checkpoints of the mainline. Results that
several measures share, such as the logits, are computed before, so the ratios are the cost of adding a measure.
"""

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from tqdm import tqdm

import progress_measures as pm
from examples.command import Parser
from examples.comparison.measures import MEASURES
from examples.comparison.record import final_keys
from examples.comparison.sample import Sample, Task
from examples.files import write_text
from examples.modular_addition import checkpoints
from examples.modular_addition.bundled import MAINLINE, final

STEPS = (0, 1600, 3200, 4800, 8000)


def main(arguments: list[str] | None = None) -> None:
    """Times all measures and writes the ratios."""
    parser = Parser(prog="python -m examples.comparison.costs", description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="JSON file for the ratios")
    options = parser.parse_args(arguments)
    try:
        write_text(options.output, json.dumps(measure(), indent=2) + "\n")
    except OSError as error:
        parser.exit(2, f"{parser.prog}: error: {error}\n")


def measure() -> dict[str, float]:
    """The time of each measure, divided by that of a forward pass on all pairs; medians over five checkpoints."""
    last, config = final(MAINLINE)
    task = Task(config, final_keys(last, config.op))
    ratios: dict[str, list[float]] = {name: [] for name in MEASURES}
    for step in tqdm(STEPS, desc="checkpoints"):
        model = checkpoints.load(checkpoints.path_of(MAINLINE, step))
        for name, each in MEASURES.items():
            sample = Sample(model, task)
            _ = sample.logits, sample.through_W_L
            with torch.no_grad():
                forward = seconds(pm.grid_logits, model, task.op)
                ratios[name].append(seconds(each.of, sample) / forward)
    return {name: float(f"{statistics.median(found):.2g}") for name, found in ratios.items()}


def seconds(function: Callable[..., object], *arguments: object) -> float:
    """The duration of a call."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
