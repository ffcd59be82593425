"""Tensors inside of what goes into a submodule and of what comes out of it."""

import copy
from collections import OrderedDict, UserDict, namedtuple
from dataclasses import dataclass, field

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import progress_measures as pm
from tests._asserts import assert_raises
from tests._traces import count_hooks

Pair = namedtuple("Pair", ["first", "second"])


@dataclass
class Fields:
    first: torch.Tensor
    second: object = None
    derived: int = field(init=False, default=7)


@dataclass(frozen=True, slots=True)
class FrozenFields:
    first: torch.Tensor
    second: object = None


class Part(nn.Module):
    """Returns what a function makes of x, and notes with which arguments it was called."""

    def __init__(self, make):
        super().__init__()
        self.make, self.given = make, []

    def forward(self, *args, **kwargs):
        self.given.append((args, kwargs))
        return self.make(*args, **kwargs)


class Model(nn.Module):
    """Hands its arguments on to a part; what the part returns is its own output."""

    def __init__(self, make):
        super().__init__()
        self.part = Part(make)

    def forward(self, *args, **kwargs):
        return self.part(*args, **kwargs)


X = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
OTHER = object()


def negative(x):
    return -x


def run(make, site, *args, replacement=negative, **kwargs):
    """What a model returns with a site captured and then replaced, what was captured, and what the part was given."""
    model = Model(make)
    with pm.captured(model, site) as activations, pm.ablated(model, site, replacement):
        output = model(*args, **kwargs)
    assert count_hooks(model) == 0
    return output, activations[site], model.part.given


# ---------------------------------------------------------------------------------------------------------------------
# Outputs

CONTAINERS = {
    "tuple": (lambda x: (OTHER, x), (1,), lambda c: c[1], lambda c: c[0]),
    "tuple from its end": (lambda x: (OTHER, x), (-1,), lambda c: c[1], lambda c: c[0]),
    "list": (lambda x: [OTHER, x], (1,), lambda c: c[1], lambda c: c[0]),
    "named tuple by name": (lambda x: Pair(OTHER, x), ("second",), lambda c: c.second, lambda c: c.first),
    "named tuple by place": (lambda x: Pair(OTHER, x), (1,), lambda c: c.second, lambda c: c.first),
    "dict": (lambda x: {"x": x, "other": OTHER}, ("x",), lambda c: c["x"], lambda c: c["other"]),
    "dict of numbers": (lambda x: {3: x, 4: OTHER}, (3,), lambda c: c[3], lambda c: c[4]),
    "ordered dict": (lambda x: OrderedDict(x=x, o=OTHER), ("x",), lambda c: c["x"], lambda c: c["o"]),
    "user dict": (lambda x: UserDict(x=x, o=OTHER), ("x",), lambda c: c["x"], lambda c: c["o"]),
    "dataclass": (lambda x: Fields(x, OTHER), ("first",), lambda c: c.first, lambda c: c.second),
    "frozen dataclass": (lambda x: FrozenFields(x, OTHER), ("first",), lambda c: c.first, lambda c: c.second),
    "nested": (
        lambda x: ({"pairs": [Pair(x, OTHER)]},),
        (0, "pairs", 0, "first"),
        lambda c: c[0]["pairs"][0].first,
        lambda c: c[0]["pairs"][0].second,
    ),
}


@pytest.mark.parametrize(("make", "items", "the_tensor", "the_other"), CONTAINERS.values(), ids=CONTAINERS)
def test_item_of_an_output_is_captured_and_replaced_and_the_rest_stays(make, items, the_tensor, the_other):
    made = make(X)
    output, activation, _ = run(lambda _: made, pm.output_of("part", *items), X)
    assert torch.equal(activation, X)
    assert torch.equal(the_tensor(output), -X)
    assert the_other(output) is OTHER
    assert type(output) is type(made)
    # What the module made is its own: it may return the same object again.
    assert the_tensor(made) is X


def test_container_with_attributes_of_its_own_keeps_them():
    class Tagged(dict):
        pass

    def make(x):
        made = Tagged(x=x)
        made.tag = OTHER
        return made

    output, _, _ = run(make, pm.output_of("part", "x"), X)
    assert output.tag is OTHER


