import copy
import math
import re
import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

import progress_measures as pm
from tests._asserts import assert_close
from tests._sharded import answer


def test_sum_squared_weights_counts_every_parameter_once():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Embedding(4, 3), torch.nn.Linear(3, 4))
    model.register_buffer("not_a_weight", torch.ones(100))
    model.register_parameter("tied", model[0].weight)
    expected = sum((p.double() ** 2).sum() for p in (model[0].weight, model[1].weight, model[1].bias))
    assert_close(pm.sum_squared_weights(model), expected, rtol=1e-14)


def test_sum_squared_weights_in_float64_and_with_gradient():
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(model.weight, 3e30)  # its square overflows float32
    total = pm.sum_squared_weights(model)
    assert total.dtype == torch.float64
    assert torch.isfinite(total)
    total.backward()
    assert model.weight.grad is not None
    assert pm.sum_squared_weights(torch.nn.ReLU()) == 0


def tied_model():
    """Parts within parts, with a weight that two of them share."""
    torch.manual_seed(0)
    model = nn.ModuleDict(
        {"embed": nn.Embedding(4, 3), "blocks": nn.ModuleList([nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 4))])}
    )
    model["unembed"] = nn.Linear(3, 4, bias=False)
    model["unembed"].weight = model["embed"].weight
    model.register_buffer("not_a_weight", torch.ones(100))
    return model


def by_hand(*parameters):
    return math.sqrt(sum(float(value) ** 2 for parameter in parameters for value in parameter.detach().flatten()))


def test_norms_of_every_parameter():
    model = tied_model()
    norms = pm.parameter_norms(model)
    # The shared weight counts once, under its first name.
    assert list(norms) == [
        "embed.weight", "blocks.0.weight", "blocks.0.bias", "blocks.1.0.weight", "blocks.1.0.bias"
    ]  # fmt: skip
    for name, parameter in model.named_parameters():
        assert norms[name].dtype == torch.float64
        assert norms[name].shape == ()
        assert_close(norms[name], by_hand(parameter), rtol=1e-12)


@pytest.mark.parametrize(
    ("depth", "names"),
    [
        (1, ["embed", "blocks"]),
        (2, ["embed.weight", "blocks.0", "blocks.1"]),
        (3, ["embed.weight", "blocks.0.weight", "blocks.0.bias", "blocks.1.0"]),
    ],
)
def test_norms_of_parts(depth, names):
    model = tied_model()
    norms = pm.parameter_norms(model, depth=depth)
    assert list(norms) == names
    assert_close(norms[names[-1]], by_hand(*(model["blocks"][1] if depth > 1 else model["blocks"]).parameters()))


@pytest.mark.parametrize("depth", [None, 1, 2, 3, 9])
def test_squares_of_norms_add_up(depth):
    model = tied_model()
    total = sum(norm.square() for norm in pm.parameter_norms(model, depth=depth).values())
    assert_close(total, pm.sum_squared_weights(model), rtol=1e-13)


def test_norms_are_differentiable_even_at_zero():
    layer = nn.Linear(2, 1)
    nn.init.constant_(layer.weight, 3.0)
    nn.init.zeros_(layer.bias)
    sum(pm.parameter_norms(layer).values()).backward()
    assert_close(layer.weight.grad, torch.full((1, 2), math.sqrt(0.5)), rtol=1e-6)
    assert layer.bias.grad.tolist() == [0.0]
    layer.zero_grad()
    nn.init.zeros_(layer.weight)
    pm.parameter_norms(nn.Sequential(layer), depth=1)["0"].backward()
    assert layer.weight.grad.tolist() == [[0.0, 0.0]]


def test_norms_in_float64():
    layer = nn.Linear(2, 1, bias=False)
    nn.init.constant_(layer.weight, 3e30)  # its square overflows float32
    assert pm.parameter_norms(layer)["weight"].item() == pytest.approx(3e30 * math.sqrt(2), rel=1e-6)
    assert pm.parameter_norms(nn.ReLU()) == {}


def test_norms_are_columns_of_a_trajectory():
    trajectory = pm.track([(0, tied_model())], lambda model: pm.parameter_norms(model, depth=1))
    assert set(trajectory.columns) == {"embed", "blocks"}


def test_a_complex_parameter_is_two_numbers():
    model = nn.ParameterDict({"w": nn.Parameter(torch.tensor([3 + 4j, 12j]))})
    assert pm.sum_squared_weights(model) == 169
    assert pm.parameter_norms(model)["w"] == 13


