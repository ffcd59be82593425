"""Agreement with independent data: the authors' checkpoint and the paper's curves."""

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest
import torch

import progress_measures as pm
from tests._asserts import assert_close

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
SPLITS = ["train", "test", "all"]

pytestmark = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference data are not beside this checkout")


@pytest.fixture(scope="module")
def expected():
    return json.loads((REFERENCE / "authors_wd01.json").read_text())


@pytest.fixture(scope="module")
def weights():
    with np.load(REFERENCE / "authors_wd01.npz", allow_pickle=False) as arrays:
        return {name: torch.as_tensor(array).double() for name, array in arrays.items()}


@pytest.fixture(scope="module")
def op():
    return pm.addition(113)


@pytest.fixture(scope="module")
def forward(weights, op):
    """Logits and activations of the MLP on the grid, in float64."""
    w = {name.removeprefix("blocks.0."): array for name, array in weights.items()}
    neurons = []

    def predict(pairs):
        tokens = torch.cat([pairs, torch.full((len(pairs), 1), 113)], dim=1)
        x = w["embed.W_E"].T[tokens] + w["pos_embed.W_pos"]
        query = torch.einsum("hed,bd->bhe", w["attn.W_Q"], x[:, -1])
        key, value = (torch.einsum("hed,bpd->bhpe", w[f"attn.W_{name}"], x) for name in "KV")
        pattern = (torch.einsum("bhe,bhpe->bhp", query, key) / math.sqrt(32)).softmax(-1)
        middle = x[:, -1] + torch.einsum("bhp,bhpe->bhe", pattern, value).flatten(1) @ w["attn.W_O"].T
        neurons.append((middle @ w["mlp.W_in"].T + w["mlp.b_in"]).relu())
        return (middle + neurons[-1] @ w["mlp.W_out"].T + w["mlp.b_out"]) @ w["unembed.W_U"]

    logits = pm.grid_logits(predict, op, batch_size=4000)
    return logits, torch.cat(neurons)


@pytest.fixture(scope="module")
def logits(forward):
    return forward[0]


@pytest.fixture(scope="module")
def masks(op):
    order = list(range(op.n**2))
    random.Random(1).shuffle(order)
    train = torch.zeros(op.n**2, dtype=torch.bool)
    train[order[: int(0.3 * op.n**2)]] = True
    train = train.view(op.n, op.n)
    return {"train": train, "test": ~train, "all": None}


@pytest.mark.parametrize("split", SPLITS)
def test_losses_and_accuracies(logits, op, masks, expected, split):
    mask, main = masks[split], expected["main"]
    keys = main["freqs"]
    assert_close(pm.cross_entropy(logits, op, mask=mask), expected["loss"][split], rtol=1e-6)
    assert_close(pm.accuracy(logits, op, mask=mask), expected["accuracy"][split], rtol=1e-6)
    assert_close(pm.restricted_loss(logits, op, keys, mask=mask), main["restricted_loss"][split], rtol=1e-6)
    assert_close(pm.excluded_loss(logits, op, keys, mask=mask), main["excluded_loss_2D_full"][split], rtol=1e-6)
    aligned = pm.excluded_loss(logits, op, keys, mask=mask, terms="aligned")
    assert_close(aligned, main["excluded_loss_3D_full"][split], rtol=1e-6)
    restricted, excluded = pm.restrict(logits, op, keys), pm.exclude(logits, op, keys)
    assert_close(pm.accuracy(restricted, op, mask=mask), main["restricted_acc"][split], rtol=1e-6)
    assert_close(pm.accuracy(excluded, op, mask=mask), main["excluded_acc_2D_full"][split], rtol=1e-6)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(("terms", "name"), [("sum", "excluded_loss_2D"), ("aligned", "excluded_loss_3D")])
def test_excluded_loss_per_frequency(logits, op, masks, expected, split, terms, name):
    losses = pm.excluded_loss_per_frequency(logits, op, mask=masks[split], terms=terms)
    assert_close(losses, expected[name][split], rtol=1e-6)


def test_spectra_gini_and_key_frequencies(logits, op, weights, expected):
    W_E = weights["embed.W_E"].T[:113]
    W_L = (weights["unembed.W_U"].T @ weights["blocks.0.mlp.W_out"])[:113]
    for matrix, norm, gini in ((W_E, "embed_freq_norm", "gini_W_E"), (W_L, "W_L_freq_norm", "gini_W_L")):
        norms = pm.spectrum(matrix, op).sqrt()
        assert_close(norms, expected[norm], rtol=1e-6)
        assert_close(pm.gini(norms), expected[gini], rtol=1e-6)
    keys = tuple(expected["main"]["freqs"])
    shares = pm.logit_spectrum(logits, op)
    assert pm.key_frequencies(pm.spectrum(W_L, op)) == keys
    assert pm.key_frequencies(shares) == keys
    in_keys = shares[[k - 1 for k in keys]].sum()
    assert_close(in_keys, expected["main"]["logit_fve_cos_sin_a_plus_b"]["pooled"], rtol=1e-6)


def test_cosine_coefficients(logits, op, expected):
    assert_close(pm.cosine_coefficients(logits, op), expected["cos_coeffs"], rtol=1e-6)
    # What exclusion of the aligned part removes is that much of the unit tensor cos w_k (a + b - c).
    for k in op.frequencies[::7]:
        angle = 2 * math.pi / 113 * (k * (op.table[:, :, None] - torch.arange(113)) % 113).double()
        unit = angle.cos() / angle.cos().norm()
        removed = logits - pm.exclude(logits, op, [k], terms="aligned")
        assert_close((removed * unit).sum(), expected["cos_coeffs"][k - 1], rtol=1e-6)


def test_neurons(forward, op, expected):
    shares = pm.neuron_spectrum(forward[1], op)
    assert (shares.argmax(1) + 1).tolist() == expected["neurons"]["freq"]
    assert_close(shares.max(1).values, expected["neurons"]["fve"], rtol=1e-6)


def test_sum_of_squared_weights(weights, expected):
    model = torch.nn.ParameterList(array for name, array in weights.items() if not name.endswith("mask"))
    assert_close(pm.sum_squared_weights(model), expected["sum_sq_weights"], rtol=1e-6)


def test_phases_of_the_papers_curves():
    curves = np.genfromtxt(REFERENCE / "mainline_curves.csv", delimiter=",", names=True)
    columns = {name: curves[name] for name in curves.dtype.names if name != "epoch"}
    trajectory = pm.Trajectory(curves["epoch"], columns)
    phases = pm.find_phases(trajectory, answers=113)
    assert phases.memorization_end == pytest.approx(1400, rel=0.1)
    assert phases.circuit_formation_end == pytest.approx(9400, rel=0.1)
    assert phases.cleanup_end == pytest.approx(14_000, rel=0.1)
