"""What docs/measures.md says about groups is computed again."""

import itertools
import math
from pathlib import Path

import pytest
import torch

import progress_measures as pm
from examples.modular_addition.bundled import RUNS, final
from tests.docs._numbers import assert_has_numbers
from tests.docs._pages import section

PAGE = (Path(__file__).parents[2] / "docs" / "measures.md").read_text(encoding="utf-8")
PERMUTATIONS = [*itertools.permutations(range(5))]


def of_permutations():
    """The bundled network on permutations of five things: its group, logits, and input to its neurons."""
    model, config = final(RUNS / "symmetric_5")
    hidden = "blocks.0.mlp.hidden"
    with pm.captured(model, [hidden]) as activations:
        logits = pm.grid_logits(model, config.op)
    return config.op, logits, activations[hidden].view(120, 120, -1)


def best_coset(x, op, *, side, size=1):
    """The largest coset concentration of the subgroups that keep so many things together."""
    kept = [{*things} for things in itertools.combinations(range(5), size)]
    subgroups = [[i for i, p in enumerate(PERMUTATIONS) if {p[x] for x in things} == things] for things in kept]
    shares = [pm.concentration.coset_concentration(x, op, H, side=side) for H in subgroups]
    return torch.stack(shares).amax(0)


def test_cosets():
    op, _, hidden = of_permutations()
    text, (from_a, from_b) = section(PAGE, "Cosets"), (hidden.mean(axis) for axis in (1, 0))
    assert_has_numbers(text, (best_coset(from_a, op, side="right") > 0.9).double().mean())
    assert (best_coset(from_a, op, side="left") < 0.9).all()
    assert (best_coset(from_b, op, side="right") < 0.9).all()
    assert (best_coset(from_b, op, side="left") > 0.9).double().mean() > 0.7
    noise = torch.randn(120, 2000, generator=torch.Generator().manual_seed(0))
    assert_has_numbers(text, 4 / 119, best_coset(noise, op, side="left").mean())


def test_cosets_by_representation():
    op, _, hidden = of_permutations()
    text, from_a = section(PAGE, "Cosets"), hidden.mean(1).double()
    power = torch.stack([pm.spectrum(x, op) for x in from_a.T])
    sign, standard = (power[:, k - 1] > 0.99 * power.sum(1) for k in (1, 2))
    right, left = (best_coset(from_a, op, side=side) for side in ("right", "left"))
    above = int((right > 0.9).sum())
    pairs = standard & ((right - 0.375).abs() < 0.005)
    assert (best_coset(from_a[:, pairs], op, side="right", size=2) > 0.99).all()
    assert_has_numbers(text, above / 512, 0.9, above / int(standard.sum()), int(standard.sum()), int(pairs.sum()))
    assert_has_numbers(text, int(sign.sum()), 0, left[standard].mean())
    assert max(right[sign].max(), left[sign].max()) < 1e-4
    assert left[standard].max() - left[standard].min() < 0.01

    moved = torch.zeros(from_a.shape[1], 5, 5, dtype=torch.float64)  # the matrix A of a neuron tr(A ρ(a))
    for p, values in zip(PERMUTATIONS, from_a, strict=True):
        for x in range(5):
            moved[:, p[x], x] += values
    moved = moved - moved.mean(1, keepdim=True)
    _, s, v = torch.linalg.svd((moved - moved.mean(2, keepdim=True))[standard])
    assert (s[:, 0] ** 2 > 0.99 * s.square().sum(1)).all()
    assert ((v[:, 0] @ v[0, 0]).abs() > 0.99).all()


def test_cosets_of_random_functions():
    op, text = pm.groups.symmetric_group(5), section(PAGE, "Cosets")
    generator = torch.Generator().manual_seed(0)
    torch.randn(120, 512, generator=generator)  # the noise of the picture
    functions = op.rows([2]).T @ torch.randn(16, 512, generator=generator, dtype=torch.float64)
    share = best_coset(functions, op, side="right")
    u = torch.randn(5, 2000, generator=generator, dtype=torch.float64)
    u, v = u - u.mean(0), torch.tensor([4.0, -1, -1, -1, -1], dtype=torch.float64)
    of_vectors = best_coset(torch.stack([v @ u[list(p)] for p in PERMUTATIONS]), op, side="right")
    assert_has_numbers(text, share.mean(), share.max(), of_vectors.mean())
    assert_has_numbers(text, (of_vectors > 0.9).double().mean(), 0.84)


def test_sufficient_frequencies_are_one_set_of_several():
    op, logits, _ = of_permutations()
    text = PAGE[PAGE.index("### Which rule to use") : PAGE.index("## Neurons")]
    assert pm.sufficient_frequencies(logits, op) == (2,)
    assert_has_numbers(text, *(pm.restricted_loss(logits, op, keys) for keys in ([2], [1, 2])))
    assert_has_numbers(text, 2 ** len(pm.groups.symmetric_group(4).frequencies) - 1)


def test_random_sets_of_few_frequencies():
    op = pm.groups.symmetric_group(4)
    logits = torch.randn(24, 24, 24, generator=torch.Generator().manual_seed(0))
    control = pm.random_frequency_control(logits, op, [1, 3, 4], train_mask=op.table < 9)
    assert "100 draws, 4 distinct" in repr(control)
    assert_has_numbers(section(PAGE, "Controls"), math.comb(4, 3))


def test_renamed_answers_of_a_table_that_uses_all_representations():
    op, text = pm.groups.symmetric_group(4), section(PAGE, "Controls")
    kernels = torch.stack([op.rows([k]).T @ op.rows([k]) for k in op.frequencies])
    assert_has_numbers(text, len(kernels))
    controls = []
    for weights in ([1, 1, 1, 1], [1, 1, 0.9, 0.9]):
        logits = 20 * torch.einsum("k,kst->st", torch.tensor(weights, dtype=torch.float64), kernels)[op.table]
        assert pm.accuracy(logits, op) == 1
        controls += [pm.shuffled_label_control(logits, op, [3, 4], train_mask=op.table < 12).restricted_loss]
    alike, weaker = controls
    torch.testing.assert_close(alike.draws, alike.real.expand(100))
    assert_has_numbers(text, weaker.real, weaker.draws.min(), weaker.draws.max())
    assert weaker.share_below == 1


def test_the_share_of_noise_that_depends_on_the_answer():
    op = pm.addition(31)
    noise = torch.randn(31, 31, 500, generator=torch.Generator().manual_seed(0))
    assert float(pm.spectra.answer_spectrum(noise, op).sum()) == pytest.approx(1 / 32, rel=0.05)
    assert float(pm.logit_spectrum(noise[..., :31], op).sum()) == pytest.approx(1 / 32, rel=0.1)
