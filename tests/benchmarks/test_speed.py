"""Each line of docs/performance.md, timed beside what it is compared with: pytest tests/benchmarks."""

import functools
import statistics
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import progress_measures as pm
from examples.modular_addition.analysis import NEURONS, details, measures
from examples.modular_addition.bundled import MAINLINE, final
from examples.modular_addition.model import Transformer
from examples.modular_addition.tables import TableLoss
from examples.modular_addition.training import Config, Run, train
from examples.recording.__main__ import WEIGHTS, predict
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


def beside(benchmark, what, function, baselines, rounds=15):
    """Times a function, and before each of its rounds what it is compared with, so that both see the same machine.

    The medians and their ratios are in ``extra_info``, which ``report`` makes a table of.
    """
    seconds = {name: [] for name in baselines}

    def run_baselines():
        for name, baseline in baselines.items():
            start = time.perf_counter()
            baseline()
            seconds[name].append(time.perf_counter() - start)

    function()
    benchmark.group = what
    benchmark.pedantic(function, setup=run_baselines, rounds=rounds + 1)
    # The first round of a baseline is its warm-up.
    benchmark.extra_info["baselines"] = {name: statistics.median(times[1:]) for name, times in seconds.items()}


@pytest.mark.parametrize("n", [113, 227])
def test_measure(benchmark, n):
    op, logits, train = task(n)
    baselines = {"a forward pass": forward_pass(n)}
    beside(benchmark, f"`measure`, n = {n}", lambda: pm.measure(logits, op, KEYS, train_mask=train), baselines)


@pytest.mark.parametrize("n", [113, 227])
def test_measure_and_the_definitions(benchmark, n):
    op, logits, train = task(n)
    baselines = {"the definitions, one by one": lambda: _naive.measure(logits, op, KEYS, train)}
    beside(benchmark, f"`measure`, n = {n}", lambda: pm.measure(logits, op, KEYS, train_mask=train), baselines, 1)


@pytest.mark.parametrize("what", ["x² + y²", "random answers"])
def test_measure_of_unequal_counts(benchmark, what):
    """Answers with different numbers of inputs, beside the same logits of addition."""
    op, logits, train = task(113)
    answers = torch.randint(113, (113, 113), generator=torch.Generator().manual_seed(0)).tolist()
    function = {"x² + y²": lambda x, y: (x * x + y * y) % 113, "random answers": lambda x, y: answers[x][y]}[what]
    other = pm.operation(function, 113, 113)
    baselines = {"of a + b": lambda: pm.measure(logits, op, KEYS, train_mask=train)}
    beside(
        benchmark, f"`measure` of {what}, n = 113", lambda: pm.measure(logits, other, KEYS, train_mask=train), baselines
    )


def test_spectrum_of_parity(benchmark):
    op = pm.parity(16, of=(0, 3, 5))
    values = torch.randn(op.table.shape, generator=torch.Generator().manual_seed(0))
    array = values.numpy()
    baselines = {"`numpy.fft.fftn` of them": lambda: np.fft.fftn(array)}
    beside(benchmark, "`input_spectrum` of 16 bits", lambda: pm.input_spectrum(values, op), baselines)


def test_analysis_of_a_checkpoint(benchmark):
    model, config = final(MAINLINE)
    op = config.op
    with pm.captured(model, NEURONS) as activations:
        logits = pm.grid_logits(model, op)

    def analysis():
        found = details(model, logits, activations[NEURONS], op)
        measures(model, logits, op, found.key_frequencies, train_mask=config.train_mask)

    beside(benchmark, "all that the example measures of a checkpoint", analysis, {"a forward pass": forward_pass(113)})


@pytest.mark.parametrize("n", [113, 227])
def test_per_frequency(benchmark, n):
    op, logits, train = task(n)

    def loop():
        return [pm.excluded_loss(logits, op, [k], mask=train) for k in op.frequencies]

    baselines = {"a loop over `excluded_loss`": loop}
    function = functools.partial(pm.excluded_loss_per_frequency, logits, op, mask=train)
    beside(benchmark, f"`excluded_loss_per_frequency`, n = {n}", function, baselines, 15 if n == 113 else 3)


def test_neuron_spectrum(benchmark):
    op, activations = pm.addition(113), torch.randn(113, 113, 512).relu()
    baselines = {"`torch.fft.rfft2` of them": lambda: torch.fft.rfft2(activations, dim=(0, 1))}
    beside(benchmark, "`neuron_spectrum` of 512 neurons", lambda: pm.neuron_spectrum(activations, op), baselines)


