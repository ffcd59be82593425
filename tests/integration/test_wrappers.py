"""Models as they come out of training: compiled, parallel, scripted, traced, and PyTorch's own fused modules."""

import shutil

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

import progress_measures as pm
from tests._traces import count_hooks

X = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
NO_COMPILER = pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
SPACE = pytest.mark.skipif(" " in torch.__file__, reason="PyTorch's inductor does not quote the path to its libraries")
BOTH = pytest.mark.parametrize("backend", ["eager", pytest.param("inductor", marks=[NO_COMPILER, SPACE])])


class Residual(nn.Module):
    """x -> unembed(x + mlp(x))."""

    def __init__(self):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
        self.unembed = nn.Linear(2, 1)

    def forward(self, x):
        return self.unembed(x + self.mlp(x))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Residual()


@pytest.fixture
def without_mlp(model):
    with torch.no_grad():
        return model.unembed(X)


def each_context(model, site):
    """``captured`` and ``ablated`` on one site."""
    return [pm.captured(model, site), pm.ablated(model, site, pm.zero_ablation())]


def refused(model, site, error, message):
    for context in each_context(model, site):
        with pytest.raises(error) as caught, context:
            pass
        assert str(caught.value) == message
    assert count_hooks(model) == 0


def silent(model, site, *inputs):
    """Both contexts say on leaving that the submodule at a site was never called."""
    for context in each_context(model, site):
        context.__enter__()
        with torch.no_grad():
            model(*inputs)
        with pytest.raises(RuntimeError) as caught:
            context.__exit__(None, None, None)
        assert str(caught.value) == (
            f"The submodule {site!r} must be called inside the context. It was not. "
            "Run the model there, not compiled, and name a submodule that its forward pass calls."
        )
    assert count_hooks(model) == 0


WRAPPERS = {
    "compile": lambda model, _: torch.compile(model, backend="eager"),
    "script": lambda model, _: torch.jit.script(model),
    "trace": lambda model, pairs: torch.jit.trace(model, pairs),
    "fx": lambda model, _: torch.fx.symbolic_trace(model),
    "data parallel": lambda model, _: nn.DataParallel(model),
}


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_grid_logits_takes_wrapped_models_and_their_modes(wrap):
    op = pm.addition(5)
    model = nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Dropout(0.5), nn.Linear(6, 5))
    expected = pm.grid_logits(model, op)
    wrapped = wrap(model.eval(), op.inputs).train()
    torch.testing.assert_close(pm.grid_logits(wrapped, op), expected)
    assert all(module.training for module in wrapped.modules())


# ---------------------------------------------------------------------------------------------------------------------
# torch.compile

COMPILED = (
    "`model` must not be compiled, because compiled code may leave out hooks. Got a compiled module. "
    "Pass the module as it was before torch.compile."
)


@pytest.fixture
def _fresh_compiler():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@BOTH
@pytest.mark.usefixtures("_fresh_compiler")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # inside the compiler
def test_compiled_code_leaves_out_hooks_and_is_refused(model, without_mlp, backend):
    compiled = torch.compile(model, backend=backend)
    with torch.set_grad_enabled(backend == "eager"):  # inductor would compile a backward pass, too, which takes seconds
        output = compiled(X)
        handle = model.mlp.register_forward_hook(lambda *_: torch.zeros(2, 2))
        # The reason: code that was compiled before a hook came does not run it.
        assert torch.equal(compiled(X), output)
    handle.remove()
    refused(compiled, "_orig_mod.mlp", TypeError, COMPILED)
    # The remedy: the module itself, which has the same parameters.
    with pm.ablated(model, "mlp", pm.zero_ablation()):
        torch.testing.assert_close(model(X), without_mlp)


@pytest.mark.usefixtures("_fresh_compiler")
def test_compiled_code_that_is_called_in_the_context_is_an_error(model):
    compiled = torch.compile(model, backend="eager")
    compiled(X)
    for context in each_context(model, "mlp"):
        context.__enter__()
        compiled(X)
        with pytest.raises(RuntimeError, match="Run the model there, not compiled"):
            context.__exit__(None, None, None)


@pytest.mark.usefixtures("_fresh_compiler")
@pytest.mark.filterwarnings("ignore:The .grad attribute")  # of the compiler itself, where hooks break its graph
def test_code_that_is_first_compiled_in_the_context_forgets_the_hook(model, without_mlp):
    output = model(X)
    compiled = torch.compile(model, backend="eager")
    with pm.ablated(model, "mlp", pm.zero_ablation()):
        torch.testing.assert_close(compiled(X), without_mlp)
    torch.testing.assert_close(compiled(X), output)


def test_compiled_submodules_are_refused(model):
    model.mlp = torch.compile(model.mlp, backend="eager")
    refused(model, "unembed", TypeError, COMPILED)
    model.mlp = model.mlp._orig_mod
    model.mlp.compile(backend="eager")
    refused(model, "unembed", TypeError, COMPILED)