def test_state_dicts_have_the_numbers_of_their_models():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    model(torch.randn(5, 3))  # running means that are not zero
    assert_close(pm.sum_squared_weights(model.state_dict()), pm.sum_squared_weights(model), rtol=1e-14)
    norms = pm.parameter_norms(model)
    assert list(pm.parameter_norms(model.state_dict())) == list(norms)
    assert_close(pm.parameter_norms(model.state_dict(), depth=1)["0"], pm.parameter_norms(model, depth=1)["0"])
    assert pm.sum_squared_weights({}) == 0
    arrays = {name: value.numpy() for name, value in model.state_dict().items()}
    assert_close(pm.sum_squared_weights(arrays), pm.sum_squared_weights(model), rtol=1e-14)


def test_a_tensor_that_is_twice_in_a_state_dict_counts_once():
    model = tied_model()
    state = {name: value for name, value in model.state_dict().items() if name != "not_a_weight"}
    assert len(state) > len(pm.parameter_norms(model))
    assert_close(pm.sum_squared_weights(state), pm.sum_squared_weights(model), rtol=1e-14)
    assert list(pm.parameter_norms(state)) == list(pm.parameter_norms(model))
    with_buffer = pm.sum_squared_weights(model.state_dict())  # of which a state dict does not say that it is one
    assert_close(with_buffer, pm.sum_squared_weights(model) + 100, rtol=1e-14)


class Masked(nn.Module):
    """Attention with its masks, as several libraries keep them."""

    def __init__(self):
        super().__init__()
        self.out = nn.Linear(3, 3)
        self.register_buffer("IGNORE", torch.tensor(-torch.inf))
        self.register_buffer("bias", torch.ones(3, 3).tril()[None, None])
        self.register_buffer("added", nn.Transformer.generate_square_subsequent_mask(3))


def pruned():
    layer = nn.Linear(8, 4)
    for name in ("weight", "bias"):
        prune.l1_unstructured(layer, name, 0.5)
    return layer


@pytest.mark.filterwarnings("ignore:.*weight_norm")
@pytest.mark.parametrize(
    "build",
    [
        Masked,
        pruned,
        lambda: nn.utils.spectral_norm(nn.Linear(3, 4)),
        lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(3, 4)),
        lambda: nn.utils.weight_norm(nn.Linear(3, 4)),  # whose weight_v is a parameter
        lambda: nn.utils.parametrizations.weight_norm(nn.Linear(3, 4)),
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 3, enable_nested_tensor=False),
    ],
    ids=[
        "masks",
        "pruned",
        "former spectral_norm",
        "spectral_norm",
        "former weight_norm",
        "weight_norm",
        "copied layers",
    ],
)
def test_buffers_that_are_certain_are_left_out_of_a_state_dict(build):
    torch.manual_seed(0)
    model = nn.ModuleDict({"inner": build()})
    assert_close(pm.sum_squared_weights(model.state_dict()), pm.sum_squared_weights(model), rtol=1e-14)
    assert list(pm.parameter_norms(model.state_dict())) == list(pm.parameter_norms(model))


class Positions(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5, 4)
        self.register_buffer("pe", torch.full((6, 1, 4), 2.0))
        self.register_buffer("key_mask", torch.ones(3))


def test_entries_that_may_be_buffers_are_warned_of():
    model = nn.Sequential(Positions())
    message = (
        "`model` is a state dict, which does not say what is a buffer. By their names, these entries may be, and they "
        "count: '0.pe', '0.key_mask'. Pass dict(model.named_parameters()), or leave them out."
    )
    for function in (pm.sum_squared_weights, pm.parameter_norms):
        with pytest.warns(UserWarning, match=f"^{re.escape(message)}$") as caught:
            function(model.state_dict())
        assert [warning.filename for warning in caught] == [__file__]
    with pytest.warns(UserWarning, match="may be, and they count"):
        assert_close(pm.sum_squared_weights(model.state_dict()), pm.sum_squared_weights(model) + 4 * 24 + 3, rtol=1e-14)
    state = {name: value for name, value in model.state_dict().items() if name not in ("0.pe", "0.key_mask")}
    model[0].out_mask = nn.Parameter(torch.zeros(3))  # by its name, but it is none
    for remedy in (state, dict(model.named_parameters())):
        assert_close(pm.sum_squared_weights(remedy), pm.sum_squared_weights(model), rtol=1e-14)


