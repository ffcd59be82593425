"""The numbers of docs/conventions.md: why each answer counts once, and what the parts of a group are."""

import math
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy

import progress_measures as pm
from tests.docs._numbers import assert_has_numbers
from tests.docs._pages import section

PAGE = (Path(__file__).parents[2] / "docs" / "conventions.md").read_text(encoding="utf-8")


def test_why_each_answer_counts_once():
    p = 13
    op = pm.operation(lambda a, b: (a * a + b * b) % p, p, p)
    answers, basis = op.table.flatten(), op.rows([3])

    def wave(k):
        turns = k * (answers[:, None] - torch.arange(p)) / p
        return 9 * torch.cos(2 * math.pi * turns.double())

    def loss_without(part):
        return float(cross_entropy(wave(3) - part, answers))

    each_input_once = basis[:, answers].T @ (basis[:, answers] @ wave(3)) * p / p**2
    waves = torch.nn.functional.normalize(basis[:, answers])  # of length 1 over the inputs, but not orthogonal
    centered = wave(5) - wave(5).mean(0)
    projected = waves.T @ (waves @ centered)
    share = projected.square().sum() / centered.square().sum()
    counts = torch.bincount(answers).tolist()
    own_share = pm.logit_spectrum(wave(3), op)[2]
    text = next(part for part in section(PAGE, "Any function").split("\n- ") if part.startswith("*Why.*"))
    assert_has_numbers(
        text,
        p, counts[0], counts[1], round(float(own_share)), float(pm.excluded_loss(wave(3), op, [3])),
        loss_without(each_input_once), float(share), float(pm.excluded_loss(wave(5), op, [3])),
        float(cross_entropy(wave(5) - projected, answers)),
    )  # fmt: skip
    assert max(counts[1:]) == min(counts[1:])
    assert loss_without(each_input_once) > math.log(p)


def test_directions_of_the_parts_of_a_group():
    op, k = pm.groups.symmetric_group(3), 2
    r = op.rows_per_frequency[k - 1]
    assert_has_numbers(section(PAGE, "Losses"), *pm.groups.symmetric_group(5).rows_per_frequency)
    inputs = torch.eye(36, dtype=torch.float64)
    spans = {
        terms: 36 - round(float(pm.project_out_frequencies(op, [k], terms=terms)(inputs).trace()))
        for terms in ("sum", "product", "polynomial")
    }
    assert spans == {"sum": r, "product": r**2, "polynomial": r**2 + 2 * r}


def test_an_aligned_part_is_a_multiple_of_one_tensor():
    op = pm.groups.symmetric_group(3)
    inverse = (op.table == 0).long().argmax(1)
    logits = torch.randn(6, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for k, irrep in zip(op.frequencies, op.irreps, strict=True):
        wave = irrep.character[op.classes[op.table[op.table][..., inverse]]]
        wave = wave / wave.norm()
        part = pm.restrict(logits, op, [k], terms="aligned") - logits.mean((0, 1))
        torch.testing.assert_close(part, (logits * wave).sum() * wave)
