"""Every recipe of docs/models.md is run as it stands there; its numbers are computed again without the library."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import progress_measures as pm
from tests._asserts import assert_close

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
CODE = {
    section.partition("\n")[0]: "\n\n\n".join(blocks)
    for section in re.split(r"\n##+ ", PAGE)
    if (blocks := re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL))
}
# What is imported, and of the package the name without which there is nothing to test.
NEEDS = {
    "transformers": "GPT2LMHeadModel",
    "transformer_lens": "HookedTransformer",
    "transformer_lens.model_bridge": "TransformerBridge",
    "jax": "jit",
    "safetensors.torch": "load_file",
}
pytestmark = pytest.mark.filterwarnings("ignore:HookedTransformer is deprecated:DeprecationWarning")


def run(heading, cwd, monkeypatch):
    """The names that a recipe leaves behind."""
    monkeypatch.chdir(cwd)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for package, name in NEEDS.items():
        if re.search(rf"^(from|import) {re.escape(package)}( |$)", CODE[heading], flags=re.MULTILINE):
            try:
                getattr(importlib.import_module(package), name)
            except (ImportError, AttributeError) as error:
                pytest.skip(f"needs {name} of {package.partition('.')[0]}: {error}")
    names = {}
    with torch.random.fork_rng():
        exec(compile(CODE[heading], f"docs/models.md, {heading}", "exec"), names)
    return names


def with_code(text):
    """The heading of the recipe whose code has a text."""
    found = [heading for heading, code in CODE.items() if text in code]
    assert found, f"no recipe has {text!r}: what it says would not be checked"
    return found[0]


def zeroed(*index):
    """A plain hook that sets a part of a tensor to zero."""

    def hook(_module, _inputs, output):
        output = output.clone()
        output[index] = 0
        return output

    return hook


def first_is_zero(_module, _inputs, output):
    return (torch.zeros_like(output[0]), *output[1:])


def half_of_h_is_zero(_module, _inputs, output):
    out, (h, c) = output
    return out, (torch.cat([torch.zeros_like(h[..., :8]), h[..., 8:]], -1), c)


# By what only its code has: which variable is the module, which submodule the recipe ablates, and the same by a hook of
# PyTorch's own.
HOOKS = {
    "bundled.final(": ("predict", "blocks.0.attn.heads", zeroed(slice(None), 2)),
    "nn.TransformerEncoder(": ("predict", "layers.layers.1.self_attn", first_is_zero),
    "nn.LSTM(": ("predict", "lstm", half_of_h_is_zero),
    "GPT2LMHeadModel(": ("model", "transformer.h.0.attn", first_is_zero),
    "HookedTransformer(": ("model", "blocks.0.attn.hook_z", zeroed(slice(None), slice(None), 1)),
    "TransformerBridge.": ("model", "blocks.0.mlp", zeroed(...)),
}
ANSWERS = {
    "addition": lambda a, b, n: (a + b) % n,
    "multiplication": lambda a, b, n: a * b % (n + 1),
    "subtraction": lambda a, b, n: (a - b) % n,
    "division": lambda a, b, n: a * pow(b, -1, n + 1) % (n + 1),
}
RECIPES = [heading for heading, code in CODE.items() if "loss = pm.cross_entropy(" in code]
TRAINED = [heading for heading, code in CODE.items() if "optimizer.step()" in code]  # each has a test of its own below
OTHERS = [
    heading
    for heading, code in CODE.items()
    if heading not in (*RECIPES, *TRAINED) and "checkpoint.safetensors" not in code
]


def by_hand(predict, op, answer):
    """Logits of the elements, pair after pair, and their loss; of a large grid the pairs of each a go together."""
    if isinstance(predict, nn.Module):
        predict.eval()
    elements = op.elements.tolist()
    rows, targets = [], []
    for a in elements:
        for seconds in [elements] if op.n > 10 else [[b] for b in elements]:
            with torch.no_grad():
                logits = predict(torch.tensor([[a, b] for b in seconds]))
            rows += [[row[token] for token in elements] for row in logits.tolist()]
            targets += [elements.index(answer(a, b, op.n)) for b in seconds]
    rows = torch.tensor(rows, dtype=torch.float64)
    return rows, cross_entropy(rows, torch.tensor(targets))


@pytest.mark.parametrize("heading", OTHERS)
def test_other_code_runs(heading, tmp_path, monkeypatch):
    assert run(heading, tmp_path, monkeypatch)


@pytest.mark.parametrize("heading", RECIPES)
def test_recipe_gives_what_the_model_gives_pair_by_pair(heading, tmp_path, monkeypatch):
    names = run(heading, tmp_path, monkeypatch)
    op, logits, predict = names["op"], names["logits"], names["predict"]
    answer = ANSWERS[re.search(r"pm\.(\w+)\(", CODE[heading])[1]]
    rows, loss = by_hand(predict, op, answer)
    # Sums over one pair and over many are rounded differently, by some 1e-7 of what is summed.
    assert logits.shape == (op.n, op.n, op.n)
    assert_close(logits.flatten(0, 1), rows, rtol=1e-5, atol=1e-5 * float(rows.abs().max()))
    assert_close(names["loss"], loss, rtol=1e-3 if loss < 1e-6 else 1e-6)

    for module, path, hook in [hook for text, hook in HOOKS.items() if text in CODE[heading]]:
        handle = names[module].get_submodule(path).register_forward_hook(hook)
        _, without = by_hand(predict, op, answer)
        handle.remove()
        assert_close(names["without"], without, rtol=1e-6)
        assert abs(float(without - loss)) > 1e-5
    modules = [module for value in names.values() if isinstance(value, nn.Module) for module in value.modules()]
    # Other libraries have hooks of their own.
    left = [
        hook for module in modules for hook in (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
    ]
    assert not [hook for hook in left if getattr(hook, "__module__", "").startswith("progress_measures")]


def test_neurons_of_the_mlp_are_those_of_each_pair(tmp_path, monkeypatch):
    names = run(with_code("nn.functional.one_hot("), tmp_path, monkeypatch)
    first, op = names["mlp"][0], names["op"]
    with torch.no_grad():
        expected = [
            (first.weight[:, a] + first.weight[:, 7 + b] + first.bias).relu()
            for a in op.elements.tolist()
            for b in op.elements.tolist()
        ]
    assert_close(names["activations"]["1"], torch.stack(expected), rtol=1e-5, atol=1e-6)
    assert names["share"].shape == (32, 3)


def test_squared_error_is_that_of_the_training_loop(tmp_path, monkeypatch):
    names = run(with_code('loss="mse"'), tmp_path, monkeypatch)
    with torch.no_grad():
        outputs = names["predict"](names["inputs"])
    expected = nn.functional.mse_loss(outputs, nn.functional.one_hot(names["answers"], 7).float())
    assert_close(names["measured"].train_loss, expected, rtol=1e-5)
    op, rows = names["op"], names["logits"].double()
    means = torch.stack([rows[op.table == s].mean(0) for s in range(7)])
    rest = (rows - (means - means.mean(0))[op.table])[names["train_mask"]]  # without any function of the answer
    assert_close(
        names["measured"].excluded_loss,
        nn.functional.mse_loss(rest, nn.functional.one_hot(names["answers"], 7).double()),
        rtol=1e-6,
    )
    assert names["measured"].excluded_loss > 10 * names["measured"].train_loss


def test_parity_is_found_among_all_subsets_of_bits(tmp_path, monkeypatch):
    names = run(with_code("input_spectrum("), tmp_path, monkeypatch)
    mlp, (bits, answers), op = names["mlp"], names["data"].tensors, names["op"]
    distinct, index = bits.unique(dim=0, return_inverse=True)
    first = torch.tensor([int((index == i).nonzero()[0]) for i in range(len(distinct))])
    with torch.no_grad():
        outputs = mlp(bits[first].float())[:, 0].double()
    expected = nn.functional.binary_cross_entropy_with_logits(outputs, answers[first].double())
    assert_close(names["measured"].train_loss, expected, rtol=1e-4)
    assert names["measured"].test_accuracy == 1
    assert op.label(names["largest"]) == "bits 1 and 4"
    with torch.no_grad():
        every = mlp(op.inputs.float())[:, 0].double()
    signs = (1 - 2 * op.inputs[:, [1, 4]]).prod(1).double()
    correlation = (every * signs).mean() / every.std(correction=0)
    assert_close(names["spectrum"].max(), correlation.square(), rtol=1e-4)
    rest = every - signs * (every * signs).mean()
    without = nn.functional.binary_cross_entropy_with_logits(rest, op.table.flatten().double())
    assert_close(names["without"], without, rtol=1e-5)


def test_the_hinge_loss_of_signs(tmp_path, monkeypatch):
    names = run(with_code("def hinge("), tmp_path, monkeypatch)
    mlp, signs, targets = names["mlp"], names["signs"], names["targets"]
    first = torch.tensor([int((signs == row).all(1).nonzero()[0]) for row in signs.unique(dim=0)])
    with torch.no_grad():
        outputs = mlp(signs[first])[:, 0].double()
    expected = (1 - targets[first] * outputs).relu().mean()
    assert_close(names["measured"].train_loss, expected, rtol=1e-5)
    assert names["measured"].test_accuracy == 1
    squares = lambda logits, answers: (logits[:, 0] - logits[:, 1] - (1 - 2 * answers)).square()  # noqa: E731, the page's
    measured = pm.measure(names["logits"], names["op"], [1], train_mask=names["train_mask"], loss=squares)
    assert_close(measured.train_loss, (outputs - targets[first]).square().mean(), rtol=1e-5)


def test_each_of_several_tasks_is_measured_as_alone(tmp_path, monkeypatch):
    names = run(with_code("train_masks"), tmp_path, monkeypatch)
    functions = {7: lambda a, b: a + b, 8: lambda a, b: a - b, 9: lambda a, b: a * a + b * b}
    for task, function in functions.items():
        rows = torch.tensor([[a, task, b] for a in range(7) for b in range(7)])
        answers = torch.tensor([function(a, b) % 7 for a, _, b in rows.tolist()])
        with torch.no_grad():
            losses = cross_entropy(names["model"](rows).double(), answers, reduction="none")
        train = names["train_masks"][task].flatten()
        assert_close(names["measured"][task].train_loss, losses[train].mean(), rtol=1e-4)
        assert_close(names["measured"][task].test_loss, losses[~train].mean(), rtol=1e-4)


def test_offsets_axes_and_transposed_embeddings(tmp_path, monkeypatch):
    names = run(with_code("op.mask(data, columns=[0, 2])"), tmp_path, monkeypatch)
    model, rows = names["model"], names["rows"]
    with torch.no_grad():
        outputs = model(rows)[:, 3:].double()
    sums = (rows[0] - 3 + rows[2] - 3) % 7
    assert_close(names["measured"].train_loss, cross_entropy(outputs, sums), rtol=1e-4)
    assert_close(names["power"], pm.spectrum(model.W_E.detach().T[3:], pm.addition(7)), rtol=1e-6)


def test_sites_of_the_page_are_replaced_as_it_says(tmp_path, monkeypatch):
    names = run(with_code("nn.MultiheadAttention("), tmp_path, monkeypatch)
    attention, x = names["attention"], names["x"]
    value = x.clone()
    value[:, -1] = 0
    expected, pattern = attention(x, x, value)
    expected = expected.clone()
    expected[..., [3, 5]] = expected[..., [3, 5]].mean(0)
    torch.testing.assert_close(names["output"], expected)
    assert torch.equal(names["pattern"], pattern)
    assert names["first_half"](x).shape == x.shape


def test_all_extras_are_listed_with_what_they_install():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = {}
    for names, packages, use in re.findall(
        r"^\| (`.*?) \| (.*) ?\| (.+) \|$", PAGE.split("\n## Extras\n")[1], re.MULTILINE
    ):
        assert use
        for name in re.findall(r"`(\w+)`", names):
            listed[name] = {package.replace("the extra ", "").strip("` ") for package in packages.split(", ")} - {""}
    assert listed.keys() == project["optional-dependencies"].keys()
    for name, requirements in project["optional-dependencies"].items():
        extras = [extra for found in requirements for extra in re.findall(r"^progress_measures\[(.*)\]", found)]
        packages = {re.match(r"[\w-]+", found)[0] for found in requirements} - {"progress_measures"}
        assert listed[name] in ({*packages, *extras}, set())
    assert {name for name, packages in listed.items() if not packages} == {"dev", "docs", "mutation"}


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_checkpoints_of_wrapped_models_are_loaded(prefix, tmp_path, monkeypatch):
    save_file = pytest.importorskip("safetensors.torch").save_file
    trained = nn.Sequential(nn.Embedding(7, 8), nn.Flatten(), nn.Linear(16, 7))
    wrapped = trained
    for mark in reversed(re.findall(r"\w+", prefix)):
        wrapped = torch.compile(wrapped, backend="eager") if mark == "_orig_mod" else nn.DataParallel(wrapped)
    state = wrapped.state_dict()
    assert list(state) == [f"{prefix}0.weight", f"{prefix}2.weight", f"{prefix}2.bias"]
    save_file(state, tmp_path / "checkpoint.safetensors")
    names = run(with_code("checkpoint.safetensors"), tmp_path, monkeypatch)
    pairs = pm.addition(7).inputs
    assert torch.equal(names["model"](pairs), trained(pairs))


def test_entries_of_a_model_output_are_sites():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=8, n_positions=3, n_embd=8, n_layer=1, n_head=2, bos_token_id=7, eos_token_id=7
    )
    model = transformers.GPT2LMHeadModel(config).eval()
    tokens = torch.tensor([[1, 2, 7]])
    hidden = pm.output_of("transformer", "last_hidden_state")
    last_layer = pm.output_of("transformer", "hidden_states", -1)
    with torch.no_grad(), pm.captured(model, [hidden, last_layer]) as activations, pm.ablated(model, hidden, torch.neg):
        output = model(tokens, output_hidden_states=True)
    assert torch.equal(activations[hidden], activations[last_layer])
    # The head reads the entry, by its name and by its place.
    assert_close(output.logits, -activations[hidden] @ model.lm_head.weight.T, rtol=1e-5, atol=1e-6)
    assert torch.equal(output.hidden_states[-1], activations[hidden])

    with torch.no_grad(), pm.ablated(model, pm.output_of("", "logits"), torch.neg):
        negative = model(tokens)
    assert type(negative) is type(output)
    with torch.no_grad():
        plain = model(tokens)
    for read in (negative.logits, negative["logits"], negative[0]):
        assert torch.equal(read, -plain.logits)
    with pytest.raises(TypeError) as caught, pm.captured(model, "transformer.h.0.attn"):
        model(tokens)
    assert str(caught.value) == (
        "The submodule 'transformer.h.0.attn' must return a tensor. Got tuple. "
        "Name one: output_of('transformer.h.0.attn', 0)."
    )