def test_dataclass_is_copied_and_not_made_anew():
    made = Fields(X)
    made.derived = 8
    output, _, _ = run(lambda _: made, pm.output_of("part", "first"), X)
    assert output.derived == 8


def test_named_tuples_of_pytorch_are_rebuilt():
    output, activation, _ = run(lambda x: x.max(1), pm.output_of("part", "values"), X)
    assert isinstance(output, torch.return_types.max)
    assert output.values.tolist() == [-2.0, -3.0]
    assert output.indices.tolist() == [1, 0]
    assert activation.tolist() == [2.0, 3.0]


def test_packed_sequences_are_rebuilt():
    packed = pack_padded_sequence(X[:, :, None], torch.tensor([2, 1]), batch_first=True)
    output, activation, _ = run(lambda packed: packed, pm.output_of("part", "data"), packed)
    assert isinstance(output, PackedSequence)
    assert torch.equal(output.data, -packed.data)
    assert torch.equal(activation, packed.data)
    assert output.batch_sizes is packed.batch_sizes


@pytest.mark.parametrize("item", [(0,), (1, 0), (1, 1)])
def test_items_of_an_lstm_are_what_the_model_goes_on_with(item):
    torch.manual_seed(0)
    lstm, x = nn.LSTM(2, 3), torch.randn(4, 5, 2)
    output, (h, c) = lstm(x)
    expected = {(0,): (-output, h, c), (1, 0): (output, -h, c), (1, 1): (output, h, -c)}[item]
    with pm.ablated(lstm, pm.output_of("", *item), negative):
        output, (h, c) = lstm(x)
    assert all(map(torch.equal, (output, h, c), expected))


def test_several_items_of_one_output_are_replaced_together():
    model = Model(lambda x: (x, (x, x)))
    sites = {pm.output_of("part", 0): negative, pm.output_of("part", 1, 1): lambda x: 3 * x}
    with pm.ablated(model, sites):
        first, (second, third) = model(X)
    assert torch.equal(first, -X)
    assert torch.equal(second, X)
    assert torch.equal(third, 3 * X)


def test_several_replacements_of_one_tensor_follow_each_other():
    model = Model(torch.clone)
    with pm.ablated(model, {"part": lambda x: x + 1, pm.output_of("part"): negative}):
        assert torch.equal(model(X), -(X + 1))


def test_output_without_items_is_a_plain_path():
    output, activation, _ = run(torch.exp, pm.output_of("part"), X)
    assert torch.equal(activation, X.exp())
    assert torch.equal(output, -X.exp())


# ---------------------------------------------------------------------------------------------------------------------
# Inputs


def test_only_argument_is_captured_and_replaced():
    output, activation, given = run(lambda x: 2 * x, pm.input_of("part"), X)
    assert torch.equal(activation, X)
    assert torch.equal(output, -2 * X)
    assert torch.equal(given[0][0][0], -X)


def test_only_argument_may_have_a_name():
    output, activation, given = run(lambda *, x: 2 * x, pm.input_of("part"), x=X)
    assert torch.equal(activation, X)
    assert torch.equal(output, -2 * X)
    assert given[0][0] == ()


@pytest.mark.parametrize("site", [pm.input_of("part", 1), pm.input_of("part", "scale")])
def test_argument_is_replaced_where_it_is_and_the_others_stay(site):
    (item,) = site.items
    args, kwargs = ((OTHER, X), {"flag": OTHER}) if item == 1 else ((OTHER,), {"flag": OTHER, "scale": X})
    _, activation, ((given_args, given_kwargs),) = run(lambda *_, **__: X, site, *args, **kwargs)
    assert torch.equal(activation, X)
    assert len(given_args) == len(args)
    assert list(given_kwargs) == list(kwargs)
    assert given_args[0] is OTHER
    assert given_kwargs["flag"] is OTHER
    assert torch.equal(given_args[1] if item == 1 else given_kwargs["scale"], -X)


def test_items_descend_into_an_argument():
    given = (X, {"states": [OTHER, X]})
    site = pm.input_of("part", 0, 1, "states", 1)
    _, activation, (((replaced,), _),) = run(lambda states: states[0], site, given)
    assert torch.equal(activation, X)
    assert torch.equal(replaced[1]["states"][1], -X)
    assert replaced[0] is X
    assert replaced[1]["states"][0] is OTHER
    assert given[1]["states"][1] is X


