"""Heads of attention by name: each is ablated as a copy of the model is whose W_O does not read it."""

import copy
import pickle

import pytest
import torch
from torch import nn

import progress_measures as pm
from tests._asserts import assert_close

TOKENS = torch.tensor([[0, 1, 7], [2, 3, 7], [4, 5, 7], [6, 6, 7], [1, 0, 7]])
pytestmark = pytest.mark.filterwarnings("ignore:HookedTransformer is deprecated:DeprecationWarning")


class Encoder(nn.Module):
    """Two layers of PyTorch's encoder on tokens, whatever its layout."""

    def __init__(self, *, batch_first=True, **options):
        super().__init__()
        self.embed = nn.Embedding(8, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=batch_first, **options)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.batch_first = batch_first
        for parameter in self.parameters():  # biases of attention begin at zero, where they would hide mistakes
            nn.init.normal_(parameter, std=0.5)

    def forward(self, tokens):
        x = self.embed(tokens)
        return self.layers(x) if self.batch_first else self.layers(x.transpose(0, 1)).transpose(0, 1)


def encoder(**options):
    torch.manual_seed(0)
    model = Encoder(**options).eval()
    return model, TOKENS, lambda model, layer: model.layers.layers[layer].self_attn.out_proj.weight.T


def gpt2():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=8, n_positions=3, n_embd=8, n_layer=2, n_head=2, bos_token_id=7, eos_token_id=7
    )
    model = transformers.GPT2LMHeadModel(config).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    return model, TOKENS, lambda model, layer: model.transformer.h[layer].attn.c_proj.weight


def lens_options():
    names = {"n_layers": 2, "d_model": 8, "n_ctx": 3, "d_head": 4, "n_heads": 2, "d_mlp": 16, "d_vocab": 8}
    return names | {"act_fn": "relu", "seed": 0}


def hooked_transformer():
    lens = pytest.importorskip("transformer_lens")
    if not hasattr(lens, "HookedTransformer"):
        pytest.skip("TransformerLens 4 has no HookedTransformer")
    model = lens.HookedTransformer(lens.HookedTransformerConfig(**lens_options())).eval()
    nn.init.normal_(model.blocks[0].attn.b_V)
    return model, TOKENS, lambda model, layer: model.blocks[layer].attn.W_O.flatten(0, 1)


def bridge():
    config = pytest.importorskip("transformer_lens.config")
    bridges = pytest.importorskip("transformer_lens.model_bridge")
    if not hasattr(config, "TransformerBridgeConfig"):
        pytest.skip("TransformerLens 2 has no TransformerBridge")
    model = bridges.TransformerBridge.boot_native(config.TransformerBridgeConfig(**lens_options())).eval()
    return model, TOKENS, lambda model, layer: model.blocks[layer].attn.o._original_component.weight.T


def decoder():
    torch.manual_seed(0)
    model = nn.TransformerDecoderLayer(8, 2, 16, batch_first=True).eval()
    x = torch.randn(5, 3, 8)

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = model

        def forward(self, x):
            return self.layer(x, x.flip(0))

    return Both(), x, lambda both, layer: (both.layer.self_attn, both.layer.multihead_attn)[layer].out_proj.weight.T


