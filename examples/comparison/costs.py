"""Time each measure beside a forward pass: ``python -m examples.comparison.costs --output costs.json``.

On bundled checkpoints of the mainline, each measure right after a forward pass, so that both see the same machine. What
several measures share, such as the logits, is computed before that: the ratios say what each measure adds.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from tqdm import tqdm

import progress_measures as pm
from examples.comparison.measures import MEASURES
from examples.comparison.record import final_keys
from examples.comparison.sample import Sample, Task
from examples.files import write_text
from examples.modular_addition import checkpoints
from examples.modular_addition.bundled import MAINLINE, final

STEPS = (0, 1600, 3200, 4800, 8000)


def main(arguments: list[str] | None = None) -> None:
    """Times all measures and writes the ratios."""
    parser = argparse.ArgumentParser(prog="python -m examples.comparison.costs", description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="file for the ratios, JSON")
    options = parser.parse_args(arguments)
    try:
        write_text(options.output, json.dumps(measure(), indent=2) + "\n")
    except OSError as error:
        parser.exit(2, f"{parser.prog}: error: {error}\n")


def measure() -> dict[str, float]:
    """Seconds of each measure over those of a forward pass on all pairs, medians over five checkpoints."""
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
    """How long a call takes."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
