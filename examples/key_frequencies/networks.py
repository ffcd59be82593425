"""Networks that generalize and networks that do not: their logits on every input, and weights over the answers."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import progress_measures as pm
from examples.any_operation import tasks
from examples.any_operation.training import Network as Squares, Run
from examples.modular_addition import checkpoints
from examples.modular_addition.bundled import MAINLINE, RUNS
from examples.modular_addition.model import Transformer
from examples.modular_addition.training import Config

SEEDS, SEEDS_53, SEEDS_OF_OTHERS, UNTRAINED, MEMORIZING = 32, 4, 2, 200, 48
STEPS, EVERY = 3000, 300


@dataclass(frozen=True)
class Case:
    """A checkpoint of a network."""

    group: str
    run: str
    step: int
    op: pm.Operation
    logits: Tensor
    """``(N, n)``."""
    train_mask: Tensor
    """``(N,)``."""
    weights: dict[str, Tensor]
    """Matrices with one row per element."""


class Small(nn.Module):
    """A small network: the sum of two embeddings, and one hidden layer."""

    def __init__(self, n: int, width: int = 64) -> None:
        super().__init__()
        self.embed = nn.Embedding(n, width)
        self.hidden = nn.Linear(width, 128)
        self.out = nn.Linear(128, n)

    def forward(self, pairs: Tensor) -> Tensor:
        """Logits of pairs."""
        logits: Tensor = self.out(self.hidden(self.embed(pairs).sum(1)).relu())
        return logits

    @property
    def matrices(self) -> dict[str, Tensor]:
        """Weights with one row per element."""
        return {"W_E": self.embed.weight, "W_L": self.out.weight}


class OneHot(nn.Module):
    """One hidden layer on two one-hot tokens, side by side."""

    def __init__(self, n: int, width: int) -> None:
        super().__init__()
        self.n = n
        self.layers = nn.Sequential(nn.Linear(2 * n, width), nn.ReLU(), nn.Linear(width, n))

    def forward(self, pairs: Tensor) -> Tensor:
        """Logits of pairs."""
        logits: Tensor = self.layers(F.one_hot(pairs, self.n).flatten(1).float())
        return logits


def bundled() -> Iterator[Case]:
    """The last checkpoint of each bundled run that generalizes."""
    for name in ("mainline", "seed1", "seed2", "seed3", "seed4", "fraction_80", "symmetric_5"):
        yield _of_run("bundled runs", RUNS / name, checkpoints.steps(RUNS / name)[-1])


def mainline() -> Iterator[Case]:
    """Each checkpoint of the mainline."""
    for step in checkpoints.steps(MAINLINE):
        yield _of_run("mainline, 40 checkpoints", MAINLINE, step)


def start(n: int, seeds: int) -> Iterator[Case]:
    """A small network from many seeds, at eleven steps each."""
    group = f"Small network, n = {n}, {seeds} seeds"
    for seed in range(seeds):
        op, mask = pm.addition(n), _mask(n, 0.4, seed)
        for step, model in train_small(op, mask, seed, weight_decay=0.5):
            yield _case(group, str(seed), step, op, model, mask, model.matrices)


def train_small(
    op: pm.Operation,
    mask: Tensor,
    seed: int,
    *,
    weight_decay: float,
    labels: Tensor | None = None,
    steps: int = STEPS,
    learning_rate: float = 1e-2,
) -> Iterator[tuple[int, Small]]:
    """Trains a small network, and yields it every ``EVERY`` steps."""
    torch.manual_seed(seed)
    model, inputs = Small(op.n), op.inputs[mask]
    answers = op.table.flatten()[mask] if labels is None else labels
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=weight_decay)
    for step in range(steps + 1):
        if step % EVERY == 0:
            yield step, model
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), answers).backward()
        optimizer.step()


def of_other_kinds() -> Iterator[Case]:
    """Other kinds of networks on other tasks, whose spectra fall gradually or are similar, at five steps each."""
    for seed in range(SEEDS_OF_OTHERS):
        for n, share in ((23, 0.8), (53, 0.8)):
            op, mask = pm.addition(n), _mask(n, share, seed)
            yield from _trained(f"one-hot, ReLU, n = {n}", op, mask, seed, OneHot(n, 256))
            yield from _trained(f"squares, n = {n}", op, mask, seed, Squares(op))
            deep = nn.Sequential(nn.Embedding(n, 64), nn.Flatten(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, n))
            yield from _trained(f"concatenated, n = {n}", op, mask, seed, deep)
        op = pm.multiplication(31, zero=True)
        deep = nn.Sequential(nn.Embedding(31, 64), nn.Flatten(), nn.Linear(128, 256), nn.ReLU(), nn.Linear(256, 31))
        yield from _trained("multiplication with zero, n = 31", op, _mask(31, 0.8, seed), seed, deep)


def _trained(kind: str, op: pm.Operation, mask: Tensor, seed: int, model: nn.Module) -> Iterator[Case]:
    torch.manual_seed(seed)
    for parameter in model.parameters():  # initialized again, with this seed
        nn.init.normal_(parameter, std=parameter.shape[-1] ** -0.5)
    inputs, answers = op.inputs[mask], op.elements[op.table.flatten()[mask]]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.5)
    for step in range(STEPS + 1):
        if step > 0 and step % (2 * EVERY) == 0:
            yield _case("other kinds", f"{kind}, {seed}", step, op, model, mask, {})
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), answers).backward()
        optimizer.step()


def task(name: str) -> Iterator[Case]:
    """One of the twelve tasks of Power et al., at about ten steps; training all takes 45 minutes on one core."""
    run = Run(tasks.OPERATIONS[name](), *tasks.TRAINING[name])
    for index, (step, model) in enumerate(run.checkpoints()):
        if index % 6 == 0 or step == run.steps:
            weights = {"W_L": model.unembed.weight[run.op.elements]}
            yield _case("twelve tasks", name, step, run.op, model, run.train_mask.flatten(), weights)


def of_others(folder: Path) -> Iterator[Case]:
    """Networks by others: two MLPs on a + b mod 97, and the authors' own checkpoint."""
    for path in sorted((folder / "networks").glob("mlp97_*.npz")):
        w, op = _arrays(path), pm.addition(97)
        a, b = op.inputs.T
        tokens = torch.stack([a, torch.full_like(a, 97), b, torch.full_like(a, 98)], 1)
        hidden = (w["W_E"][tokens].flatten(1) @ w["W_1"].T + w["b_1"]).relu()
        logits = (hidden @ w["W_2"].T + w["b_2"])[:, :97]
        weights = {"W_E": w["W_E"][:97], "W_L": w["W_2"][:97]}
        yield Case("of other people", path.stem, 0, op, logits, torch.zeros(97**2, dtype=torch.bool), weights)
    if (folder / "authors_wd01.npz").exists():
        yield _of_authors(_arrays(folder / "authors_wd01.npz"))