def test_training_step(benchmark):
    config = Config()
    mask = config.train_mask.flatten()
    pairs, answers = config.op.inputs[mask], config.op.table.flatten()[mask]
    stock, bundled = StockTransformer(config.n), Transformer(config.n)
    optimizers = {model: torch.optim.AdamW(model.parameters(), fused=model is bundled) for model in (stock, bundled)}
    table_loss = TableLoss(pairs, answers, config.n, 4)

    def step(model, loss):
        optimizers[model].zero_grad()
        loss(model).backward()
        optimizers[model].step()

    baselines = {
        "one through PyTorch's modules": lambda: step(
            stock, lambda model: F.cross_entropy(model(pairs)[:, -1].double(), answers)
        ),
        "the matrix products of the plain model's": products("plain"),
        "the matrix products with its maps folded": products("folded"),
    }
    beside(benchmark, "a training step of the example", lambda: step(bundled, table_loss), baselines, 40)


def test_recording(benchmark, tmp_path):
    """What a recorded step adds to the 100 of the bundled trainer that it is recorded once in."""
    config = Config()
    run = Run.start(config)
    steps = train(run, (), tmp_path)
    measure = pm.grokking_measures(predict, config.op, KEYS, config.train_mask, weights=WEIGHTS)
    recorder = pm.Recorder(measure, path=tmp_path / "recording.jsonl")
    baselines = {"100 epochs of the bundled trainer": lambda: [next(steps) for _ in range(100)]}
    beside(benchmark, "recording a step, n = 113", lambda: recorder.record(run.epoch, run.model), baselines, rounds=8)


def test_steps_that_are_not_recorded(benchmark):
    recorder = pm.Recorder({}, every=100)

    def calls(function):
        return lambda: [function(33, None) for _ in range(100_000)]

    baselines = {"100,000 calls of an empty function": calls(lambda _step, _model: {})}
    beside(benchmark, "100,000 steps that are not recorded", calls(recorder), baselines)


@pytest.mark.parametrize("what", ["`captured` (its MLP)", "`captured` (its neurons, 25 MiB)", "`ablated` (its MLP)"])
def test_hooks(benchmark, what):
    model, config = final(MAINLINE)
    pairs = config.op.inputs
    contexts = {
        "`captured` (its MLP)": lambda: pm.captured(model, "blocks.0.mlp"),
        "`captured` (its neurons, 25 MiB)": lambda: pm.captured(model, NEURONS),
        "`ablated` (its MLP)": lambda: pm.ablated(model, "blocks.0.mlp", pm.mean_ablation()),
    }

    def run():
        with contexts[what]():
            model(pairs)

    beside(benchmark, f"a forward pass inside {what}", run, {"one outside": lambda: model(pairs)}, rounds=40)


def test_import(benchmark):
    def importing(names):
        return lambda: subprocess.run([sys.executable, "-c", f"import {names}"], check=True)

    baselines = {"`import torch`": importing("torch")}
    beside(benchmark, "`import torch, progress_measures`", importing("torch, progress_measures"), baselines, rounds=10)


@pytest.mark.parametrize("n", [59, 227, 409])
def test_growth(benchmark, n):
    (small, of_small, train_small), (op, logits, train) = task(113), task(n)
    baselines = {"n = 113": lambda: pm.measure(of_small, small, KEYS, train_mask=train_small)}
    beside(benchmark, f"growth, n = {n}", lambda: pm.measure(logits, op, KEYS, train_mask=train), baselines)


BIG = """
import sys, time, torch, progress_measures as pm
n, where = int(sys.argv[1]), sys.argv[2]
op, keys = pm.addition(n), (5, 6, 14, 22)
angles = 2 * torch.pi / n * torch.tensor(keys)[:, None] * torch.arange(n)
waves = torch.cat([angles.cos(), angles.sin()])
predict = lambda pairs: 3 * (waves[:, pairs.sum(1) % n].T @ waves) + torch.randn(len(pairs), n)
train = torch.rand(n, n) < 0.3
pm.measure(torch.randn(23, 23, 23), pm.addition(23), [1], train_mask=torch.eye(23) > 0)  # everything is loaded
def peak():  # of this program: getrusage has that of whatever started it
    status = open("/proc/self/status").read()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
if where == "memory":
    logits = torch.empty(n, n, n)
    for a in range(n):
        logits[a] = predict(op.inputs[a * n : (a + 1) * n])
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

    benchmark.group = f"memory, n = {n}"
    benchmark.pedantic(run, rounds=1)
