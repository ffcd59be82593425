"""The table of what measures are with each of several components ablated."""

import pandas as pd
import pytest
import torch
from torch import nn

import progress_measures as pm
from tests._asserts import assert_close

X = torch.randn(9, 3, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    """Two layers, dropout, a buffer that counts calls, and a mode."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 2)
        self.dropout = nn.Dropout(0.5)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        return self.second(self.dropout(self.first(x).relu()))


def network():
    torch.manual_seed(0)
    return Net()


def numbers(model):
    output = model(X)
    return {"size": output.square().mean(), "largest": float(output.max()), "per output": output.mean(0)}


def by_hand(model, path=None):
    handle = path and model.get_submodule(path).register_forward_hook(lambda _module, _args, output: 0 * output)
    model.eval()
    with torch.no_grad():
        found = numbers(model)
    model.train()
    if handle:
        handle.remove()
    return [float(found["size"]), found["largest"], *found["per output"].tolist()]


def test_each_row_is_the_measure_inside_of_ablated():
    model = network()
    effects = pm.ablation.ablation_effects(model, ["first", "second"], pm.zero_ablation(), numbers)
    assert [*effects] == ["first", "second"]
    assert [*effects.intact] == ["size", "largest", "per output/1", "per output/2"]
    assert_close(torch.tensor([*effects.intact.values()]), torch.tensor(by_hand(model)))
    for path in effects:
        assert_close(torch.tensor([*effects[path].values()]), torch.tensor(by_hand(model, path)))
        for name, difference in effects.differences[path].items():
            assert difference == effects[path][name] - effects.intact[name]


def state(model):
    hooks = [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()]
    modes = [module.training for module in model.modules()]
    return hooks, modes, float(model.calls), torch.get_rng_state().tolist(), torch.is_grad_enabled()


@pytest.mark.parametrize("error", [None, ValueError("no")])
def test_the_model_is_left_as_it_was(error):
    model = network()
    model.first.eval()
    before = state(model)
    calls = []

    def measure(model):
        assert not model.training
        assert not torch.is_grad_enabled()
        torch.rand(())
        calls.append(numbers(model))
        if error and len(calls) == 3:
            raise error
        return calls[-1]

    if error:
        with pytest.raises(ValueError, match="no") as caught:
            pm.ablation.ablation_effects(model, ["first", "second"], pm.zero_ablation(), measure)
        assert caught.value.__notes__ == ["This was with 'second' ablated."]
    else:
        pm.ablation.ablation_effects(model, ["first", "second"], pm.zero_ablation(), measure)
    assert state(model) == before


def test_names_of_ones_own_and_several_at_once():
    model = network()
    sites = {"hidden": "first", "both": ["first", pm.output_of("second")]}
    effects = pm.ablation.ablation_effects(model, sites, pm.zero_ablation(), {"size": lambda model: model(X).norm()})
    assert [*effects] == ["hidden", "both"]
    assert effects["both"] == {"size": 0.0}
    assert_close(effects["hidden"]["size"], model.second.bias.expand(9, 2).norm(), rtol=1e-6)


def test_heads_of_an_encoder_and_the_measures_of_grokking():
    torch.manual_seed(0)
    op = pm.addition(5)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.Sequential(nn.Embedding(5, 8), layer, nn.Flatten(), nn.Linear(16, 5)).eval()
    measures = pm.grokking_measures(None, op, [1], op.table < 3)
    names = []
    effects = pm.ablation.ablation_effects(
        model,
        pm.ablation.heads(model),
        pm.zero_ablation(),
        measures,
        progress=lambda items: names.extend(items) or items,
    )
    assert names == [*effects] == ["layer 0 head 0", "layer 0 head 1"]
    for name in effects:
        with torch.no_grad():
            weight = layer.self_attn.out_proj.weight.clone()
            head = int(name[-1])
            layer.self_attn.out_proj.weight[:, 4 * head : 4 * head + 4] = 0
            expected = pm.cross_entropy(pm.grid_logits(model, op), op, mask=op.table < 3)
            layer.self_attn.out_proj.weight.copy_(weight)
        assert_close(effects[name]["train_loss"], expected, rtol=1e-5)
    assert effects["layer 0 head 0"]["train_loss"] != effects.intact["train_loss"]
    assert len(str(effects).splitlines()) == 5
    assert str(effects).endswith("more measures: dict(effects) has all of them")
    assert len(repr(effects)) < 200


EFFECTS = pm.ablation.AblationEffects(
    {"loss": 0.5, "accuracy": 1.0},
    {"<mlp>": {"loss": 4.5, "accuracy": 0.25}, "attn": {"loss": 0.75, "accuracy": 1.0}},
)


def test_the_table_as_text_html_dictionary_and_frame():
    assert str(EFFECTS).splitlines() == [
        "                  loss  change  accuracy  change",
        "without ablation   0.5                 1",
        "<mlp>              4.5      +4      0.25   -0.75",
        "attn              0.75   +0.25         1      +0",
    ]
    assert repr(EFFECTS) == "AblationEffects(2 ablated: <mlp>, attn; loss, accuracy)"
    html = EFFECTS._repr_html_()
    assert html.count("<tr>") == 4
    assert '<th scope="row">&lt;mlp&gt;</th><td>4.5</td><td>+4</td>' in html
    assert dict(EFFECTS) == {"<mlp>": {"loss": 4.5, "accuracy": 0.25}, "attn": {"loss": 0.75, "accuracy": 1.0}}
    frame = pd.DataFrame(dict(EFFECTS)).T
    assert frame.loc["<mlp>", "loss"] == 4.5
    assert pd.DataFrame(EFFECTS.differences).T.loc["attn"].tolist() == [0.25, 0.0]


def test_measures_that_do_not_run_the_model():
    with pytest.raises(RuntimeError, match="The submodule 'first' must be called inside the context") as caught:
        pm.ablation.ablation_effects(network(), "first", pm.zero_ablation(), lambda _: {"one": 1})
    assert caught.value.__notes__ == ["This was with 'first' ablated."]


def test_measures_that_change_their_names():
    def measure(model):
        return {"a": 1.0} if model(X)[:, 0].any() else {"b": 1.0}

    with pytest.raises(ValueError, match="`measures` must return the same") as caught:
        pm.ablation.ablation_effects(network(), "second", pm.zero_ablation(), measure)
    assert str(caught.value) == (
        "`measures` must return the same names and shapes with 'second' ablated. Got a difference in 'a', 'b'."
    )