def test_only_argument_may_be_descended_into():
    _, activation, _ = run(lambda states: states[0], pm.input_of("part", 0, 0), (X, OTHER))
    assert torch.equal(activation, X)


def test_inputs_of_the_model_itself_can_be_named():
    model = nn.Sequential(nn.Identity())
    with pm.ablated(model, pm.input_of(""), negative):
        assert torch.equal(model(X), -X)


def test_inputs_are_those_after_the_users_own_hooks():
    model = Model(torch.clone)
    model.part.register_forward_pre_hook(lambda _module, args: (args[0] + 1,))
    with pm.captured(model, pm.input_of("part")) as activations:
        model(X)
    assert torch.equal(activations[pm.input_of("part")], X + 1)
    assert count_hooks(model) == 1


def test_inputs_and_outputs_nest():
    model = Model(lambda x: 10 * x)
    inside, outside = pm.input_of("part"), "part"
    with pm.ablated(model, inside, lambda x: x + 1), pm.ablated(model, inside, lambda x: 2 * x):
        # Replacements are applied in the order of the contexts.
        with pm.captured(model, [inside, outside]) as activations, pm.ablated(model, outside, negative):
            assert torch.equal(model(X), -20 * (X + 1))
        assert torch.equal(model(X), 20 * (X + 1))
    assert torch.equal(model(X), 10 * X)
    assert torch.equal(activations[inside], 2 * (X + 1))
    assert torch.equal(activations[outside], 20 * (X + 1))


def test_captured_inputs_are_copies_without_a_graph_joined_in_order():
    model = Model(lambda x: x.mul_(0))
    x = X.clone().requires_grad_()
    with pm.captured(model, pm.input_of("part")) as activations:
        for row in (0, 1):
            model(x[row : row + 1].clone())
    assert torch.equal(activations[pm.input_of("part")], X)
    assert not activations[pm.input_of("part")].requires_grad


def test_gradients_flow_through_replaced_items():
    model, x = Model(lambda x: (OTHER, [x * x])), X.clone().requires_grad_()
    with pm.ablated(model, {pm.input_of("part"): lambda x: 3 * x, pm.output_of("part", 1, 0): lambda x: 5 * x}):
        _, (y,) = model(x)
    y.sum().backward()
    assert torch.equal(x.grad, 5 * 9 * 2 * X)


@pytest.mark.parametrize("make", [pm.input_of, pm.output_of])
def test_site_that_is_never_reached_is_an_error_on_leaving(make):
    model = Model(torch.clone)
    model.unused = nn.Identity()
    for context in (pm.captured(model, make("unused", 0)), pm.ablated(model, make("unused", 0), negative)):
        context.__enter__()
        model(X)
        with pytest.raises(RuntimeError, match="The submodule 'unused' must be called inside"):
            context.__exit__(None, None, None)
        assert count_hooks(model) == 0


@pytest.mark.parametrize("site", [pm.input_of("part"), pm.output_of("part", 0)])
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_hooks_are_gone_after_an_exception_in_a_replacement(site, error):
    def fail(_):
        raise error

    model = Model(lambda x: (x,))
    with pytest.raises(error), pm.ablated(model, {pm.input_of(""): negative, site: fail, "": negative}):
        model(X)
    assert count_hooks(model) == 0


@pytest.mark.parametrize("site", [pm.input_of("part"), pm.output_of("part", 0)])
def test_hooks_are_gone_after_an_exception_in_the_model(site):
    def fail(_):
        raise ZeroDivisionError

    model = Model(fail)
    with pytest.raises(ZeroDivisionError), pm.captured(model, site):
        model(X)
    assert count_hooks(model) == 0


# ---------------------------------------------------------------------------------------------------------------------
# Sites as values


def test_sites_are_values():
    site = pm.output_of("lstm", 1, 0)
    assert site == pm.ablation.Site("lstm", "output", (1, 0))
    assert hash(site) == hash(pm.output_of("lstm", 1, 0))
    assert len({site, pm.output_of("lstm", 1), pm.input_of("lstm", 1, 0), pm.output_of("gru", 1, 0)}) == 4
    assert copy.deepcopy(site) == site
    with pytest.raises(AttributeError):
        site.path = "gru"