@pytest.mark.parametrize("name", ["activation_post_process.min_val", "weight_fake_quant.scale", "rotary.inv_freq"])
def test_names_that_are_common_for_buffers(name):
    with pytest.warns(UserWarning, match=f"these entries may be, and they count: 'layer.{re.escape(name)}'"):
        assert pm.sum_squared_weights({f"layer.{name}": torch.full((2,), 2.0)}) == 8
    pm.sum_squared_weights({name.replace(".", "_") + "s": torch.ones(2)})


def test_a_shared_weight_in_copies_is_warned_of():
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 4), nn.Linear(4, 5, bias=False))
    model[2].weight = model[0].weight
    cloned = {name: value.clone() for name, value in model.state_dict().items()}
    message = (
        "`model` has the same numbers under several names, and counts each: '0.weight', '2.weight'. If they are one "
        "weight, which the model shares, leave out all names but one; if not, pass dict(model.named_parameters())."
    )
    for function in (pm.sum_squared_weights, pm.parameter_norms):
        with pytest.warns(UserWarning, match=f"^{re.escape(message)}$") as caught:
            function(cloned)
        assert [warning.filename for warning in caught] == [__file__]
    del cloned["2.weight"]
    assert_close(pm.sum_squared_weights(cloned), pm.sum_squared_weights(model), rtol=1e-14)
    model[2].weight = nn.Parameter(model[0].weight.detach().clone())  # another weight with the same numbers
    assert_close(pm.sum_squared_weights(dict(model.named_parameters())), pm.sum_squared_weights(model), rtol=1e-14)
    pm.sum_squared_weights({"a": torch.zeros(3, 3), "b": torch.zeros(3, 3), "c": torch.ones(9), "d": torch.ones(9)})
    nearly = torch.arange(9.0).view(3, 3)
    pm.sum_squared_weights({"a": nearly, "b": nearly + torch.tensor([0.0, 1.0, 0.0])})


@pytest.mark.parametrize("dtype", [torch.float32, torch.float8_e4m3fn])
def test_arrays_and_tensors_of_one_memory_count_once(dtype):
    x = torch.arange(6.0).view(2, 3).to(dtype)
    assert pm.sum_squared_weights({"a": x, "b": x.detach()}) == 55
    if dtype == torch.float32:
        assert pm.sum_squared_weights({"a": x.numpy(), "b": x.numpy(), "c": x}) == 55
        assert pm.sum_squared_weights({"a": x.T.numpy(), "b": x.T}) == 55
        assert pm.sum_squared_weights({"a": x.numpy(), "half": x.numpy()[:1]}) == 60


# ---------------------------------------------------------------------------------------------------------------------
# Weights that are not the numbers a model computes with

UNQUANTIZED = "Measure the model that it was quantized from, or pass a state dict of dequantized weights."
NONE = "must hold numbers. Got a tensor on the meta device, which has none."
LOAD = "Load its state dict into a model of the same kind that is not there, and measure that one."


def two_layers():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))


def refused(weights, error, message):
    for function in (pm.sum_squared_weights, pm.parameter_norms):
        with pytest.raises(error, match=f"^{re.escape(message)}$"):
            function(weights)


def quantized():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(two_layers(), {nn.Linear})


@pytest.mark.filterwarnings("ignore:.*TypedStorage", "ignore:torch.ao.quantization")
def test_weights_that_are_packed_away():
    model = quantized()
    message = f"must have its weights as parameters. Got {{}} with quantized ones packed away. {UNQUANTIZED}"
    refused(model, TypeError, "`0` " + message.format("Linear"))
    refused(model.state_dict(), TypeError, "`model` " + message.format("'0._packed_params.dtype'"))
    refused(model[1], TypeError, "`model` " + message.format("Linear"))
    remedy = {f"{n}.{x}": w for n in (0, 1) for x, w in (("w", model[n].weight().dequantize()), ("b", model[n].bias()))}
    assert_close(pm.sum_squared_weights(remedy), pm.sum_squared_weights(two_layers()), rtol=0.05)


@pytest.mark.filterwarnings("ignore:.*TypedStorage", "ignore:torch.ao.quantization")
def test_quantized_tensors():
    weight = quantized()[0].weight()
    message = "must be the numbers that are computed with. Got codes of them, qint8."
    refused({"w": weight}, TypeError, f"`w` {message} Put its .dequantize() there.")
    with pytest.raises(TypeError, match=f"^{re.escape(f'`x` {message} Pass its .dequantize().')}$"):
        pm.gini(weight)
    pm.gini(weight.dequantize())
    pm.sum_squared_weights({"w": weight.dequantize()})


class OfTorchao(torch.Tensor):
    """Says that it is of torchao."""


OfTorchao.__module__ = "torchao.quantization"


