"""The speedup of measuring 40 checkpoints with two processes: ``python -m tests.benchmarks.scale``.

Each round tries every way, so that all run under the same load; workers are warm.
"""

import multiprocessing
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import torch
from distributed import Client, LocalCluster

import progress_measures as pm
from examples.modular_addition import checkpoints
from examples.modular_addition.analysis import measures
from examples.modular_addition.bundled import MAINLINE, final

model, config = final(MAINLINE)
keys = pm.key_frequencies(pm.spectrum(model.W_L, config.op), config.op)
paths = [(step, checkpoints.path_of(MAINLINE, step)) for step in checkpoints.steps(MAINLINE)]


def measure(model):
    """The measures of the example at each checkpoint."""
    logits = pm.grid_logits(model, config.op)
    return measures(model, logits, config.op, keys, train_mask=config.train_mask)


def seconds(executor):
    """The time for all checkpoints."""
    start = time.perf_counter()
    pm.track(paths, measure, load=checkpoints.load, executor=executor)
    return time.perf_counter() - start


def main(rounds):
    """Prints medians, and ratios to the first way of the same round."""
    context = multiprocessing.get_context("spawn")
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with (
        ProcessPoolExecutor(2, context, initializer=torch.set_num_threads, initargs=(1,)) as pool,
        cluster,
        Client(cluster) as client,
    ):
        client.run(torch.set_num_threads, 1)
        ways = {
            "in turn, one thread": (1, None),
            "in turn, two threads": (2, None),
            "two processes, one thread each": (1, pool),
            "Dask, two processes, one thread each": (1, client.get_executor()),
        }
        times = {name: [] for name in ways}
        for number in range(rounds + 1):
            for name, (threads, executor) in ways.items():
                torch.set_num_threads(threads)
                taken = seconds(executor)
                print(f"round {number}: {name}: {taken:.1f} s", file=sys.stderr, flush=True)
                if number:  # the first round is for warming up
                    times[name].append(taken)
    print("| 40 checkpoints | time | speed-up | in the rounds |\n|---|---|---|---|")
    serial = next(iter(times.values()))
    for name, taken in times.items():
        ratios = sorted(one / other for one, other in zip(serial, taken, strict=True))
        median = statistics.median(ratios)
        print(f"| {name} | {statistics.median(taken):.1f} s | {median:.2f} | {ratios[0]:.2f} to {ratios[-1]:.2f} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
