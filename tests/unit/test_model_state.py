"""Training goes on to the last bit as if nothing had been measured, whatever a model holds and however it switches."""

import random
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

import progress_measures as pm

OP = pm.addition(5)


class Counting(nn.Module):
    """Counts its calls in every way, in evaluation mode too, and lets the counts into what it computes."""

    def __init__(self):
        super().__init__()
        self.register_buffer("buffer", torch.zeros(()))
        self.register_buffer("replaced", torch.zeros(()))
        self.register_buffer("grown", torch.zeros(0))
        self.plain, self.flag, self.half = 0, False, 0.5
        self.tensor, self.cache, self.log, self.seen, self.shapes = torch.zeros(()), None, [], {}, set()
        self.steps = [torch.zeros(())]

    def forward(self, x):
        self.buffer += 1
        self.replaced = self.replaced + 1
        self.grown.resize_(len(self.grown) + 1).fill_(1)
        self.plain, self.flag, self.half = self.plain + 1, not self.flag, self.half / 2
        self.tensor += 1
        self.steps[0] += 1
        self.cache = torch.ones(()) if self.cache is None else self.cache + 1
        self.log.append(len(self.log))
        self.seen["calls"] = self.seen.get("calls", 0) + 1
        self.shapes.add(len(self.shapes))
        if not hasattr(self, "late"):
            self.register_buffer("late", torch.ones(()))
        self.late *= 1.01
        calls = (
            self.buffer,
            self.replaced,
            self.grown.sum(),
            self.plain,
            self.flag,
            self.half,
            self.tensor,
            self.cache,
        )
        others = (len(self.log), self.seen["calls"], len(self.shapes), self.steps[0], self.late)
        return x + sum(float(each) for each in (*calls, *others)) / 100


class Drawing(nn.Module):
    """Drops paths by generators of its own, in evaluation mode too."""

    def __init__(self):
        super().__init__()
        self.torch, self.python = torch.Generator().manual_seed(1), random.Random(2)
        self.numpy, self.old = np.random.default_rng(3), np.random.RandomState(4)
        self.many = [torch.Generator().manual_seed(5)]

    def forward(self, x):
        kept = torch.rand(x.shape[-1], generator=self.torch) + torch.rand((), generator=self.many[0])
        return x * kept + self.python.random() + self.numpy.random() + self.old.rand()


class Frozen(nn.Sequential):
    """Keeps its normalization in evaluation mode, and counts how often it was switched."""

    def __init__(self):
        super().__init__(nn.Linear(4, 4), nn.BatchNorm1d(4))
        self.noisy = True

    def train(self, mode=True):
        super().train(mode)
        self[1].eval()
        self.noisy = mode
        self[0].weight.requires_grad_(mode)
        return self

    def forward(self, x):
        x = super().forward(x)
        return x + torch.randn(x.shape) if self.noisy else x


class Merged(nn.Linear):
    """Adds a product of small matrices to its weights where it is evaluated, and subtracts it again where not."""

    def __init__(self):
        super().__init__(4, 4)
        self.small, self.merged = nn.Parameter(torch.randn(4, 1) / 3), False

    def train(self, mode=True):
        super().train(mode)
        if mode == self.merged:
            product = (self.small @ self.small.T).data
            self.weight.data += -product if mode else product
            self.merged = not mode
        return self

    def forward(self, x):
        low = 0 if self.merged else x @ (self.small @ self.small.T).T
        return super().forward(x) + low