def test_tensors_of_torchao():
    model = two_layers()
    model[0].weight = nn.Parameter(model[0].weight.detach().as_subclass(OfTorchao))
    refused(
        model,
        TypeError,
        "`0.weight` must be the numbers that are computed with. Got codes of them, OfTorchao. Pass a state dict: "
        "{name: x.dequantize() if hasattr(x, 'dequantize') else x for name, x in model.named_parameters()}.",
    )


def codes(dtype, name="weight", **beside):
    """A layer with codes, as parameters or as a buffer, and what stands beside them."""
    layer = nn.Module()
    values = torch.ones(4, 3).to(dtype)
    layer.register_buffer(name, values) if name == "qweight" else layer.register_parameter(
        name, nn.Parameter(values, requires_grad=False)
    )
    for other, value in beside.items():
        layer.register_buffer(other, value)
    return nn.ModuleDict({"out": layer})


@pytest.mark.parametrize(
    ("dtype", "name", "scale"),
    [
        (torch.float8_e4m3fn, "weight", "weight_scale_inv"),
        (torch.float8_e5m2, "weight", "weight_scale"),
        (torch.int8, "weight", "SCB"),
        (torch.int8, "weight", "scale"),
        (torch.uint8, "W_q", "scale"),
        (torch.int32, "weight_packed", "weight_scale"),
        (torch.int32, "qweight", "scales"),
    ],
)
def test_codes_beside_a_scale(dtype, name, scale):
    model = codes(dtype, name, **{scale: torch.full((4, 1), 2.0)})
    message = (
        f"`out.{name}` must be the numbers that are computed with. Got codes of them, {dtype}, with the scale "
        f"`out.{scale}`. {UNQUANTIZED}"
    )
    refused(model, TypeError, message)
    refused(model.state_dict(), TypeError, message)
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        pm.weight(f"out.{name}").rows(model, pm.addition(4), "W")
    remedy = {"out.weight": model["out"].get_buffer(scale) * getattr(model["out"], name).float()}
    assert pm.sum_squared_weights(remedy) == 4 * 3 * 4


def test_integers_beside_a_learned_scale_are_no_codes():
    layer = nn.Linear(3, 4)
    layer.register_buffer("relative", torch.zeros(3, 3, dtype=torch.int32))
    layer.scale = nn.Parameter(torch.tensor(2.0))
    model = nn.ModuleDict({"out": layer})
    expected = layer.weight.double().square().sum() + layer.bias.double().square().sum() + 4
    assert_close(pm.sum_squared_weights(model), expected, rtol=1e-14)
    assert_close(pm.sum_squared_weights(model.state_dict()), expected, rtol=1e-14)


def test_quantized_layers_of_transformers():
    fp8 = pytest.importorskip("transformers.integrations.finegrained_fp8")
    model = nn.Sequential(fp8.FP8Linear(128, 128, block_size=(128, 128)))
    with pytest.raises(TypeError, match=r"^`0\.weight` must be the numbers .* with the scale `0\.weight_scale_inv`"):
        pm.sum_squared_weights(model)


def test_float8_without_a_scale_is_numbers():
    assert pm.sum_squared_weights(codes(torch.float8_e4m3fn)) == 12
    assert pm.sum_squared_weights(codes(torch.float8_e4m3fn).state_dict()) == 12


def test_parameters_of_integers():
    message = (
        "`out.weight` must be a parameter of floating-point numbers. Got torch.uint8. Pass a state dict: with "
        "dequantized weights if these are codes, and without them if these are indices."
    )
    refused(codes(torch.uint8), TypeError, message)
    refused(codes(torch.uint8).state_dict(), TypeError, message)
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        pm.weight("out.weight").rows(codes(torch.uint8), pm.addition(4), "W")
    assert pm.sum_squared_weights({"mask": torch.ones(3, 3, dtype=torch.uint8), "w": torch.ones(2)}) == 2


def test_codes_that_bitsandbytes_stores_as_floats():
    model = two_layers()
    model[0].weight.quant_state = object()
    refused(
        model,
        TypeError,
        f"`0.weight` must be the numbers that are computed with. Got codes of them, Parameter. {UNQUANTIZED}",
    )


