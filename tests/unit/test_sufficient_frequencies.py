"""Frequencies that answer as the network does: against the definition in NumPy, and where there are none."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch

import progress_measures as pm
from tests._planted import planted_logits

OP = pm.addition(13)
TRAIN = torch.rand(13, 13, generator=torch.Generator().manual_seed(0)) < 0.8
RIGHT = torch.nn.functional.one_hot(OP.table, 13).double()


def noise(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def loss_and_accuracy(logits, op):
    rows, answers = logits.reshape(-1, op.n), op.table.flatten().numpy()
    top = rows.max(1)
    losses = top + np.log(np.exp(rows - top[:, None]).sum(1)) - rows[np.arange(len(rows)), answers]
    return losses.mean(), (rows.argmax(1) == answers).mean()


def meets(restricted, own, op):
    (loss, accuracy), (own_loss, own_accuracy) = restricted, own
    half = math.log(op.n) / 2
    low = own_loss > half or loss <= min(max(2 * own_loss, 0.01), half)  # of a network that is unsure, accuracy counts
    return accuracy >= own_accuracy - 0.01 and low


def by_definition(logits, op):
    """The same in NumPy, with restricted logits as filtering defines them, and all other sets for the random ones."""
    x = np.asarray(logits).reshape(-1, op.n)
    answers, basis, of_row = op.table.flatten().numpy(), op.basis.numpy(), op.row_frequency.numpy()
    means = np.stack([x[answers == s].mean(0) for s in range(op.n)])

    def part(frequencies):
        rows = basis[np.isin(of_row, list(frequencies))]
        return rows.T @ (rows @ means)

    def restricted(frequencies):
        return loss_and_accuracy((means.mean(0) + part(frequencies))[answers], op)

    own, half = loss_and_accuracy(x, op), math.log(op.n) / 2
    if own[0] > half and own[1] < 0.95:
        return ()
    order = sorted(op.frequencies, key=lambda k: -np.square(part([k]) - part([k]).mean(1, keepdims=True)).sum())
    for count in range(1, len(order) + 1):
        chosen = order[:count]
        loss, accuracy = loss_and_accuracy(x - part(chosen)[answers], op)
        missed = accuracy <= (own[1] - 0.01) / 2 if own[0] > half else loss >= half
        if meets(restricted(chosen), own, op) and missed:
            others = [some for some in combinations(order, count) if set(some) != set(chosen)]
            as_well = [meets(restricted(some), own, op) for some in others]
            alone = len(others) > 0 and sum(as_well) <= 0.1 * len(others)
            return tuple(sorted(chosen)) if own[1] >= 0.95 or alone else ()
    return ()


def memory(known, sure=9.0):
    return sure * RIGHT * known[..., None] + noise(13, 13, 13)


def kernels(op, amplitudes):
    """Logits that depend on the answer alone, with a kernel for each frequency."""
    waves = {k: op.basis[op.row_frequency == k] for k in amplitudes}
    return sum(amplitude * (waves[k].T @ waves[k]) for k, amplitude in amplitudes.items())[op.table]


@pytest.mark.parametrize("op", [OP, pm.multiplication(13), pm.groups.dihedral_group(8), pm.groups.symmetric_group(4)])
def test_the_fewest_that_answer_are_named(op):
    keys = op.frequencies[1:4]
    logits = kernels(op, {k: 40.0 + k for k in keys})
    found = pm.sufficient_frequencies(logits + 0.1 * noise(*logits.shape), op)
    assert set(found) <= set(keys)
    assert found == by_definition(logits + 0.1 * noise(*logits.shape), op)
    assert pm.accuracy(pm.restrict(logits, op, found), op) == pm.accuracy(logits, op)


@pytest.mark.parametrize("seed", range(12))
def test_they_are_those_of_the_definition(seed):
    generator = np.random.default_rng(seed)
    op = [OP, pm.addition(11), pm.groups.symmetric_group(3), pm.operation(lambda a, b: a * b % 4, 4, 4)][seed % 4]
    amplitudes = {k: float(generator.uniform(0, 40)) for k in op.frequencies}
    rough = float(generator.uniform(0, 2)) * noise(*op.table.shape, op.n, seed=seed)
    logits = kernels(op, amplitudes) + rough
    assert pm.sufficient_frequencies(logits, op) == by_definition(logits, op)


@pytest.mark.parametrize("seed", [18, 114, 123, 129])
def test_the_accuracy_counts_beside_the_loss(seed):
    op, generator = pm.addition(11), np.random.default_rng(seed)  # seeds at which a low loss alone would name others
    table = generator.normal(size=(11, 11)) * generator.uniform(0.5, 3) + np.eye(11) * generator.uniform(0, 6)
    logits = torch.tensor(table)[op.table] + float(generator.uniform(0, 1)) * noise(11, 11, 11, seed=seed)
    assert pm.sufficient_frequencies(logits, op) == by_definition(logits, op) != ()


@pytest.mark.parametrize("seed", [44, 71, 83, 94])
def test_answers_count_as_often_as_they_are_asked(seed):
    op, generator = pm.operation(lambda a, b: a * b % 6, 6, 6), np.random.default_rng(seed)  # 0 is asked most often
    table = generator.normal(size=(6, 6)) * generator.uniform(0.5, 3) + np.eye(6) * generator.uniform(0, 6)
    logits = torch.tensor(table)[op.table] + float(generator.uniform(0, 1)) * noise(6, 6, 6, seed=seed)
    assert pm.sufficient_frequencies(logits, op) == by_definition(logits, op) != ()


@pytest.mark.parametrize("seed", range(6))
def test_the_set_itself_is_none_of_its_rivals(seed):
    wrong = torch.rand(13, 13, generator=torch.Generator().manual_seed(0)) < 0.1
    other = torch.nn.functional.one_hot((OP.table + 1) % 13, 13)
    logits = planted_logits(OP, {4: 30.0}) + 43 * wrong[..., None] * other
    assert 0.85 < pm.accuracy(logits, OP) < 0.95
    assert pm.sufficient_frequencies(logits, OP, draws=4, seed=seed) == (4,)


def test_what_is_not_needed_is_not_named():
    logits = planted_logits(OP, {1: 9.0, 4: 9.0, 6: 1e-3})
    assert pm.sufficient_frequencies(logits, OP) == (1, 4)


def test_a_network_that_does_not_answer_has_none():
    assert pm.sufficient_frequencies(noise(13, 13, 13), OP) == ()
    assert pm.sufficient_frequencies(torch.zeros(13, 13, 13), OP) == ()
    assert pm.sufficient_frequencies(-9 * RIGHT, OP) == ()


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_a_network_that_has_memorized_has_none(share):
    known = torch.rand(13, 13, generator=torch.Generator().manual_seed(1)) < share
    assert pm.sufficient_frequencies(memory(known), OP) == ()


def test_frequencies_that_are_used_alike_are_named_if_the_network_is_right():
    logits = memory(torch.ones(13, 13, dtype=torch.bool), sure=20.0)
    found = pm.sufficient_frequencies(logits, OP)
    assert len(found) >= 4  # without fewer it still answers, and any other so many would do
    assert pm.excluded_loss(logits, OP, found) >= math.log(13) / 2


def test_where_all_are_needed_there_is_no_other_set():
    op = pm.addition(3)
    assert pm.sufficient_frequencies(9 * torch.nn.functional.one_hot(op.table, 3), op) == (1,)
    known = torch.ones(3, 3, dtype=torch.bool)
    known[0] = False
    logits = 9 * torch.nn.functional.one_hot(op.table, 3) * known[..., None] - 1e-3 * torch.arange(3)
    assert pm.accuracy(logits, op) < 0.95
    assert pm.sufficient_frequencies(logits, op) == ()


def test_parts_of_the_inputs_of_a_parity():
    op = pm.parity(5, of=(0, 3))
    sign = 1 - 2 * op.table.double()
    logits = 4 * torch.stack([sign, -sign], -1) + 0.1 * noise(*op.table.shape, 2)
    assert pm.sufficient_frequencies(logits, op, of="inputs") == ((1, 0, 0, 1, 0),)
    assert pm.sufficient_frequencies(logits, op) == (1,)


def test_parts_of_the_inputs_of_a_sum_are_pairs_of_its_frequencies():
    logits = planted_logits(OP, {1: 9.0, 4: 9.0}) + 0.1 * noise(13, 13, 13)
    assert pm.sufficient_frequencies(logits, OP, of="inputs") == ((1, 1), (4, 4))
    kept = pm.restricted_loss(logits, OP, [(1, 1), (4, 4)])
    assert kept <= max(2 * pm.cross_entropy(logits, OP), 0.01)


def test_a_rare_answer_counts_in_the_loss_as_often_as_it_is_asked():
    op = pm.operation(lambda a, b: int(a * b == 0), 5, 5, answers=2)
    logits = 9 * torch.nn.functional.one_hot(op.table, 2) + 0.1 * noise(5, 5, 2)
    assert pm.sufficient_frequencies(logits, op) == by_definition(logits, op) == (1,)


def test_the_seed_decides_and_no_global_generator():
    logits = planted_logits(OP, {1: 9.0, 4: 9.0, 5: 2.0}) + noise(13, 13, 13)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    found = pm.sufficient_frequencies(logits, OP, draws=5, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert pm.sufficient_frequencies(logits, OP, draws=5, seed=3) == found


def test_a_bar_of_the_frequencies():
    seen = []
    pm.sufficient_frequencies(
        planted_logits(OP, {1: 9.0, 4: 9.0}), OP, progress=lambda items: (seen.append(k) or k for k in items)
    )
    assert sorted(seen) == [1, 4]  # it ends where they suffice


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"of": "pairs"}, ValueError, "`of` must be one of 'answer', 'inputs'. Got 'pairs'."),
        ({"draws": 0}, ValueError, "`draws` must be at least 1. Got 0."),
        ({"seed": "x"}, TypeError, "`seed` must be an integer. Got 'x' (str)."),
        ({"progress": 3}, TypeError, "`progress` must be a function of an iterable, such as tqdm. Got int."),
    ],
)
def test_options_of_another_kind(options, error, message):
    with pytest.raises(error) as caught:
        pm.sufficient_frequencies(RIGHT, OP, **options)
    assert str(caught.value) == message


def test_parts_of_the_inputs_need_all_inputs():
    op = pm.operation(lambda a, b: (a + b) % 3, inputs=[[0, 0], [0, 1], [1, 1]], answers=3)
    with pytest.raises(ValueError, match=r"^`op` must have all combinations of its operands"):
        pm.sufficient_frequencies(torch.zeros(3, 3), op, of="inputs")


@pytest.mark.parametrize("factor", [1.0, 20.0])
def test_a_network_that_was_trained_on_squared_errors_is_judged_by_its_answers(factor):
    logits = 0.1 * factor * (planted_logits(OP, {1: 1.0, 4: 0.9, 5: 0.8}) + 0.05 * noise(13, 13, 13))
    assert pm.accuracy(logits, OP) == 1
    assert (pm.cross_entropy(logits, OP) > math.log(13) / 2) == (factor == 1)
    found = pm.sufficient_frequencies(logits, OP)
    assert found == by_definition(logits, OP)
    assert len(found) >= 2


def test_what_is_added_to_all_logits_of_an_input_changes_nothing():
    logits = planted_logits(OP, {1: 9.0, 4: 9.0, 5: 2.0}) + 0.1 * noise(13, 13, 13)
    shifted = logits + 100 * noise(13, 13, 1, seed=4)
    assert pm.sufficient_frequencies(shifted, OP) == pm.sufficient_frequencies(logits, OP) == (1, 4)
    of_inputs = [pm.sufficient_frequencies(x, OP, of="inputs") for x in (logits, shifted)]
    assert of_inputs == [((1, 1), (4, 4))] * 2
    assert pm.frequencies.Peaks().of_logits(shifted, OP) == pm.frequencies.Peaks().of_logits(logits, OP)


@pytest.mark.parametrize("seed", range(4))
def test_pairs_of_frequencies_are_compared_with_other_pairs_alike(seed):
    known = torch.rand(13, 13, generator=torch.Generator().manual_seed(seed)) < 0.85
    assert pm.sufficient_frequencies(memory(known), OP, of="inputs") == ()


def test_a_part_that_is_the_same_for_all_outputs_is_not_needed():
    op = pm.addition(23)
    same = 12 * torch.cos(2 * torch.pi * 8 / 23 * op.table.double())[..., None]
    logits = planted_logits(op, {3: 9.0, 5: 9.0}) + same
    assert pm.sufficient_frequencies(logits, op) == (3, 5)
    assert pm.frequencies.Peaks().of_logits(logits, op) == (3, 5)
    assert pm.key_frequencies(pm.logit_spectrum(logits, op), op) == (3, 5, 8)
    assert pm.key_frequencies(pm.logit_spectrum(logits - logits.mean(-1, keepdim=True), op), op) == (3, 5)
    losses = [pm.restricted_loss(logits, op, keys) for keys in ((3, 5), (3, 5, 8))]
    torch.testing.assert_close(*losses, rtol=1e-6, atol=0)
