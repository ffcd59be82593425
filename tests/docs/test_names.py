"""Names of this library and of TransformerLens in the table of docs/conventions.md exist."""

import re
from pathlib import Path

import pytest
import torch

import progress_measures as pm
from examples.modular_addition.bundled import MAINLINE, final
from tests.docs._pages import section

PAGE = (Path(__file__).parents[2] / "docs" / "conventions.md").read_text(encoding="utf-8")
ROWS = [
    [re.findall(r"`([^`]*)`", cell) for cell in line.strip("|").split(" | ")]
    for line in re.findall(r"^\|.*\|$", section(PAGE, "Names"), re.MULTILINE)[2:]
]
HERE = [code for row in ROWS for code in row[0]]
THERE = [code for row in ROWS for code in row[-1]]


def test_every_row_has_all_columns():
    assert {len(row) for row in ROWS} == {5}
    assert len(ROWS) >= 27


@pytest.mark.parametrize("code", HERE)
def test_names_of_this_library_exist(code):
    model, config = final(MAINLINE)
    if code.startswith('"'):  # the path of a submodule
        model.get_submodule(code.strip('"'))
        return
    known = {*pm.__all__, "model", "op", "n", "a", "b", "c"}
    (name, *attributes) = re.match(r"[\w.]+", code).group().split(".")
    assert name in known
    value = {"model": model, "op": config.op}.get(name)
    for attribute in attributes:
        assert hasattr(value, attribute)


def test_each_way_to_a_mask_of_training_pairs_is_right():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    n, pairs = 5, [(0, 3), (4, 4), (2, 0)]
    given = {
        "torch": torch, "n": n, "op": pm.addition(n),
        "is_train": [(a, b) in pairs for a in range(n) for b in range(n)],
    }  # fmt: skip
    ways = code.splitlines()
    assert len(ways) == 3
    for way in ways:
        rows = [[a, 0, b] for a, b in pairs] if "columns" in way else pairs
        names = given | {"rows": rows}
        exec(way, names)
        mask = names["train_mask"].view(n, n)
        assert [tuple(pair) for pair in mask.nonzero().tolist()] == sorted(pairs)


def test_names_of_transformer_lens_exist():
    bridge = pytest.importorskip("transformer_lens.model_bridge")
    from transformer_lens import utilities
    from transformer_lens.config import TransformerBridgeConfig

    config = TransformerBridgeConfig(
        n_layers=1, d_model=16, n_ctx=3, d_head=8, n_heads=2, d_mlp=32, d_vocab=8, act_fn="relu", seed=0
    )
    with torch.random.fork_rng():
        model = bridge.TransformerBridge.boot_native(config).eval()
    tokens = torch.tensor([[1, 2, 7], [0, 3, 7]])
    shapes = {  # of what the library calls by the name in the first column, for n = 7
        "model.W_E[:-1]": (7, 16),
        "(model.W_out[0] @ model.W_U[:, :-1]).T": (7, 32),
        "model(tokens)[:, -1, :-1]": (2, 7),
    }
    for code in THERE:
        if code.startswith("blocks."):
            assert code in model.run_with_cache(tokens)[1]
        elif code.startswith("lm_"):
            assert callable(getattr(utilities, code))
        elif code != "transformer_lens.utilities":
            value = eval(code.replace("…", "[]"), {"model": model, "tokens": tokens})
            if code in shapes:
                assert value.shape == shapes[code]
