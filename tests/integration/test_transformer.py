"""The bundled model: the paper's to the letter, reachable everywhere, and the same from tables."""

import copy
import random
import re

import pytest
import torch
from torch.nn import functional as F

import progress_measures as pm
from examples.modular_addition import model as model_module
from examples.modular_addition.bundled import MAINLINE, final
from examples.modular_addition.data import train_mask
from examples.modular_addition.model import Transformer
from examples.modular_addition.tables import TableLoss, logits_from_tables
from tests._asserts import assert_close


def small(**sizes):
    return Transformer(**{"n": 7, "d_model": 12, "heads": 3, "d_mlp": 20} | sizes)


def test_parameters_are_the_papers():
    shapes = {name: tuple(weight.shape) for name, weight in Transformer().named_parameters()}
    assert shapes == {
        "embed.weight": (114, 128),
        "pos_embed.weight": (3, 128),
        "blocks.0.attn.query.weight": (128, 128),
        "blocks.0.attn.key.weight": (128, 128),
        "blocks.0.attn.value.weight": (128, 128),
        "blocks.0.attn.out.weight": (128, 128),
        "blocks.0.mlp.hidden.weight": (512, 128),
        "blocks.0.mlp.hidden.bias": (512,),
        "blocks.0.mlp.out.weight": (128, 512),
        "blocks.0.mlp.out.bias": (128,),
        "unembed.weight": (114, 128),
    }


def test_initialization_is_the_papers():
    model = Transformer(generator=torch.Generator().manual_seed(0))
    for name, weight in model.named_parameters():
        expected = 0 if name.endswith("bias") else (114 if name == "unembed.weight" else 128) ** -0.5
        assert weight.std().item() == pytest.approx(expected, rel=0.15)
    assert pm.sum_squared_weights(model).item() == pytest.approx(1781, rel=0.01)


def test_initialization_follows_its_generator():
    first, again = (Transformer(generator=torch.Generator().manual_seed(3)) for _ in range(2))
    other = Transformer(generator=torch.Generator().manual_seed(4))
    assert torch.equal(first.W_E, again.W_E)
    assert not torch.equal(first.W_E, other.W_E)


def forward_by_hand(model, a, b):
    """One pair at a time, from the paper's formulas."""
    w = {name: weight.detach().double() for name, weight in model.named_parameters()}
    heads = model.blocks[0].attn.n_heads
    x = w["embed.weight"][[a, b, model.n]] + w["pos_embed.weight"]
    query, key, value = (w[f"blocks.0.attn.{name}.weight"].chunk(heads) for name in ("query", "key", "value"))
    z = []
    for W_Q, W_K, W_V in zip(query, key, value, strict=True):
        scores = (x @ W_K.T) @ (W_Q @ x[2]) / len(W_Q) ** 0.5
        pattern = scores.exp() / scores.exp().sum()
        z.append(W_V @ (x.T @ pattern))
    middle = w["blocks.0.attn.out.weight"] @ torch.cat(z) + x[2]
    hidden = w["blocks.0.mlp.hidden.weight"] @ middle + w["blocks.0.mlp.hidden.bias"]
    mlp = w["blocks.0.mlp.out.weight"] @ hidden.clamp(min=0) + w["blocks.0.mlp.out.bias"]
    return w["unembed.weight"] @ (mlp + middle)


def randomized_biases(model):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_()
    return model


def test_forward_is_the_papers_formula():
    model = randomized_biases(small()).double()
    pairs = torch.tensor([[0, 0], [3, 5], [5, 3], [6, 6]])
    expected = torch.stack([forward_by_hand(model, *pair) for pair in pairs.tolist()])
    assert_close(model(pairs), expected, rtol=1e-10)