def test_sites_read_as_they_are_written():
    sites = [pm.input_of("a.b", 0, "x"), pm.output_of(""), pm.output_of("lstm", -1)]
    assert [eval(f"pm.{site!r}") for site in sites] == sites


def test_captured_sites_are_keys():
    model = Model(lambda x: (x, 2 * x))
    sites = [pm.output_of("part", 1), pm.input_of("part"), pm.output_of("part", 1)]
    with pm.captured(model, sites) as activations:
        model(X)
    assert list(activations) == sites[:2]
    assert repr(activations) == "Activations(output_of('part', 1), input_of('part'))"
    with pytest.raises(KeyError, match=r"Got output_of\('part', 0\)\. Did you mean output_of\('part', 1\)\?"):
        activations[pm.output_of("part", 0)]
    with pytest.raises(KeyError, match=r"Got 'part'\. Did you mean input_of\('part'\)\?"):
        activations["part"]


# ---------------------------------------------------------------------------------------------------------------------
# Mistakes, and the whole message that answers them


def many(x):
    return {f"layer {i}": x for i in range(7)}


# fmt: off
MISTAKES = [
    ("plain path to a tuple", lambda: run(lambda x: (x, [x]), "part", X), TypeError,
     "The submodule 'part' must return a tensor. Got tuple. Name one: output_of('part', 0), output_of('part', 1, 0)."),
    ("names where there are names", lambda: run(lambda x: Pair(x, {"a": x}), "part", X), TypeError,
     "The submodule 'part' must return a tensor. Got Pair. "
     "Name one: output_of('part', 'first'), output_of('part', 'second', 'a')."),
    ("fields of a dataclass", lambda: run(lambda x: Fields(x), "part", X), TypeError,
     "The submodule 'part' must return a tensor. Got Fields. Name one: output_of('part', 'first')."),
    ("many tensors", lambda: run(many, "part", X), TypeError,
     "The submodule 'part' must return a tensor. Got dict. Name one: output_of('part', 'layer 0'), "
     "output_of('part', 'layer 1'), output_of('part', 'layer 2'), output_of('part', 'layer 3'), "
     "output_of('part', 'layer 4'), output_of('part', 'layer 5'), …."),
    ("no tensors", lambda: run(lambda _: ([], "text"), "part", X), TypeError,
     "The submodule 'part' must return a tensor. Got tuple. Name the submodule that makes the tensor."),
    ("output without items", lambda: run(lambda x: [x], pm.output_of("part"), X), TypeError,
     "output_of('part') must be a tensor. Got list. Name one: output_of('part', 0)."),
    ("item is a container", lambda: run(lambda x: (x, (x,)), pm.output_of("part", 1), X), TypeError,
     "output_of('part', 1) must be a tensor. Got tuple. Name one: output_of('part', 0), output_of('part', 1, 0)."),
    ("item is nothing", lambda: run(lambda x: (x, None), pm.output_of("part", 1), X), TypeError,
     "output_of('part', 1) must be a tensor. Got NoneType. Name one: output_of('part', 0)."),
    ("place out of range", lambda: run(lambda x: (x,), pm.output_of("part", 1), X), ValueError,
     "output_of('part', 1) must be a tensor. Got nothing: there is no such item. Name one: output_of('part', 0)."),
    ("place far before the first", lambda: run(lambda x: (x,), pm.output_of("part", -2), X), ValueError,
     "output_of('part', -2) must be a tensor. Got nothing: there is no such item. Name one: output_of('part', 0)."),
    ("field misspelt", lambda: run(lambda x: Pair(x, 1), pm.output_of("part", "frist"), X), ValueError,
     "output_of('part', 'frist') must be a tensor. Got nothing: there is no such item. "
     "Name one: output_of('part', 'first')."),
    ("item of a tensor", lambda: run(lambda x: x, pm.output_of("part", 0), X), ValueError,
     "output_of('part', 0) must be a tensor. Got nothing: there is no such item. Name one: output_of('part')."),
    ("one of two arguments", lambda: run(torch.add, pm.input_of("part"), X, other=X), TypeError,
     "input_of('part') must be the only argument. Got 2. Name one: input_of('part', 0), input_of('part', 'other')."),
    ("one of no arguments", lambda: run(lambda: X, pm.input_of("part")), TypeError,
     "input_of('part') must be the only argument. Got none. Name the submodule that makes the tensor."),
    ("argument is a list", lambda: run(torch.stack, pm.input_of("part"), [X]), TypeError,
     "input_of('part') must be a tensor. Got list. Name one: input_of('part', 0, 0)."),
    ("argument has a name", lambda: run(lambda x: x, pm.input_of("part", 0), x=X), ValueError,
     "input_of('part', 0) must be a tensor. Got nothing: there is no such item. Name one: input_of('part', 'x')."),
    ("replacement of an item returns no tensor",
     lambda: run(lambda x: (x,), pm.output_of("part", 0), X, replacement=lambda _: None), TypeError,
     "The replacement for output_of('part', 0) must return a tensor. Got NoneType."),
    ("replacement of an input changes its shape",
     lambda: run(lambda x: x, pm.input_of("part"), X, replacement=lambda x: x[0]), ValueError,
     "The replacement for input_of('part') must keep the activation's shape (2, 2). Got (2,)."),
    ("submodule of a site misspelt", lambda: run(lambda x: x, pm.input_of("prat"), X), ValueError,
     "`path` must name a submodule of the model. Got 'prat'. Did you mean 'part'?"),
    ("path is a number", lambda: pm.output_of(0), TypeError,
     "`path` must be a string. Got 0 (int)."),
    ("item is a slice", lambda: pm.output_of("part", slice(2)), TypeError,
     "`items` must be places (integers) or names (strings). Got slice(None, 2, None) (slice)."),
    ("item is a bool", lambda: pm.input_of("part", True), TypeError,
     "`items` must be places (integers) or names (strings). Got True (bool)."),
    ("neither input nor output", lambda: pm.ablation.Site("part", "weight"), ValueError,
     "`of` must be one of 'output', 'input'. Got 'weight'."),
]
# fmt: on