def _of_authors(w: dict[str, Tensor]) -> Case:
    op = pm.addition(113)
    of_block = {name.removeprefix("blocks.0."): array for name, array in w.items()}
    tokens = torch.cat([op.inputs, torch.full((113**2, 1), 113)], 1)
    x = w["embed.W_E"].T[tokens] + w["pos_embed.W_pos"]
    query = torch.einsum("hed,bd->bhe", of_block["attn.W_Q"], x[:, -1])
    key, value = (torch.einsum("hed,bpd->bhpe", of_block[f"attn.W_{name}"], x) for name in "KV")
    pattern = (torch.einsum("bhe,bhpe->bhp", query, key) / 32**0.5).softmax(-1)
    middle = x[:, -1] + torch.einsum("bhp,bhpe->bhe", pattern, value).flatten(1) @ of_block["attn.W_O"].T
    neurons = (middle @ of_block["mlp.W_in"].T + of_block["mlp.b_in"]).relu()
    output = middle + neurons @ of_block["mlp.W_out"].T + of_block["mlp.b_out"]
    pairs = [(a, b) for a in range(113) for b in range(113)]
    random.Random(1).shuffle(pairs)
    mask = op.mask(pairs[: int(0.3 * 113**2)]).flatten()
    W_L = (w["unembed.W_U"].T @ of_block["mlp.W_out"])[:113]
    weights = {"W_E": w["embed.W_E"].T[:113], "W_L": W_L}
    return Case("of other people", "authors", 0, op, (output @ w["unembed.W_U"])[:, :113], mask, weights)


