"""Random models, replacements, batches and modes of autograd: the ablated logits and gradients, or a refusal.

Each model names its tensors itself by calling ``at(name, tensor)``. The oracle is its forward pass with a function in
the place of one of them: no hook, and no code of the library. Sizes are distinct, so a wrong axis never fits by chance.

More cases, and how many of each kind were accepted: ``python -m tests.properties.test_ablation_layouts 10000``.
"""

import random
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import progress_measures as pm

CASES = 300
OP = pm.addition(5)  # 25 inputs
N, POSITIONS, WIDTH, LAYERS, DRAWN = 25, 3, 4, 2, 11
SIZES = [10, 5, 8]  # inputs per call: two do not divide 25, and 25 is the whole
OURS = re.compile(
    r"^(The activation of |`dim` must |`mean_ablation` must see|`center=\"mean\"` must see|`source` must|"
    r"The replacement for .* must return the same again|`index` |"
    r"none of output has requires_grad=True)"  # of PyTorch, where checkpointing with reentrance meets zeros
)


def as_it_is(_name, x):
    return x


class Model(nn.Module):
    """Tokens to logits; ``core`` is run by each layout in its own way."""

    kind: str | None = None  # of checkpointing
    most = None  # inputs beyond which it fails, as if memory were full

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(6, WIDTH)
        self.read = nn.Linear(WIDTH, 5)

    def forward(self, tokens, at=as_it_is):
        tokens = torch.cat([tokens, torch.full((len(tokens), 1), 5)], 1)
        summed = self.core(self.embed(tokens), at)
        if self.most is not None and len(tokens) > self.most:
            raise RuntimeError("memory is full")
        return self.read(summed)

    def part(self, function, *inputs):
        if self.kind is None:
            return function(*inputs)
        return checkpoint(function, *inputs, use_reentrant=self.kind == "reentrant")


class Encoder(Model):
    """An encoder layer, with the batch along axis 0 or 1."""

    def __init__(self, first):
        super().__init__()
        self.first = first
        self.block = nn.TransformerEncoderLayer(WIDTH, 2, 8, dropout=0.0, batch_first=first)

    def core(self, x, at):
        x = x if self.first else x.transpose(0, 1)
        x = at("output", self.part(self.block, at("input", x)))
        return x.select(1 if self.first else 0, -1)


class Joined(Model):
    """Batch and positions along one axis."""

    def __init__(self):
        super().__init__()
        self.block = nn.Linear(WIDTH, WIDTH)

    def core(self, x, at):
        x = at("output", self.part(self.block, at("input", x.flatten(0, 1)))).tanh()
        return x.unflatten(0, (-1, POSITIONS)).sum(1)


class OfPositions(Model):
    """Embeddings of positions, which have no batch."""

    def __init__(self):
        super().__init__()
        self.block, self.places = nn.Linear(WIDTH, WIDTH), nn.Parameter(torch.randn(POSITIONS, WIDTH))

    def core(self, x, at):
        return (x * at("output", self.part(self.block, at("input", self.places)))).tanh().sum(1)


class Recurrent(Model):
    """An LSTM or GRU, whose states have the layers along axis 0."""

    def __init__(self, kind, first):
        super().__init__()
        self.first, self.block = first, kind(WIDTH, WIDTH, LAYERS, batch_first=first)

    def core(self, x, at):
        # Checkpointing with reentrance carries no gradients out of nested tuples.
        def run(x):
            out, state = self.block(at("input", x))
            if isinstance(state, tuple):
                return at("item 0", out), at("item 1, 0", state[0]) + at("item 1, 1", state[1])
            return at("item 0", out), at("item 1", state)

        out, state = self.part(run, x if self.first else x.transpose(0, 1))
        return out.sum(1 if self.first else 0) + state[0] * state[1]


class Twice(Model):
    """A module that is called twice in a forward pass."""

    def __init__(self):
        super().__init__()
        self.block = nn.Linear(WIDTH, WIDTH)

    def core(self, x, at):
        for _ in range(2):
            x = x + at("output", self.part(self.block, at("input", x.tanh())))
        return x.sum(1)


