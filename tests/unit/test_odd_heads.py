"""Heads of attention that are not as most are: of other widths, inside of one another, or not there."""

import copy

import pytest
import torch
from torch import nn

import progress_measures as pm
from tests._asserts import assert_close, assert_raises


def bridge_of_deepseek():
    """Latent attention, whose values have a width of their own, 6; the configuration says 4."""
    transformers = pytest.importorskip("transformers")
    builder = pytest.importorskip("transformer_lens.model_bridge.sources._bridge_builder")
    torch.manual_seed(0)
    config = transformers.DeepseekV3Config(
        vocab_size=8, hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=8, q_lora_rank=8, kv_lora_rank=8, qk_nope_head_dim=8,
        qk_rope_head_dim=4, v_head_dim=6, n_routed_experts=4, n_group=1, topk_group=1, num_experts_per_tok=1,
        moe_intermediate_size=8, first_k_dense_replace=2, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    model = transformers.DeepseekV3ForCausalLM(config).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return builder.build_bridge_from_module(model, "DeepseekV3ForCausalLM", hf_config=config)


def test_a_bridge_whose_values_have_a_width_of_their_own():
    model, tokens = bridge_of_deepseek(), torch.tensor([[1, 2, 3], [4, 5, 6]])
    heads = pm.ablation.heads(model)
    assert [head.width for head in heads.values()] == [6] * 4
    for number, head in enumerate(heads.values()):
        layer, which = divmod(number, 2)
        weight = model.blocks[layer].attn.o.original_component.weight
        with torch.no_grad():
            with pm.ablated(model, head, pm.zero_ablation()):
                found = model(tokens)
            whole = weight.clone()
            weight[:, 6 * which : 6 * (which + 1)] = 0
            expected = model(tokens)
            weight.copy_(whole)
            assert (expected - model(tokens)).abs().max() > 1e-3
        assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_a_bridge_whose_heads_do_not_fill_what_w_o_reads():
    config = pytest.importorskip("transformer_lens.config")
    bridges = pytest.importorskip("transformer_lens.model_bridge")
    if not hasattr(config, "TransformerBridgeConfig"):
        pytest.skip("TransformerLens 2 has no TransformerBridge")
    names = {"n_layers": 1, "d_model": 8, "n_ctx": 3, "d_head": 4, "n_heads": 2, "d_mlp": 16, "d_vocab": 8}
    model = bridges.TransformerBridge.boot_native(config.TransformerBridgeConfig(**names, act_fn="relu", seed=0))
    model.blocks[0].attn.original_component.head_dim = 3
    message = (
        "`model` must have heads of one width in each layer. Got 8 features at 'blocks.0.attn', whose heads are 3 "
        "wide. Name each head yourself: pm.ablation.Head('blocks.0.attn.o.hook_in', head=2, width=64)."
    )
    assert_raises(lambda: pm.ablation.heads(model), ValueError, message)


class Both(nn.MultiheadAttention):
    """An attention with another one inside."""

    def __init__(self):
        super().__init__(8, 2, batch_first=True)
        self.inner = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        return super().forward(x + self.inner(x, x, x)[0], x, x)[0]


def test_an_attention_inside_of_another_is_left_alone():
    torch.manual_seed(0)
    model, x = Both().eval(), torch.randn(3, 5, 8)
    heads = pm.ablation.heads(model)
    assert [*heads] == [
        *("layer 0 head 0", "layer 0 head 1"),
        *("layer 0 inner head 0", "layer 0 inner head 1"),
    ]
    for head in heads.values():
        other = copy.deepcopy(model)
        with torch.no_grad():
            other.get_submodule(head.path).weight[:, 4 * head.head : 4 * (head.head + 1)] = 0
            with pm.ablated(model, head, pm.zero_ablation()):
                found = model(x)
            assert_close(found, other(x), rtol=1e-5, atol=1e-6)
            assert (found - model(x)).abs().max() > 1e-3


def identity(x):
    return x


@pytest.mark.parametrize(
    ("head", "width", "message"),
    [
        (2, 4, "`head` must be below the number of heads of input_of('o') (2). Got 2 for shape (3, 8)."),
        (1, 5, "`width` must divide the features of input_of('o'). Got 5 for shape (3, 8)."),
        (8, None, "`head` must be below the number of heads of input_of('o') (3). Got 8 for shape (3, 8)."),
    ],
)
@pytest.mark.parametrize("context", [pm.captured, lambda model, head: pm.ablated(model, head, identity)])
def test_a_head_that_is_not_there(context, head, width, message):
    model = nn.Sequential()
    model.add_module("o", nn.Linear(8, 8))

    def mistake():
        with context(model, pm.ablation.Head("o", "input", head=head, width=width)):
            model(torch.randn(3, 8))

    assert_raises(mistake, ValueError, message)