def untrained() -> Iterator[Case]:
    """Five kinds of networks at initialization."""
    for seed in range(UNTRAINED):
        torch.manual_seed(seed)
        n, width = (31, 53, 59, 97, 113)[seed % 5], (16, 64, 128, 32)[seed % 4]
        op = pm.addition(n)
        model = _initialized((seed // 5) % 5, op, width)
        yield _case("untrained", type(model).__name__, seed, op, model, _mask(n, 0.3, seed), {})


def _initialized(kind: int, op: pm.Operation, width: int) -> nn.Module:
    n = op.n
    if kind == 0:
        return Small(n, width)
    if kind == 1:
        return Transformer(n, d_model=width, heads=4, d_mlp=4 * width)
    if kind == 2:
        return OneHot(n, width)
    if kind == 3:
        return Squares(op)
    deep = nn.Sequential(nn.Embedding(n, width), nn.Flatten(), nn.Linear(2 * width, 128), nn.ReLU())
    return deep.extend([nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, n)])


def memorizing() -> Iterator[Case]:
    """Networks that memorize their training inputs: without weight decay, with few pairs, or with random labels."""
    yield _of_run("memorizing", RUNS / "no_weight_decay", checkpoints.steps(RUNS / "no_weight_decay")[-1])
    op = pm.addition(31)
    for seed in range(MEMORIZING):
        kind = ("a fifth of the pairs", "random labels", "no weight decay")[seed % 3]
        mask = _mask(31, 0.2 if seed % 3 == 0 else 0.4, seed)
        generator = torch.Generator().manual_seed(seed)
        labels = torch.randint(31, (int(mask.sum()),), generator=generator) if seed % 3 == 1 else None
        rate = 3e-3 if seed % 3 == 1 else 1e-2
        *_, (step, model) = train_small(op, mask, seed, weight_decay=0.0, labels=labels, steps=1200, learning_rate=rate)
        yield _case("memorizing", f"{kind}, {seed}", step, op, model, mask, model.matrices)


def groups(others: Path | None) -> dict[str, Callable[[], Iterator[Case]]]:
    """The function that makes each group; the quick ones come first."""
    made: dict[str, Callable[[], Iterator[Case]]] = {
        "bundled": bundled,
        "mainline": mainline,
        "start 31": lambda: start(31, SEEDS),
        "start 53": lambda: start(53, SEEDS_53),
        "other kinds": of_other_kinds,
        "untrained": untrained,
        "memorizing": memorizing,
    }
    if others is not None:
        made["others"] = lambda: of_others(others)
    return made | {f"task {name}": partial(task, name) for name in tasks.OPERATIONS}


def _of_run(group: str, folder: Path, step: int) -> Case:
    config, model = Config.load(folder), checkpoints.load(checkpoints.path_of(folder, step))
    weights = {"W_E": model.W_E, "W_L": model.W_L}
    return _case(group, folder.name, step, config.op, model, config.train_mask.flatten(), weights)


@torch.no_grad()
def _case(
    group: str, run: str, step: int, op: pm.Operation, model: nn.Module, mask: Tensor, weights: dict[str, Tensor]
) -> Case:
    logits = pm.grid_logits(model, op).flatten(0, -2)
    return Case(group, run, step, op, logits, mask, {name: x.detach().clone() for name, x in weights.items()})


def _mask(n: int, share: float, seed: int) -> Tensor:
    return (torch.rand(n, n, generator=torch.Generator().manual_seed(seed)) < share).flatten()


def _arrays(path: Path) -> dict[str, Tensor]:
    with np.load(path, allow_pickle=False) as arrays:
        return {name: torch.as_tensor(array).double() for name, array in arrays.items()}