@pytest.mark.parametrize(("mistake", "error", "message"), [pytest.param(*rest, id=name) for name, *rest in MISTAKES])
def test_mistake_is_met_with(mistake, error, message):
    assert_raises(mistake, error, message)


@dataclass
class Unset:
    first: torch.Tensor
    cache: object = field(init=False)


def test_a_field_that_was_never_set_is_no_obstacle():
    model = nn.Sequential(Part(lambda x: Unset(x)))
    with pm.captured(model, pm.output_of("0", "first")) as activations:
        model(X)
    assert torch.equal(activations[pm.output_of("0", "first")], X)


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = self.b = nn.Linear(2, 2)

    def forward(self, x):
        return self.b(self.a(x))


@pytest.mark.parametrize(
    "context", [pm.captured, lambda model, paths: pm.ablated(model, dict.fromkeys(paths, negative))]
)
def test_two_paths_to_one_module_are_refused(context):
    message = (
        "`path` must lead to a module once. Got 'a' and 'b', which are the same module, "
        "and a hook sees its calls by either path."
    )
    with pytest.raises(ValueError, match=f"^{message}$"), context(Shared(), ["a", "b"]):
        pass
    model = Shared()
    with context(model, ["a"]):
        model(X)  # both of its calls are seen


def test_calls_of_other_shapes_cannot_be_joined():
    model = nn.Sequential(nn.Identity())
    with pm.captured(model, "0") as activations:
        model(torch.ones(2, 3))
        model(torch.ones(4, 3))
        assert activations["0"].shape == (6, 3)
        model(torch.ones(2, 5))
    message = "'0' must have the same shape in every call except for the first axis. Got (2, 3), (4, 3), (2, 5). "
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (matched below, in full)
        activations["0"]
    assert str(caught.value) == message + "Capture one call at a time, or pass the axis of the batch as dim."


def test_calls_without_an_axis_cannot_be_joined():
    model = nn.Sequential(nn.Identity())
    with pm.captured(model, "0") as activations:
        model(torch.tensor(1.0))
        assert activations["0"] == 1
        model(torch.tensor(2.0))
    with pytest.raises(ValueError, match="must have the same shape in every call"):
        activations["0"]