@pytest.mark.parametrize("sizes", [{}, {"n": 1}, {"heads": 1}, {"n": 113, "d_model": 128, "heads": 4, "d_mlp": 512}])
def test_tables_give_the_same_logits_and_gradients(sizes):
    model = randomized_biases(small(**sizes)).double()
    pairs = pm.addition(model.n).inputs
    weight = torch.randn(len(pairs), model.n + 1, dtype=torch.float64)
    gradients = []
    for forward in (model, lambda pairs: logits_from_tables(model, pairs)):
        logits = forward(pairs)
        gradients.append((logits, *torch.autograd.grad((logits * weight).sum(), list(model.parameters()))))
    for slow, fast in zip(*gradients, strict=True):
        torch.testing.assert_close(slow, fast, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("sizes", [{}, {"heads": 1}, {"n": 2}, {"n": 15, "d_mlp": 16}])
def test_tables_give_the_same_loss_and_gradients(sizes):
    model = randomized_biases(small(**sizes)).double()
    op = pm.addition(model.n)
    pairs, answers = op.inputs, op.table.flatten()
    pairs, answers = pairs[answers > 0], answers[answers > 0]
    slow, fast = (
        (loss, *torch.autograd.grad(3 * loss, list(model.parameters())))
        for loss in (
            F.cross_entropy(model(pairs), answers),
            TableLoss(pairs, answers, model.n, model.blocks[0].attn.n_heads)(model),
        )
    )
    for expected, actual in zip(slow, fast, strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_tables_give_the_same_loss_and_gradients_in_float32(scale):
    model = Transformer(generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        model.unembed.weight.mul_(scale)  # losses of hundreds of nats
    op, exact = pm.addition(113), copy.deepcopy(model).double()
    expected = F.cross_entropy(exact(op.inputs), op.table.flatten())
    actual = TableLoss(op.inputs, op.table.flatten(), 113, 4)(model)
    assert actual.dtype == torch.float64
    assert_close(actual, expected, rtol=1e-6)
    slow = torch.autograd.grad(expected, list(exact.parameters()))
    for gradient, right in zip(torch.autograd.grad(actual, list(model.parameters())), slow, strict=True):
        assert (gradient - right).norm() < 1e-3 * right.norm()


def test_tables_give_tiny_losses_that_are_exact():
    model, _ = final(MAINLINE)
    model.requires_grad_(True)
    with torch.no_grad():
        model.unembed.weight.mul_(3)  # the logits are three times as large
    op, exact = pm.addition(113), copy.deepcopy(model).double()
    expected = pm.cross_entropy(pm.grid_logits(exact, op, requires_grad=True), op)
    actual = TableLoss(op.inputs, op.table.flatten(), 113, 4)(model)
    assert expected < 1e-12
    assert_close(actual, expected, rtol=1e-4)  # a margin of 80 in float32 is exact to 5e-6
    of_exact = torch.autograd.grad(expected, exact.unembed.weight)[0]
    of_tables = torch.autograd.grad(actual, model.unembed.weight)[0]
    assert (of_tables - of_exact).norm() < 1e-3 * of_exact.norm()


def documented_paths():
    """Path and shape of each row of the table in the module's docstring."""
    rows = re.findall(r"^``([\w.]+)``\s+\(([^)]*)\)", model_module.__doc__, flags=re.MULTILINE)
    return [(path, [part.strip() for part in shape.split(",")]) for path, shape in rows]


def test_every_intermediate_activation_can_be_captured():
    model, pairs = small(), pm.addition(7).inputs
    sizes = {"pair": 49, "3": 3, "d": 12, "head": 3, "d/head": 4, "d_mlp": 20, "n + 1": 8}
    paths = documented_paths()
    assert len(paths) == 18
    with pm.captured(model, [path for path, _ in paths]) as activations:
        model(pairs)
    for path, shape in paths:
        assert list(activations[path].shape) == [sizes[part] for part in shape], path
    assert torch.allclose(activations["blocks.0.attn.pattern"].sum(-1), torch.ones(49, 3))


def test_every_intermediate_activation_can_be_ablated():
    model, op = randomized_biases(small()), pm.addition(7)
    before = pm.grid_logits(model, op)
    for path, _ in documented_paths():
        with pm.ablated(model, path, lambda activation: activation * 0.5):
            assert not torch.allclose(pm.grid_logits(model, op), before), path
    assert torch.equal(pm.grid_logits(model, op), before)


def test_residual_stream_adds_up():
    model = small()
    names = ("attn", "attn_skip", "resid_mid", "mlp", "mlp_skip", "resid_post", "resid_pre")
    with pm.captured(model, [f"blocks.0.{name}" for name in names]) as activations:
        model(pm.addition(7).inputs)
    a = {name: activations[f"blocks.0.{name}"] for name in names}
    assert_close(a["attn"] + a["attn_skip"], a["resid_mid"])
    assert_close(a["mlp"] + a["mlp_skip"], a["resid_post"])
    assert_close(a["resid_pre"][:, -1], a["attn_skip"])


def test_weights_by_the_fields_names():
    model = small()
    assert torch.equal(model.W_E, model.embed.weight[:7])
    assert_close(model.W_L, (model.unembed.weight @ model.blocks[0].mlp.out.weight)[:7], rtol=0, atol=1e-6)


def test_split_is_the_authors():
    # The released code shuffles a list of (i, j, 113) with Python's global generator.
    pairs = [(i, j, 113) for i in range(113) for j in range(113)]
    random.Random(0).shuffle(pairs)
    train = {(a, b) for a, b, _ in pairs[: int(0.3 * len(pairs))]}
    mask = train_mask((113, 113), fraction=0.3, seed=0)
    assert mask.sum() == 3830
    assert {tuple(pair) for pair in mask.nonzero().tolist()} == train


@pytest.mark.parametrize("fraction", [0.0, 0.01, 1.0, -1.0, 2.0])
def test_split_leaves_pairs_on_both_sides(fraction):
    with pytest.raises(ValueError, match="must leave pairs to train and to test on"):
        train_mask((5, 5), fraction=fraction, seed=0)