def odd_attention(**options):
    """Attention by itself, with what PyTorch's options add to it."""
    torch.manual_seed(0)
    model = nn.MultiheadAttention(6, 3, **options).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)

    class Self(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = model

        def forward(self, x):
            key, value = (x if size == 6 else x[..., :size] for size in (self.attention.kdim, self.attention.vdim))
            return self.attention(x, key, value, need_weights=False)[0]

    return Self(), torch.randn(5, 3, 6), lambda model, _: model.attention.out_proj.weight.T


NAMES = [f"layer {layer} head {head}" for layer in (0, 1) for head in (0, 1)]
KINDS = {
    "encoder": (encoder, NAMES),
    "encoder, positions first": (lambda: encoder(batch_first=False), NAMES),
    "encoder, norm first": (lambda: encoder(norm_first=True), NAMES),
    "GPT-2": (gpt2, NAMES),
    "HookedTransformer": (hooked_transformer, NAMES),
    "TransformerBridge": (bridge, NAMES),
    "decoder": (
        decoder,
        [f"layer 0 {name} head {head}" for name in ("self_attn", "multihead_attn") for head in (0, 1)],
    ),
    "attention": (odd_attention, [f"layer 0 head {head}" for head in range(3)]),
    "attention with more": (
        lambda: odd_attention(add_bias_kv=True, add_zero_attn=True, kdim=4, vdim=5, batch_first=True),
        [f"layer 0 head {head}" for head in range(3)],
    ),
    "attention without bias": (lambda: odd_attention(bias=False), [f"layer 0 head {head}" for head in range(3)]),
}


def result(model, x):
    with torch.no_grad():
        output = model(x)
    return getattr(output, "logits", output)


def clean(model):
    return not [
        hook
        for module in model.modules()
        for hook in (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
        if getattr(hook, "__module__", "").startswith("progress_measures")
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_head_at_zero_is_one_that_w_o_does_not_read(kind):
    make, names = KINDS[kind]
    model, x, read = make()
    heads = pm.ablation.heads(model)
    assert [*heads] == names
    whole = result(model, x)
    per_layer = len(names) // len({name.rpartition(" head")[0] for name in names})
    for number, (name, head) in enumerate(heads.items()):
        other = copy.deepcopy(model)
        layer, which = divmod(number, per_layer)
        with torch.no_grad():
            rows = read(other, layer)
            width = len(rows) // per_layer
            rows[which * width : (which + 1) * width] = 0
        with pm.ablated(model, head, pm.zero_ablation()):
            without = result(model, x)
        assert_close(without, result(other, x), rtol=1e-5, atol=1e-5)
        assert (without - whole).abs().max() > 1e-3, name
    assert torch.equal(result(model, x), whole)
    assert clean(model)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_captured_and_put_back_changes_nothing(kind):
    make, _ = KINDS[kind]
    model, x, _ = make()
    heads = [*pm.ablation.heads(model).values()]
    whole = result(model, x)
    with pm.captured(model, heads) as activations:
        assert_close(result(model, x), whole, rtol=1e-5, atol=1e-5)
    with pm.ablated(model, {head: lambda _, x=activations[head]: x for head in heads}):
        assert_close(result(model, x), whole, rtol=1e-5, atol=1e-5)
    half = {head: pm.zero_ablation() for head in heads[:2]}  # of one layer, at once or one context in the other
    with pm.ablated(model, half):
        together = result(model, x)
    with pm.ablated(model, heads[1], pm.zero_ablation()), pm.ablated(model, heads[0], pm.zero_ablation()):
        assert_close(result(model, x), together, rtol=1e-6, atol=1e-6)


def by_hand(attention, x):
    """The outputs of the heads, ``(batch, position, head, d_head)``, from the definition of attention."""
    q, k, v = (
        (x @ weight.T + bias).unflatten(-1, (attention.num_heads, -1))
        for weight, bias in zip(attention.in_proj_weight.chunk(3), attention.in_proj_bias.chunk(3), strict=True)
    )
    pattern = torch.einsum("bqhd,bkhd->bhqk", q, k).div(q.shape[-1] ** 0.5).softmax(-1)
    return torch.einsum("bhqk,bkhd->bqhd", pattern, v)


@pytest.mark.parametrize("batch_first", [True, False])
def test_the_outputs_are_those_of_the_definition(batch_first):
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(6, 3, batch_first=batch_first).eval()
    nn.init.normal_(attention.in_proj_bias)
    x = torch.randn(5, 4, 6)
    heads = pm.ablation.heads(attention)
    given = x if batch_first else x.transpose(0, 1)
    expected = by_hand(attention, x)
    with pm.captured(attention, heads.values()) as activations, torch.no_grad():
        attention(given, given, given)
    for number, head in enumerate(heads.values()):
        found = activations[head] if batch_first else activations[head].transpose(0, 1)
        assert_close(found, expected[:, :, number], rtol=1e-5, atol=1e-6)

    mean = expected.clone()
    mean[:, :, 1] = expected[:, :, 1].mean(0)
    by_w_o = mean.flatten(2) @ attention.out_proj.weight.T + attention.out_proj.bias
    dim = None if batch_first else 1
    with torch.no_grad(), pm.ablated(attention, heads["layer 0 head 1"], pm.mean_ablation(dim=dim)):
        found, pattern = attention(given, given, given)
    assert_close(found if batch_first else found.transpose(0, 1), by_w_o, rtol=1e-5, atol=1e-6)
    assert pattern.shape == (5, 4, 4)


def test_the_axis_of_the_batch_is_that_of_the_attention():
    attention = nn.MultiheadAttention(6, 3).eval()
    x = torch.randn(4, 5, 6)
    with (
        pytest.raises(ValueError, match="from a module that has it along axis 1: pass dim=1"),
        pm.ablated(attention, pm.ablation.heads(attention)["layer 0 head 0"], pm.mean_ablation()),
    ):
        attention(x, x, x)
    assert clean(attention)


def test_one_sequence_without_a_batch():
    attention = nn.MultiheadAttention(6, 3, batch_first=True).eval()
    x = torch.randn(4, 6)
    head = pm.ablation.heads(attention)["layer 0 head 2"]
    with torch.no_grad(), pm.captured(attention, head) as activations:
        attention(x, x, x)
    assert_close(activations[head], by_hand(attention, x[None])[0, :, 2], rtol=1e-5, atol=1e-6)


def test_masks_dropout_and_gradients_go_on_as_before():
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(6, 3, dropout=0.5, batch_first=True).train()
    x, mask = torch.randn(5, 4, 6), nn.Transformer.generate_square_subsequent_mask(4)
    head = pm.ablation.heads(attention)["layer 0 head 0"]

    def gradient():
        torch.manual_seed(1)
        output, pattern = attention(x, x, x, attn_mask=mask)
        (found,) = torch.autograd.grad(output.square().sum(), attention.in_proj_weight)
        return output, pattern, found

    plain = gradient()
    with pm.ablated(attention, head, lambda x: x):
        same = gradient()
    for each, other in zip(same, plain, strict=True):
        assert_close(each, other, rtol=1e-5, atol=1e-5)
    with pm.ablated(attention, head, pm.zero_ablation()):
        _, _, without = gradient()
    assert not without[12:14].any()  # of the values of the first head, which nothing reads
    assert without[14:].any()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nothing_is_left_after_an_error(error):
    model, x, _ = encoder()
    whole = result(model, x)

    def fail(_):
        raise error

    head = pm.ablation.heads(model)["layer 1 head 0"]
    with pytest.raises(error), pm.ablated(model, head, fail):
        result(model, x)
    assert clean(model)
    assert not torch.overrides.has_torch_function((x,))  # no mode is left, which would be asked at every call
    assert torch.equal(result(model, x), whole)


def test_an_error_that_is_caught_inside_leaves_the_ablation_as_it_was():
    model, x, _ = encoder()
    head = pm.ablation.heads(model)["layer 0 head 0"]
    with pm.ablated(model, head, pm.zero_ablation()):
        without = result(model, x)
        with pytest.raises(AssertionError):
            model.layers.layers[0].self_attn(torch.zeros(2, 3, 8), torch.zeros(2, 3, 8), torch.zeros(2, 4, 8))
        assert torch.equal(result(model, x), without)
    assert not torch.overrides.has_torch_function((x,))


def test_a_copy_made_inside_of_the_context_is_whole_after_it():
    model, x, _ = encoder()
    whole = result(model, x)
    with pm.ablated(model, pm.ablation.heads(model)["layer 0 head 0"], pm.zero_ablation()):
        copied = copy.deepcopy(model)
        result(model, x)
    assert_close(result(copied, x), whole, rtol=1e-6, atol=1e-6)


def test_an_attention_of_ones_own_that_calls_out_proj():
    class Own(nn.MultiheadAttention):
        def forward(self, x):
            return self.out_proj(x)

    attention = Own(6, 3)
    x = torch.randn(5, 6)
    head = pm.ablation.heads(attention)["layer 0 head 0"]
    with pm.captured(attention, head) as activations:
        attention(x)
    assert torch.equal(activations[head], x[:, :2])


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_padding_that_makes_nested_tensors_says_so():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.TransformerEncoder(layer, 1).eval()
    padding = torch.tensor([[False, False, True], [False, False, False]])
    head = pm.ablation.heads(model)["layer 0 head 0"]
    with (
        torch.no_grad(),
        pytest.raises(TypeError, match="Make the encoder with enable_nested_tensor=False"),
        pm.ablated(model, head, pm.zero_ablation()),
    ):
        model(torch.randn(2, 3, 8), src_key_padding_mask=padding)
    assert clean(model)


def test_layers_in_a_list_are_layers():
    model = nn.ModuleList([nn.MultiheadAttention(4, 1), nn.MultiheadAttention(4, 1)])
    assert [*pm.ablation.heads(model)] == ["layer 0 head 0", "layer 1 head 0"]
    transformer = pm.ablation.heads(nn.Transformer(4, 2, 1, 1, 8, batch_first=True))
    assert [*transformer] == [
        *("layer 0 head 0", "layer 0 head 1", "layer 1 self_attn head 0", "layer 1 self_attn head 1"),
        *("layer 1 multihead_attn head 0", "layer 1 multihead_attn head 1"),
    ]


def test_a_head_is_a_value():
    head = pm.ablation.Head("attn.o", "input", head=1, width=2)
    assert head == pickle.loads(pickle.dumps(head)) != pm.ablation.Head("attn.o", "input", head=2, width=2)
    assert len({head, pm.ablation.Head("attn.o", "input", (), 1, 2), pm.input_of("attn.o")}) == 2
    assert repr(head) == "head 1 of input_of('attn.o')"
    model = nn.ModuleDict({"o": nn.Linear(4, 4)})
    model.forward = lambda x: model["o"](x)
    with pm.captured(model, pm.ablation.Head("o", "input", head=1, width=2)) as activations:
        model(torch.arange(4.0)[None])
    assert next(iter(activations.values())).tolist() == [[2.0, 3.0]]
