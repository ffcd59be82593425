"""Each line of docs/performance.md, timed beside what it is compared with: pytest tests/benchmarks."""

import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F

import progress_measures as pm
from examples.modular_addition.analysis import NEURONS, details, measures
from examples.modular_addition.bundled import MAINLINE, final
from examples.modular_addition.model import Transformer
from examples.modular_addition.tables import TableLoss
from examples.modular_addition.training import Config
from tests import _naive
from tests.benchmarks._baselines import StockTransformer, forward_pass, products

KEYS = (5, 6, 14, 22)


def task(n, seed=0):
    """Addition, logits of a network in the middle of learning, and training pairs."""
    generator = torch.Generator().manual_seed(seed)
    op = pm.addition(n)
    angles = 2 * torch.pi / n * torch.tensor(KEYS)[:, None] * torch.arange(n)
    waves = torch.cat([angles.cos(), angles.sin()])
    logits = 3 * (waves.T @ waves)[op.table] + torch.randn(n, n, n, generator=generator)
    return op, logits, torch.rand(n, n, generator=generator) < 0.3


def timed(benchmark, group, function, rounds=15):
    benchmark.group = group
    benchmark.pedantic(function, rounds=rounds, warmup_rounds=min(3, rounds - 1))


@pytest.mark.parametrize("what", ["forward", "measure", "naive"])
@pytest.mark.parametrize("n", [113, 227])
def test_measure(benchmark, n, what):
    op, logits, train = task(n)
    functions = {
        "forward": forward_pass(n),
        "measure": lambda: pm.measure(logits, op, KEYS, train_mask=train),
        "naive": lambda: _naive.measure(logits, op, KEYS, train),
    }
    timed(benchmark, f"measure, n={n}", functions[what], rounds=2 if what == "naive" else 15 if n == 113 else 7)


@pytest.mark.parametrize("what", ["forward", "analysis"])
def test_analysis_of_a_checkpoint(benchmark, what):
    model, config = final(MAINLINE)
    op = config.op
    with pm.captured(model, NEURONS) as activations:
        logits = pm.grid_logits(model, op)

    def analysis():
        found = details(model, logits, activations[NEURONS], op)
        measures(model, logits, op, found.key_frequencies, train_mask=config.train_mask)

    timed(benchmark, "analysis of a checkpoint, n=113", {"forward": forward_pass(113), "analysis": analysis}[what])


@pytest.mark.parametrize("what", ["loop", "at once"])
@pytest.mark.parametrize("n", [113, 227])
def test_per_frequency(benchmark, n, what):
    op, logits, train = task(n)
    functions = {
        "loop": lambda: [pm.excluded_loss(logits, op, [k], mask=train) for k in op.frequencies],
        "at once": lambda: pm.excluded_loss_per_frequency(logits, op, mask=train),
    }
    timed(benchmark, f"excluded loss per frequency, n={n}", functions[what], rounds=3 if what == "loop" else 15)


@pytest.mark.parametrize("what", ["rfft2", "neuron_spectrum"])
def test_neuron_spectrum(benchmark, what):
    op, activations = pm.addition(113), torch.randn(113, 113, 512).relu()
    functions = {
        "rfft2": lambda: torch.fft.rfft2(activations, dim=(0, 1)),
        "neuron_spectrum": lambda: pm.neuron_spectrum(activations, op),
    }
    timed(benchmark, "neuron spectrum, 512 neurons, n=113", functions[what])


@pytest.mark.parametrize("what", ["stock", "plain products", "folded products", "bundled"])
def test_training_step(benchmark, what):
    config = Config()
    mask = config.train_mask.flatten()
    pairs, answers = config.op.pairs[mask], config.op.table.flatten()[mask]
    stock, bundled = StockTransformer(config.n), Transformer(config.n)
    loss = TableLoss(pairs, answers, config.n, 4)
    optimizers = {model: torch.optim.AdamW(model.parameters(), fused=model is bundled) for model in (stock, bundled)}

    def step(model, loss):
        optimizers[model].zero_grad()
        loss().backward()
        optimizers[model].step()

    functions = {
        "stock": lambda: step(stock, lambda: F.cross_entropy(stock(pairs)[:, -1].double(), answers)),
        "bundled": lambda: step(bundled, lambda: loss(bundled)),
        "plain products": products("plain"),
        "folded products": products("folded"),
    }
    timed(benchmark, "training step, n=113", functions[what], rounds=40)


@pytest.mark.parametrize("what", ["forward", "captured", "ablated"])
def test_hooks(benchmark, what):
    model, config = final(MAINLINE)
    pairs = config.op.pairs

    def captured():
        with pm.captured(model, NEURONS):
            model(pairs)

    def ablated():
        with pm.ablated(model, "blocks.0.mlp", pm.mean_ablation()):
            model(pairs)

    functions = {"forward": lambda: model(pairs), "captured": captured, "ablated": ablated}
    timed(benchmark, "hooks, n=113", functions[what], rounds=30)


@pytest.mark.parametrize("what", ["torch", "torch and progress_measures"])
def test_import(benchmark, what):
    code = f"import {what.replace(' and ', ', ')}"
    timed(benchmark, "import", lambda: subprocess.run([sys.executable, "-c", code], check=True), rounds=7)


@pytest.mark.parametrize("n", [59, 113, 227, 409])
def test_growth(benchmark, n):
    op, logits, train = task(n)
    timed(benchmark, "growth of measure", lambda: pm.measure(logits, op, KEYS, train_mask=train), 15 if n < 200 else 5)


BIG = """
import resource, sys, time, numpy as np, torch, progress_measures as pm
n, where = int(sys.argv[1]), sys.argv[2]
op, keys = pm.addition(n), (5, 6, 14, 22)
angles = 2 * torch.pi / n * torch.tensor(keys)[:, None] * torch.arange(n)
waves = torch.cat([angles.cos(), angles.sin()])
predict = lambda pairs: 3 * (waves[:, pairs.sum(1) % n].T @ waves) + torch.randn(len(pairs), n)
train = torch.rand(n, n) < 0.3
pm.measure(torch.randn(23, 23, 23), pm.addition(23), [1], train_mask=torch.eye(23) > 0)  # everything is loaded
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
if where == "memory":
    logits = torch.empty(n, n, n)
    for a in range(n):
        logits[a] = predict(op.pairs[a * n : (a + 1) * n])
else:
    logits = pm.grid_logits(predict, op, out=where)
before, start = peak(), time.perf_counter()
pm.measure(logits, op, keys, train_mask=train)
print(time.perf_counter() - start, peak() - before, peak())
"""


@pytest.mark.parametrize(("n", "where"), [(409, "memory"), (1009, "file")])
def test_memory(benchmark, tmp_path, n, where):
    """In a process of its own; the seconds of the measure alone and the peaks, in MiB, are in ``extra_info``."""
    place = where if where == "memory" else str(tmp_path / "logits.npy")

    def run():
        done = subprocess.run([sys.executable, "-c", BIG, str(n), place], capture_output=True, text=True, check=True)
        names = ("seconds", "added_peak_MiB", "peak_MiB")
        benchmark.extra_info |= dict(zip(names, map(float, done.stdout.split()), strict=True))

    timed(benchmark, "memory", run, rounds=1)