def test_weights_without_numbers():
    refused(nn.Linear(2, 2, device="meta"), ValueError, f"`weight` {NONE} {LOAD}")
    state = {"w": torch.ones(2, device="meta")}
    refused(state, ValueError, f"`w` {NONE} Load its numbers first.")
    message = "`weight` must hold numbers. Got an uninitialized parameter. Run the model on a batch of inputs first."
    model = nn.LazyLinear(3)
    refused(model, ValueError, message)
    with pytest.raises(ValueError, match=f"^{re.escape(f'`x` {NONE} Load its numbers first.')}$"):
        pm.gini(torch.ones(3, device="meta"))
    with pytest.raises(ValueError, match=f"^{re.escape(f'`weight` {NONE} {LOAD}')}$"):
        pm.weight("weight").rows(nn.Linear(2, 4, device="meta"), pm.addition(4), "W")
    model(torch.ones(1, 2))
    pm.sum_squared_weights(model)


def test_placeholders_of_deepspeed():
    model = two_layers()
    model[0].weight = nn.Parameter(torch.empty(0))
    model[0].weight.ds_id = 0
    refused(
        model,
        ValueError,
        "`0.weight` must be a whole tensor. Got a placeholder of DeepSpeed's. Measure on every process inside of "
        "deepspeed.zero.GatheredParameters(model.parameters()).",
    )
    model[0].weight.data = torch.ones(4, 3)  # what is gathered
    pm.sum_squared_weights(model)


@pytest.mark.parametrize("where", ["cpu", "disk"])
def test_offloaded_weights(where, tmp_path):
    accelerate = pytest.importorskip("accelerate")
    from accelerate.utils.modeling import get_state_dict_offloaded_model

    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(8, 4), nn.Linear(4, 5, bias=False))
    model[3].weight = model[0].weight
    offloaded = copy.deepcopy(model)
    if where == "cpu":
        accelerate.cpu_offload(offloaded, execution_device=torch.device("cpu"))
    else:
        accelerate.disk_offload(offloaded, str(tmp_path), execution_device=torch.device("cpu"))
    remedy = (
        "It is offloaded: load accelerate.utils.modeling.get_state_dict_offloaded_model(model) into a model of the "
        "same kind that is not, and measure that one."
    )
    message = f"`0.weight` {NONE} {remedy}"
    refused(offloaded, ValueError, message)
    op, seen = pm.addition(5), []
    for weights in ({}, {"W_E": "0.weight"}):
        measure = pm.grokking_measures(None, op, [1], op.table < 2, weights=weights)
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            measure(offloaded)
    same = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(8, 4), nn.Linear(4, 5, bias=False))
    same[3].weight = same[0].weight
    same.load_state_dict(get_state_dict_offloaded_model(offloaded))
    assert pm.Recorder(measure, every=1)(0, same) == pm.Recorder(measure, every=1)(0, model)
    # Its tokens are not sent to the meta device.
    for each in (model, offloaded):
        seen.append(pm.Recorder({"logits": lambda model: pm.grid_logits(model, op)}).record(0, each))
        seen.append(pm.grid_logits(each, op).tolist())
    assert seen[:2] == seen[2:]


def test_weights_of_which_each_process_holds_a_part(tmp_path):
    torch.multiprocessing.spawn(answer, (str(tmp_path),), nprocs=2)
    part = "TypeError: `{}` must be a whole tensor. Got a DTensor, of which each process holds a part. {} "
    each = "Every process has to do so."
    state = (
        "Pass a state dict: {name: x.full_tensor() if hasattr(x, 'full_tensor') else x for name, x in "
        "model.named_parameters()}."
    )
    function = "Give a function: lambda model: model.get_parameter('0.weight').full_tensor()."
    wrapper = (
        "TypeError: `model` must have whole parameters. Got a FullyShardedDataParallel, of which each process holds a "
        "part. Measure on every process inside of FullyShardedDataParallel.summon_full_params(model, writeback=False)."
    )
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert found["tensors"] == found["norms"] == part.format("0.weight", state) + each
        assert found["state"] == part.format("0.weight", "Put its .full_tensor() there.") + each
        assert found["path"] == part.format("0.weight", function) + each
        assert found["one"] == part.format("x", "Pass its .full_tensor().") + each
        assert found["wrapper False"] == found["wrapper True"] == wrapper
        for remedy in ("remedy", "summoned False", "summoned True"):
            assert_close(found[remedy], found["whole"], rtol=1e-14)
        assert found["remedy of one"]
        for kind in ("tensors", "flat", "original"):  # and training goes on as if nothing had been measured
            unmeasured, measured = found[f"trained {kind}"]
            assert measured == unmeasured


@pytest.mark.parametrize("of", [nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm])
def test_of_weights_that_are_computed_the_parameters_count(of):
    layer = of(nn.Linear(3, 4))
    expected = sum(float(x.detach().double().square().sum()) for x in layer.parameters())
    assert pm.sum_squared_weights(layer).item() == pytest.approx(expected)