class Nest(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        y = self.inner(x)
        return {"first": y[:, 0], "rest": [y.tanh(), (y.transpose(0, 1) * 2,)]}


class Nested(Model):
    """A module that returns a dictionary with a list and a tuple in it."""

    def __init__(self):
        super().__init__()
        self.block = Nest()

    def core(self, x, at):
        def run(x):
            parts = self.block(at("input", x))
            return at("first", parts["first"]), at("rest, 0", parts["rest"][0]), at("rest, 1, 0", parts["rest"][1][0])

        first, second, third = self.part(run, x)
        return first + second.sum(1) + third[1]


@dataclass
class Place:
    """A tensor of a model: its site, the axis of its batch, that of its positions, how many axes it has."""

    site: Any
    batch: int | None
    positions: int | None
    shape: tuple[int, ...]  # with N where the batch is


THREE = {True: (0, 1, (N, POSITIONS, WIDTH)), False: (1, 0, (POSITIONS, N, WIDTH))}
FLAT = (None, None, (N * POSITIONS, WIDTH))
NO_BATCH = (None, None, (POSITIONS, WIDTH))
STATES = (1, None, (LAYERS, N, WIDTH))


def put_out(*items):
    return pm.output_of("block", *items)


def recurrent(kind, first):
    places = {"input": (pm.input_of("block", 0), *THREE[first]), "item 0": (put_out(0), *THREE[first])}
    if kind is nn.LSTM:
        return places | {"item 1, 0": (put_out(1, 0), *STATES), "item 1, 1": (put_out(-1, 1), *STATES)}
    return places | {"item 1": (put_out(1), *STATES)}


def plain(*layout):
    return {"input": (pm.input_of("block", 0), *layout), "output": ("block", *layout)}


LAYOUTS: dict[str, Any] = {
    "batch first": (lambda: Encoder(True), plain(*THREE[True])),
    "sequence first": (lambda: Encoder(False), plain(*THREE[False])),
    "joined": (Joined, plain(*FLAT)),
    "features only": (OfPositions, plain(*NO_BATCH)),
    "lstm": (lambda: Recurrent(nn.LSTM, True), recurrent(nn.LSTM, True)),
    "lstm, sequence first": (lambda: Recurrent(nn.LSTM, False), recurrent(nn.LSTM, False)),
    "gru": (lambda: Recurrent(nn.GRU, True), recurrent(nn.GRU, True)),
    "gru, sequence first": (lambda: Recurrent(nn.GRU, False), recurrent(nn.GRU, False)),
    "twice": (Twice, plain(*THREE[True])),
    "nested": (
        Nested,
        {
            "input": (pm.input_of("block"), *THREE[True]),
            "first": (put_out("first"), 0, None, (N, WIDTH)),
            "rest, 0": (put_out("rest", 0), *THREE[True]),
            "rest, 1, 0": (put_out("rest", 1, 0), *THREE[False]),
        },
    ),
}
REPLACEMENTS = [
    "zero",
    "mean",
    "resample",
    "onto",
    "out",
    "onto mean",
    "out mean",
    "function",
    "drawing",
    "own drawing",
]
AVERAGES = {"mean", "onto mean", "out mean"}
READS_BATCH = AVERAGES | {"resample"}
DRAWS = {"resample", "own drawing"}  # by a generator of their own
INDICES = ["none", "position", "positions", "features", "input"]
FLOWS = ["whole", "whole, as a number", "batches", "file", "file in batches", "splits", "retries", "splits batches"]
MODES = ["no_grad", "gradient", "reentrant", "not reentrant"]


@dataclass
class Case:
    """What was drawn."""

    layout: str
    name: str
    replacement: str
    index: str
    dim: int | None
    flow: str
    size: int | None
    mode: str
    seed: int


def draw(rng):
    """A random case."""
    layout = rng.choice([*LAYOUTS])
    name = rng.choice([*LAYOUTS[layout][1]])
    place = Place(*LAYOUTS[layout][1][name])
    replacement, flow = rng.choice(REPLACEMENTS), rng.choice(FLOWS)
    # Half of the cases should have to be accepted: the right axis, and all inputs at once.
    if replacement in READS_BATCH and rng.random() < 0.5:
        flow = rng.choice(["whole", "whole, as a number", "file"])
    mode = "no_grad" if "file" in flow else rng.choice(MODES)
    index = rng.choice(INDICES) if rng.random() < 0.5 else "none"
    if index == "features" and replacement in ("onto", "out", "onto mean", "out mean"):
        index = "none"  # the directions have all features
    if index in ("position", "positions") and place.positions is None:
        index = "none"
    if index == "input" and place.batch is None:
        index = "none"
    size = rng.choice(SIZES) if "batches" in flow else N if "number" in flow else None
    dim = None
    if replacement in READS_BATCH and rng.random() < 0.7:
        axis = batch_of_part(place, index)
        right = axis if axis is not None and rng.random() < 0.6 else rng.randrange(3)
        dims = [right, right - axes_of_part(place, index)]
        dim = rng.choice(dims)
    return Case(layout, name, replacement, index, dim, flow, size, mode, rng.randrange(10**6))


def index_at(place, index):
    """The index of the part, or None for the whole."""
    along: list[Any] = [slice(None)] * len(place.shape)
    if index == "none":
        return None
    if index == "features":
        along[-1] = [0, 2]
    elif index == "input":
        along[place.batch] = 0
    else:
        along[place.positions] = -1 if index == "position" else [0, 2]
    return tuple(along)


def axes_of_part(place, index):
    return len(place.shape) - (index in ("position", "input"))


def batch_of_part(place, index):
    """The axis of the batch in the part."""
    if place.batch is None or index == "input":
        return None
    return place.batch - (index == "position" and place.positions < place.batch)


def has_to_be_accepted(case):
    """Whether the case has a right answer that the library can give; None if it may also be refused."""
    place = Place(*LAYOUTS[case.layout][1][case.name])
    if case.replacement == "zero" and case.mode == "reentrant":
        return None
    if case.replacement not in READS_BATCH:
        return unless(again(case))
    if case.flow in ("splits", "splits batches", "retries"):
        return False
    if case.replacement in AVERAGES and "batches" in case.flow:
        return False
    axes = axes_of_part(place, case.index)
    dim = 0 if case.dim is None else case.dim
    return -axes <= dim < axes and dim % axes == batch_of_part(place, case.index) and unless(again(case))


def unless(doubtful):
    return None if doubtful is None else not doubtful


def again(case):
    """Whether a draw would be drawn again in the backward pass; None if it may not be reached there."""
    if case.replacement not in DRAWS or "reentrant" not in case.mode:
        return False
    # Without reentrance, what comes after the last number that a gradient needs is not computed again.
    return True if case.mode == "reentrant" else None


# ---------------------------------------------------------------------------------------------------------------------
# The replacement of the library, and that of the oracle

ROWS = torch.randn(2, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def source_of(case, place):
    """Activations to draw from, 11 along the axis that the case names."""
    part = torch.empty(place.shape)[() if index_at(place, case.index) is None else index_at(place, case.index)]
    shape, dim = list(part.shape), case.dim or 0
    if -part.ndim <= dim < part.ndim:
        shape[dim] = DRAWN
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(case.seed))


def replacement_of(case, place):
    """The library's, as a function without arguments that makes it."""
    center, dim = ("mean" if "mean" in case.replacement else "origin"), case.dim
    own = torch.Generator().manual_seed(case.seed)
    made = {
        "zero": lambda: pm.zero_ablation(),
        "mean": lambda: pm.mean_ablation(dim=dim),
        "resample": lambda: pm.resample_ablation(source_of(case, place), dim=dim, seed=case.seed),
        "onto": lambda: pm.project_onto(ROWS, dim=dim),
        "out": lambda: pm.project_out(ROWS, dim=dim),
        "onto mean": lambda: pm.project_onto(ROWS, center=center, dim=dim),
        "out mean": lambda: pm.project_out(ROWS, center=center, dim=dim),
        "function": lambda: lambda x: x.sin(),
        "drawing": lambda: lambda x: x * torch.rand(x.shape, dtype=x.dtype),
        "own drawing": lambda: lambda x: x * torch.rand(x.shape, dtype=x.dtype, generator=own),
    }[case.replacement]()
    index = index_at(place, case.index)
    return made if index is None else pm.at(index, made)


def by_hand(case, place):
    """The same, written out for the one axis that is the batch."""
    generator = torch.Generator().manual_seed(case.seed)
    axis = batch_of_part(place, case.index)
    onto = ROWS.T @ torch.linalg.inv(ROWS @ ROWS.T) @ ROWS

    def of_part(x):
        what = case.replacement
        center = x.mean(axis, keepdim=True) if what in AVERAGES else 0.0
        if what == "zero":
            return x * 0.0
        if what == "mean":
            return 0 * x + center
        if what == "resample":
            chosen = torch.randint(DRAWN, (x.shape[axis],), generator=generator)
            rows = source_of(case, place).unbind(axis)
            return torch.stack([rows[row] for row in chosen.tolist()], axis)
        if "onto" in what:
            return center + (x - center) @ onto
        if "out" in what:
            return x - (x - center) @ onto
        if what == "function":
            return x.sin()
        return x * torch.rand(x.shape, dtype=x.dtype, generator=generator if what == "own drawing" else None)

    def whole(x):
        index = index_at(place, case.index)
        if index is None:
            return of_part(x)
        # By a mask and not in place.
        inside = torch.zeros(x.shape, dtype=torch.bool)
        inside[index] = True
        return torch.where(
            inside, torch.zeros_like(x).index_put(tuple(inside.nonzero().T), of_part(x[index]).flatten()), x
        )

    return lambda name, x: whole(x) if name == case.name else x


# ---------------------------------------------------------------------------------------------------------------------
# Running


def predict_of(case, model, run):
    """How the case feeds its model: at once, in pieces, or in pieces after an error."""

    def in_halves(tokens):
        return torch.cat([run(piece) for piece in tokens.split((len(tokens) + 1) // 2)])

    def retries(tokens):
        model.most = 13
        try:
            return run(tokens)
        except RuntimeError:
            return in_halves(tokens)
        finally:
            model.most = None

    return {"splits": in_halves, "splits batches": in_halves, "retries": retries}.get(case.flow, run)


def result(case, model, logits):
    """Logits, and gradients where there are any."""
    if case.mode == "no_grad":
        return [logits.detach()]
    weights = torch.linspace(-1, 1, logits.numel(), dtype=logits.dtype).reshape(logits.shape)
    model.zero_grad()
    (logits * weights).sum().backward()
    return [logits.detach(), *(torch.zeros_like(p) if p.grad is None else p.grad for p in model.parameters())]


def library(case, model, path):
    place = Place(*LAYOUTS[case.layout][1][case.name])
    torch.manual_seed(case.seed)
    model.kind = case.mode if "reentrant" in case.mode else None
    try:
        with pm.ablated(model, place.site, replacement_of(case, place)):
            gradient = case.mode != "no_grad"
            out = path if "file" in case.flow else None
            # A module is a predict of its own, and a function has to put it into its mode itself.
            plain = case.flow not in ("splits", "splits batches", "retries")
            predict = model if plain else predict_of(case, model, model)
            logits = pm.grid_logits(predict, OP, batch_size=case.size, requires_grad=gradient, out=out)
            return result(case, model, logits)
    finally:
        model.kind = None


def oracle(case, model):
    place = Place(*LAYOUTS[case.layout][1][case.name])
    torch.manual_seed(case.seed)
    at = by_hand(case, place)
    predict = predict_of(case, model, lambda tokens: model(tokens, at))
    whole = case.replacement in AVERAGES or case.size is None
    batches = [OP.inputs] if whole else OP.inputs.split(case.size)
    with torch.set_grad_enabled(case.mode != "no_grad"):
        return result(case, model, torch.cat([predict(tokens) for tokens in batches]).reshape(5, 5, 5))


def models():
    torch.manual_seed(0)
    return {name: make().double().eval() for name, (make, _) in LAYOUTS.items()}


def attempted(case, model, path):
    """The library's logits and gradients, or its message."""
    try:
        return library(case, model, path)
    except (ValueError, RuntimeError, TypeError) as error:
        return str(error)


def outcome(case, model, path):
    """Whether a case was "accepted" or "refused"; an error if it was neither rightly."""
    got = attempted(case, model, path)
    if isinstance(got, str):
        assert OURS.match(got), f"{case}: {got}"
        assert has_to_be_accepted(case) is not True, f"{case}: {got}"
        return "refused"
    assert has_to_be_accepted(case) is not False, f"{case} was accepted"
    for actual, expected in zip(got, oracle(case, model), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-9, err_msg=str(case))
    return "accepted"


@pytest.fixture(scope="module")
def of_layouts():
    return models()


def test_each_case_is_right_or_refused(of_layouts, tmp_path):
    rng, seen = random.Random(0), Counter()
    for _ in range(CASES):
        case = draw(rng)
        seen[outcome(case, of_layouts[case.layout], tmp_path / "logits.npy")] += 1
    assert min(seen["accepted"], seen["refused"]) > CASES / 4


def main(cases, seed, path):
    made, rng, seen, failed, started = models(), random.Random(seed), Counter(), [], time.perf_counter()
    for _ in range(cases):
        case = draw(rng)
        try:
            what = outcome(case, made[case.layout], path)
        except AssertionError as error:
            what = "failed"
            failed.append(str(error))
        seen.update(
            [("all", "", what), *((of, getattr(case, of), what) for of in ("layout", "replacement", "flow", "mode"))]
        )
    print(f"{cases} cases in {time.perf_counter() - started:.0f} s")
    for (of, value, what), count in sorted(seen.items()):
        print(f"{of:12} {value:22} {what:9} {count}")
    print(*failed[:10], sep="\n")


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0, f"{folder}/logits.npy")