def observed():
    """Prepared for quantization: observers see what is evaluated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        part = nn.Sequential(nn.Linear(4, 4), nn.ReLU()).train()
        part.qconfig = torch.ao.quantization.get_default_qat_qconfig("fbgemm")
        return torch.ao.quantization.prepare_qat(part)


def spectral():
    return nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4)))


def old_spectral():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return nn.Sequential(nn.utils.spectral_norm(nn.Linear(4, 4)), nn.utils.weight_norm(nn.Linear(4, 4)))


MIDDLES = [Counting, Drawing, Frozen, Merged, observed, spectral, old_spectral, nn.Identity]


def model_around(middle):
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(5, 2), nn.Flatten(), middle(), nn.Linear(4, 5))


def trained(middle, measure, steps=7):
    model = model_around(middle)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    losses = []
    for step in range(steps):
        measure(step, model)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(OP.inputs), OP.table.flatten())
        loss.backward()
        losses.append(loss.item())
        optimizer.step()
    state = {name: x.numpy().tobytes() for name, x in model.state_dict().items()}
    return losses, state, [module.training for module in model.modules()]


def by_track(step, model):
    pm.track([(step, model)], lambda model: {"mean": pm.grid_logits(model, OP).mean()})


def by_threads(step, model):
    with ThreadPoolExecutor(2) as executor:
        pm.track([(step, model)], lambda model: {"mean": pm.grid_logits(model, OP).mean()}, executor=executor)


@pytest.mark.parametrize("middle", MIDDLES)
@pytest.mark.parametrize("measure", ["recorder", by_track, by_threads])
def test_training_goes_on_to_the_last_bit(middle, measure):
    if measure == "recorder":
        measure = pm.Recorder(pm.grokking_measures(None, OP, [1], torch.eye(5, dtype=torch.bool)), every=2)
    assert trained(middle, measure) == trained(middle, lambda *_: None)


def test_an_error_undoes_as_much():
    def measure(model):
        model(OP.inputs)
        raise ZeroDivisionError

    recorder = pm.Recorder(measure, every=2, errors="record")
    with pytest.warns(RuntimeWarning, match="could not be measured"):
        found = trained(Counting, recorder)
    assert found == trained(Counting, lambda *_: None)


def test_what_switches_itself_is_measured_as_its_own_eval_leaves_it():
    model = model_around(Frozen)
    seen = {}

    def measure(model):
        seen["noisy"], seen["modes"] = model[2].noisy, {module.training for module in model.modules()}
        return {"x": 0.0}

    pm.Recorder(measure)(0, model)
    assert seen == {"noisy": False, "modes": {False}}
    assert torch.equal(pm.grid_logits(model, OP), pm.grid_logits(model.eval(), OP))


def test_merged_weights_are_restored_to_the_bit():
    model = model_around(Merged)
    before = model[2].weight.detach().clone()
    rounded = (before + 0.1) - 0.1
    assert not torch.equal(rounded, before)  # or nothing is tested
    pm.grid_logits(model, OP)
    assert torch.equal(model[2].weight, before)
    assert not model[2].merged


def test_gradients_through_merged_weights_are_refused():
    logits = pm.grid_logits(model_around(Merged), OP, requires_grad=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):  # the weights are unmerged by now
        logits.sum().backward()


def test_submodules_return_to_modes_that_differ_from_their_own_rule():
    model = model_around(Frozen)
    model[2][1].train()
    model[2][0].eval()
    before = [module.training for module in model.modules()]
    pm.grid_logits(model, OP)
    assert [module.training for module in model.modules()] == before


class Loop(nn.Linear):
    """Has a training loop of that name, and one that evaluates."""

    def train(self, batches):
        raise AssertionError(batches)

    def eval(self, batches):
        raise AssertionError(batches)


class Without(nn.Linear):
    """Has no other mode, as exported programs."""

    def train(self, mode=True):
        raise NotImplementedError

    eval = train


@pytest.mark.parametrize("kind", [Loop, Without])
def test_what_is_no_switch_is_left_alone(kind):
    model = nn.Sequential(nn.Embedding(5, 2), nn.Flatten(), kind(4, 5))
    seen = []
    pm.Recorder(lambda model: seen.append(model[2].training) or {"x": 0.0})(0, model)
    assert seen == [False]
    assert model[2].training


def test_nothing_is_written_where_nothing_changed():
    model = model_around(nn.Identity)
    model[2].register_buffer("mask", torch.tensor([torch.nan, -0.0, 1.0]))
    pm.Recorder({"x": lambda model: float(model(OP.inputs).mean())})(0, model)
    assert model[2].mask._version == 0  # a graph that saved it, before the measurement, can still be used


def test_a_lazy_model_that_is_measured_first_stays_usable():
    model = nn.Sequential(nn.Embedding(5, 2), nn.Flatten(), nn.LazyLinear(5))
    pm.Recorder({"x": lambda model: float(model(OP.inputs).mean())})(0, model)
    assert model(OP.inputs).shape == (25, 5)
    assert model[2].in_features == 4


IN_THREADS = """
import gc, threading, time
import torch
from progress_measures._model_state import undisturbed

class Garbage:
    def __init__(self):
        self.me = self

    def __del__(self):
        time.sleep(0.001)  # hands over the GIL

def collecting():
    Garbage()
    gc.enable()
    state = torch.default_generator.get_state()  # collects while the generator is locked
    gc.disable()
    return state

def measure():
    for _ in range(30):
        with undisturbed(None):
            pass

gc.disable()
gc.set_threshold(1)
torch.get_rng_state = collecting
threads = [threading.Thread(target=measure, daemon=True) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(20)
print([thread.is_alive() for thread in threads])
"""


def test_threads_that_measure_while_garbage_is_collected_do_not_wait_for_each_other_forever():
    done = subprocess.run([sys.executable, "-c", IN_THREADS], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("[False, False, False]\n", "")
