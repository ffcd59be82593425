"""What a user can get wrong with models: what they return, which submodule is meant, and what replaces it."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

import progress_measures as pm
from tests._unchanged import assert_met_with

OP = pm.addition(5)
ones = torch.ones


@dataclass
class CausalLMOutput:
    """What language models return."""

    logits: torch.Tensor


class Layer(nn.Module):
    """A submodule that computes some function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *args):
        return self.function(*args)


class Tied(nn.Module):
    """A model that uses one module twice."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(4, 4)
        self.unembed = self.embed


def predicted(predict, batch_size=None):
    return pm.grid_logits(predict, OP, batch_size)


def ab(site, replacement=None):
    return lambda model: pm.ablated(model, site, replacement or pm.zero_ablation())


def cap(site):
    return lambda model: pm.captured(model, site)


def ran(function, context, *inputs):
    """Runs a model whose one submodule computes a function, in a context."""
    model = nn.ModuleDict({"layer": Layer(function)})
    with context(model):
        model["layer"](*(inputs or (ones(2, 4),)))


def read(site, *batches):
    """Reads an activation of a model that was run on several batches."""
    model = nn.ModuleDict({"layer": nn.Identity()})
    with pm.captured(model, "layer") as activations:
        for batch in batches:
            model["layer"](batch)
        activations[site]


# fmt: off
MISTAKES = [
    ("prediction is a dict", lambda: predicted(lambda p: {"logits": ones(len(p), 5)}), TypeError,
     "`predict` must return a tensor or a NumPy array of logits. Got dict."),
    ("prediction is the output object of a language model",
     lambda: predicted(lambda p: CausalLMOutput(ones(len(p), 3, 5))), TypeError,
     "`predict` must return a tensor or a NumPy array of logits. Got CausalLMOutput. Return its .logits at the "
     "answer position."),
    ("prediction is nothing", lambda: predicted(lambda _: None), TypeError,
     "`predict` must return a tensor or a NumPy array of logits. Got NoneType."),
    ("prediction is one number", lambda: predicted(lambda _: ones(())), ValueError,
     "`predict` must return one row of logits per pair (25). Got shape ()."),
    ("one number per pair", lambda: predicted(lambda p: ones(len(p))), ValueError,
     "`predict` must return one row of logits per pair (25). Got shape (25,)."),
    ("a row too many", lambda: predicted(lambda p: ones(len(p) + 1, 5)), ValueError,
     "`predict` must return one row of logits per pair (25). Got shape (26, 5)."),
    ("one row for all pairs", lambda: predicted(lambda _: ones(1, 5)), ValueError,
     "`predict` must return one row of logits per pair (25). Got shape (1, 5)."),
    ("two batches at once", lambda: predicted(lambda p: ones(2 * len(p), 5), 5), ValueError,
     "`predict` must return one row of logits per pair (5). Got shape (10, 5)."),
    ("batch of a fixed length", lambda: predicted(lambda _: ones(4, 5), 4), ValueError,
     "`predict` must return one row of logits per pair (1). Got shape (4, 5)."),
    ("one column", lambda: predicted(lambda p: ones(len(p), 1)), ValueError,
     "`predict` must return a logit for every token of the operation, at least 5 columns. Got 1."),
    ("answers before pairs", lambda: predicted(lambda p: ones(5, len(p))), ValueError,
     "`predict` must return one row of logits per pair (25). Got shape (5, 25)."),
    ("an axis too many", lambda: predicted(lambda p: ones(len(p), 1, 3, 5)), ValueError,
     "`predict` must return one row of logits per pair (25). Got shape (25, 1, 3, 5)."),
    ("sparse predictions", lambda: predicted(lambda p: ones(len(p), 5).to_sparse()), TypeError,
     "`logits` must be a dense tensor. Got a sparse_coo one. Pass its .to_dense()."),
    ("model has diverged", lambda: predicted(lambda p: torch.full((len(p), 5), torch.nan)), ValueError,
     "`logits` must be finite. Got 125 non-finite of 125 values, the first (nan) at (a, b, c) (0, 0, 0)."),
    ("embedding without a row for each token",
     lambda: predicted(nn.Sequential(nn.Embedding(4, 3), nn.Flatten(), nn.Linear(6, 5))), IndexError,
     "index out of range in self"),
    ("strings predicted", lambda: predicted(lambda p: np.full((len(p), 5), "a")), TypeError,
     "`logits` must be numbers. Got an array of <U1."),
    ("nan in an array",
     lambda: predicted(lambda p: np.where(p.numpy()[:, :1] == 2, np.nan, np.zeros((len(p), 5)))), ValueError,
     "`logits` must be finite. Got 25 non-finite of 125 values, the first (nan) at (a, b, c) (2, 0, 0)."),
    ("no such item", lambda: ran(lambda x: (x, (x, x)), cap(pm.output_of("layer", 3))), ValueError,
     "output_of('layer', 3) must be a tensor. Got nothing: there is no such item. Name one: output_of('layer', "
     "0), output_of('layer', 1, 0), output_of('layer', 1, 1)."),
    ("submodule returns a dict", lambda: ran(lambda x: {"hidden": x, "n": 3}, ab("layer")), TypeError,
     "The submodule 'layer' must return a tensor. Got dict. Name one: output_of('layer', 'hidden')."),
    ("submodule returns nothing", lambda: ran(lambda _: None, ab("layer")), TypeError,
     "The submodule 'layer' must return a tensor. Got NoneType. Name the submodule that makes the tensor."),
    ("submodule returns an output object", lambda: ran(CausalLMOutput, cap("layer")), TypeError,
     "The submodule 'layer' must return a tensor. Got CausalLMOutput. Name one: output_of('layer', 'logits')."),
    ("item of a tensor", lambda: ran(lambda x: x, cap(pm.output_of("layer", 0))), ValueError,
     "output_of('layer', 0) must be a tensor. Got nothing: there is no such item. Name one: output_of('layer')."),
    ("input of two arguments", lambda: ran(lambda x, _: x, ab(pm.input_of("layer")), ones(2), ones(2)), TypeError,
     "input_of('layer') must be the only argument. Got 2. Name one: input_of('layer', 0), input_of('layer', 1)."),
    ("no such argument", lambda: ran(lambda x: x, ab(pm.input_of("layer", "mask"))), ValueError,
     "input_of('layer', 'mask') must be a tensor. Got nothing: there is no such item. Name one: "
     "input_of('layer', 0)."),
    ("item is a float", lambda: pm.output_of("layer", 0.5), TypeError,
     "`items` must be places (integers) or names (strings). Got 0.5 (float)."),
    ("item is a bool", lambda: pm.input_of("layer", True), TypeError,
     "`items` must be places (integers) or names (strings). Got True (bool)."),
    ("site of a number", lambda: pm.input_of(3), TypeError,
     "`path` must be a string. Got 3 (int)."),
    ("two paths to a shared module", lambda: cap(["embed", "unembed"])(Tied()).__enter__(), ValueError,
     "`path` must lead to a module once. Got 'embed' and 'unembed', which are the same module, and a hook sees "
     "its calls by either path."),
    ("calls of two shapes", lambda: read("layer", ones(2, 4), ones(2, 3)), ValueError,
     "'layer' must have the same shape in every call except for the first axis. Got (2, 4), (2, 3). Capture one "
     "call at a time, or pass the axis of the batch as dim."),
    ("calls without an axis", lambda: read("layer", ones(()), ones(())), ValueError,
     "'layer' must have the same shape in every call except for the first axis. Got (). Capture one call at a time, or "
     "pass the axis of the batch as dim."),
    ("activation that was not captured", lambda: read("layers", ones(2)), KeyError,
     "`path` must be one that was captured. Got 'layers'. Did you mean 'layer'?"),
    ("replacement returns nothing", lambda: ran(lambda x: x, ab("layer", lambda _: None)), TypeError,
     "The replacement for 'layer' must return a tensor. Got NoneType."),
    ("replacement returns a tuple", lambda: ran(lambda x: x, ab("layer", lambda x: (x,))), TypeError,
     "The replacement for 'layer' must return a tensor. Got tuple."),
    ("replacement transposes", lambda: ran(lambda x: x, ab("layer", lambda x: x.T)), ValueError,
     "The replacement for 'layer' must keep the activation's shape (2, 4). Got (4, 2)."),
    ("half an index", lambda: pm.at(1.5, pm.zero_ablation()), TypeError,
     "`index` must be an integer, a slice, ..., a list of integers or a mask, or a tuple of these. Got 1.5 "
     "(float)."),
    ("head by name", lambda: pm.at("head", pm.zero_ablation()), TypeError,
     "`index` must be an integer, a slice, ..., a list of integers or a mask, or a tuple of these. Got 'head' "
     "(str)."),
    ("index of nothing", lambda: ran(lambda x: x, ab("layer", pm.at([], pm.zero_ablation()))), ValueError,
     "`index` chooses nothing of an activation of shape (2, 4)."),
    ("index twice", lambda: ran(lambda x: x, ab("layer", pm.at(([0, 0],), pm.zero_ablation()))), ValueError,
     "`index` must choose nothing twice. Got 8 entries, 4 of them distinct."),
    ("tensor at an index", lambda: pm.at(0, ones(2)), TypeError,
     "`replacement` must be a function of the activation. Got Tensor."),
    ("part of another shape", lambda: ran(lambda x: x, ab("layer", pm.at(0, lambda x: x[:2]))), ValueError,
     "The replacement for the part at `index` must keep the activation's shape (4,). Got (2,)."),
    ("source of one number", lambda: pm.resample_ablation(ones(())), ValueError,
     "`source` must have at least one row to draw. Got shape ()."),
    ("projection about None", lambda: pm.project_onto(ones(2), center=None), ValueError,
     "`center` must be one of 'origin', 'mean'. Got None."),
    ("out is bytes", lambda: pm.grid_logits(lambda p: p, OP, out=b"x"), TypeError,
     "`out` must be a path. Got b'x' (bytes)."),
]
# fmt: on


@pytest.mark.parametrize(("mistake", "error", "message"), [pytest.param(*rest, id=name) for name, *rest in MISTAKES])
def test_mistake_is_met_with(mistake, error, message, tmp_path, monkeypatch):
    assert_met_with(mistake, error, message, tmp_path, monkeypatch, OP)


def test_a_model_that_works_in_place_on_its_tokens_changes_no_operation():
    def predict(pairs):
        logits = nn.functional.one_hot(pairs.sum(1) % 5, 5)
        pairs.zero_()
        return logits

    tokens = OP.inputs.clone()
    assert (predicted(predict, 7).argmax(-1) == OP.table).all()
    assert torch.equal(OP.inputs, tokens)


def test_rows_are_taken_in_the_order_they_come_in():
    """Nothing in the logits says which pair they are of: who turns a batch around has turned the grid around."""
    logits = torch.randn(25, 5)
    turned = predicted(lambda pairs: logits[pairs[:, 0] * 5 + pairs[:, 1]].flip(0))
    assert torch.equal(turned, logits.flip(0).reshape(5, 5, 5))