# ---------------------------------------------------------------------------------------------------------------------
# torch.jit and torch.fx


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize(
    "convert", [torch.jit.script, lambda model: torch.jit.trace(model, X)], ids=["script", "trace"]
)
def test_scripted_and_traced_modules_are_refused(model, convert):
    message = (
        "`path` must not lead to a scripted or traced module, because its code leaves out hooks. "
        "Got {!r}, where {!r} is one. Pass the module as it was before torch.jit."
    )
    converted = convert(model)
    refused(converted, "mlp.0", TypeError, message.format("mlp.0", ""))
    refused(converted, "", TypeError, message.format("", ""))
    within = nn.Sequential(nn.Identity(), converted)
    refused(within, pm.input_of("1.mlp"), TypeError, message.format("1.mlp", "1"))
    # What lies around it can be hooked.
    with pm.captured(within, "0") as activations:
        within(X)
    assert torch.equal(activations["0"], X)


def test_graph_modules_can_be_hooked_where_they_call(model):
    graph = torch.fx.symbolic_trace(model)
    with pm.captured(model, "mlp.1") as expected, pm.captured(graph, "mlp.1") as activations:
        model(X)
        graph(X)
    assert torch.equal(activations["mlp.1"], expected["mlp.1"])
    # The graph calls what lies in it, but not the block itself.
    silent(graph, "mlp", X)


# ---------------------------------------------------------------------------------------------------------------------
# Parallel wrappers


@pytest.fixture
def _process_group(tmp_path):
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.usefixtures("_process_group")
def test_distributed_models_are_hooked_by_the_paths_that_they_have(model, without_mlp):
    wrapped = DistributedDataParallel(model)
    with pm.captured(wrapped, "module.mlp") as activations, pm.ablated(wrapped, "module.mlp", pm.zero_ablation()):
        output = wrapped(X)
    torch.testing.assert_close(output, without_mlp)
    torch.testing.assert_close(activations["module.mlp"], model.mlp(X))
    output.sum().backward()
    assert model.unembed.weight.grad.any()
    assert model.mlp[0].weight.grad is None
    op, of_pairs = pm.addition(5), nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(6, 5))
    assert torch.equal(pm.grid_logits(DistributedDataParallel(of_pairs), op), pm.grid_logits(of_pairs, op))
    refused(
        wrapped, "mlp", ValueError,
        "`path` must name a submodule of the model. Got 'mlp'. Did you mean 'module.mlp'?",
    )  # fmt: skip
    refused(
        model, "module.mlp.0", ValueError,
        "`path` must name a submodule of the model. Got 'module.mlp.0'. Did you mean 'mlp.0'?",
    )  # fmt: skip


def test_path_with_a_prefix_too_much_is_answered_without_it_before_similar_names():
    model = nn.ModuleDict({"mlp": nn.ReLU(), "module_mlp": nn.ReLU()})
    refused(
        model, "module.mlp", ValueError,
        "`path` must name a submodule of the model. Got 'module.mlp'. Did you mean 'mlp'?",
    )  # fmt: skip


def test_path_without_the_wrappers_prefix_is_answered_with_it_before_similar_names():
    wrapped = nn.Module()
    wrapped.module = nn.ModuleDict({"mlp": nn.ReLU(), "emb": nn.ReLU()})
    wrapped.mlps = nn.ReLU()
    refused(
        wrapped, "mlp", ValueError,
        "`path` must name a submodule of the model. Got 'mlp'. Did you mean 'module.mlp'?",
    )  # fmt: skip


def test_data_parallel_on_one_device_is_hooked(model, without_mlp):
    wrapped = nn.DataParallel(model)
    wrapped.device_ids = wrapped.device_ids[:1]
    assert torch.cuda.is_available() or wrapped.device_ids == []
    device = next(model.parameters()).device
    with pm.ablated(wrapped, "module.mlp", pm.zero_ablation()):
        torch.testing.assert_close(wrapped(X.to(device)), without_mlp.to(device))


def test_data_parallel_on_several_devices_is_refused(model):
    wrapped = nn.DataParallel(model)
    wrapped.device_ids = [0, 1]
    refused(
        wrapped, "module.mlp", ValueError,
        "`model` must run on one device at a time, because hooks would see the pieces of a batch in no order. "
        "Got DataParallel on 2. Pass its .module.",
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------------
# Activation checkpointing, which runs a part of the model once more for the gradient


def test_gradient_of_a_checkpointed_model_is_that_of_the_ablated_one_inside_the_context(model):
    def gradient(run):
        model.zero_grad()
        with pm.ablated(model, "mlp", lambda activation: activation**2):
            run(X).sum().backward()
        return model.mlp[0].weight.grad

    expected = gradient(model).clone()
    torch.testing.assert_close(gradient(lambda x: checkpoint(model, x, use_reentrant=False)), expected)


# ---------------------------------------------------------------------------------------------------------------------
# nn.TransformerEncoder, which has a fused path in evaluation mode without gradients

TOKENS = torch.randn(4, 3, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2).eval()


def events(model):
    with torch.no_grad(), torch.profiler.profile() as profile:
        model(TOKENS)
    return {event.name for event in profile.events()}


@pytest.mark.parametrize("make", [pm.output_of, pm.input_of])
@pytest.mark.parametrize("name", ["linear1", "linear2", "norm1", "norm2", "dropout", "dropout1", "dropout2"])
def test_hook_in_a_fused_encoder_makes_it_take_the_slow_path(encoder, make, name):
    assert "aten::_transformer_encoder_layer_fwd" in events(encoder)
    site = make(f"layers.0.{name}")
    with pm.captured(encoder, site) as activations, torch.no_grad():
        plain = encoder(TOKENS)
    with pm.ablated(encoder, site, pm.zero_ablation()), torch.no_grad():
        ablated = encoder(TOKENS)
    assert len(activations[site]) == 4
    assert (plain - ablated).abs().max() > 0.1
    with torch.no_grad():
        torch.testing.assert_close(encoder(TOKENS), plain)


def test_attention_of_an_encoder_is_a_pair(encoder):
    site = pm.output_of("layers.1.self_attn", 0)
    layer = encoder.layers[1]
    with torch.no_grad():
        middle = layer.norm1(encoder.layers[0](TOKENS))
        expected = layer.norm2(middle + layer.linear2(layer.linear1(middle).relu()))
        with pm.ablated(encoder, site, pm.zero_ablation()):
            torch.testing.assert_close(encoder(TOKENS), expected)
    with (
        pytest.raises(TypeError) as caught,
        pm.captured(encoder, "layers.1.self_attn"),
        torch.no_grad(),
    ):
        encoder(TOKENS)
    assert str(caught.value) == (
        "The submodule 'layers.1.self_attn' must return a tensor. Got tuple. "
        "Name one: output_of('layers.1.self_attn', 0)."
    )


def test_query_key_and_value_of_an_attention_are_its_inputs(encoder):
    with pm.captured(encoder, [pm.input_of("layers.0.self_attn", place) for place in range(3)]) as activations:
        encoder(TOKENS)
    assert all(torch.equal(activation, TOKENS) for activation in activations.values())


def test_weights_of_an_attention_are_an_output():
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    site = pm.output_of("", 1)
    with torch.no_grad(), pm.captured(attention, site) as activations:
        _, weights = attention(TOKENS, TOKENS, TOKENS)
    assert torch.equal(activations[site], weights)


def test_submodule_whose_parts_alone_are_called_is_an_error(encoder):
    silent(encoder, "layers", TOKENS)


@pytest.mark.parametrize("batch_size", [None, 10])
@pytest.mark.parametrize("context", [lambda m: pm.ablated(m, "0", pm.zero_ablation()), lambda m: pm.captured(m, "0")])
def test_compiled_models_are_no_predict_where_hooks_want_to_see(context, batch_size):
    # 25 pairs in tens: the last five would be compiled anew, with the hook, and the others not.
    torch.manual_seed(0)
    op, model = pm.addition(5), nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(8, 5))
    fast = torch.compile(model, backend="eager")
    whole = pm.grid_logits(fast, op, batch_size=batch_size)
    message = "^`predict` must not be compiled, because compiled code may leave out hooks"
    with pytest.raises(TypeError, match=message), context(model):
        pm.grid_logits(fast, op, batch_size=batch_size)
    assert torch.equal(pm.grid_logits(fast, op, batch_size=batch_size), whole)


def test_hooks_of_the_user_do_not_keep_compiled_models_from_being_measured():
    op, model = pm.addition(5), nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(8, 5))
    model[2].register_forward_hook(lambda _module, _args, output: 2 * output)
    fast = torch.compile(model, backend="eager")
    with torch.no_grad():
        expected = fast(op.inputs).reshape(5, 5, 5)
    assert torch.equal(pm.grid_logits(fast, op), expected)


def test_padded_inputs_of_an_encoder_are_refused_with_the_remedy():
    layers = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2).eval()
    x, padding = torch.randn(3, 4, 8), torch.tensor([[False, False, True, True]] * 3)
    refused = pytest.raises(TypeError, match="Make the encoder with enable_nested_tensor=False")
    warned = pytest.warns(UserWarning, match="nested tensors")
    with warned, torch.no_grad(), refused, pm.ablated(layers, "layers.0", pm.zero_ablation()):
        layers(x, src_key_padding_mask=padding)
