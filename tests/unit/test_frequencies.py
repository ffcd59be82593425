import math

import numpy as np
import pytest
import torch

import progress_measures as pm
from progress_measures.frequencies.chance import independent_columns, log_chance
from tests._planted import OPERATIONS, planted_logits


@pytest.mark.parametrize("make", OPERATIONS)
@pytest.mark.parametrize("n", [4, 5, 7, 12, 13, 64, 113])
def test_planted_frequencies_are_named_exactly(n, make):
    op = make(n)
    highest = n // 2
    for keys in ({1}, {highest}, {1, highest} if highest > 2 else {1}, set(range(1, highest)), {highest, highest - 1}):
        if len(keys - {0}) == highest:
            continue  # all of them: nothing stands out
        amplitudes = {k: 0.1 + index for index, k in enumerate(sorted(keys - {0}))}
        logits = planted_logits(op, amplitudes)
        for values in (logits, logits.float()):
            assert pm.key_frequencies(pm.logit_spectrum(values, op)) == tuple(sorted(amplitudes))


@pytest.mark.parametrize("columns", [1, 2, 16, 512])
@pytest.mark.parametrize("n", [5, 12, 59, 113])
def test_none_in_random_weights(n, columns):
    op = pm.addition(n)
    generator = torch.Generator().manual_seed(n * columns)
    trials = 50
    found = sum(
        bool(pm.key_frequencies(pm.spectrum(torch.randn(n, columns, generator=generator), op))) for _ in range(trials)
    )
    assert found <= 3 if columns == 1 else found == 0


@pytest.mark.parametrize("shares", [(50, 48, 2), (83, 7.5, 4, 3.2, 2.2), (34, 28, 20, 18), (20,) * 5])
def test_keys_of_unlike_size_above_a_floor(shares):
    # The last key frequency is 5 times the first of the rest, which falls off by itself.
    floor = min(shares) / 5 * 0.97 ** np.arange(56 - len(shares))
    power = np.concatenate([shares, floor])
    order = np.random.default_rng(0).permutation(56)
    placed = np.empty(56)
    placed[order] = power
    assert pm.key_frequencies(placed) == tuple(sorted(order[: len(shares)] + 1))


def test_faint_harmonics_are_not_named():
    # The logits of a trained network: four key frequencies, two harmonics a thousand times fainter, a drop, noise.
    power = np.array([0.42, 0.3, 0.17, 0.11, 6e-4, 4e-4, *[3e-5] * 50])
    assert pm.key_frequencies(power) == (1, 2, 3, 4)
    assert pm.key_frequencies(power, min_share=1e-4) == (1, 2, 3, 4, 5, 6)


def test_half_the_drop_does_not_suffice_below_faint_frequencies():
    # W_L of a trained network: five key frequencies, and two harmonics with a drop by three after them.
    power = np.array([43, 18, 14, 13, 11, 0.3, 0.25, *[0.08] * 49])
    assert pm.key_frequencies(power) == (1, 2, 3, 4, 5)
    assert pm.key_frequencies(power, min_share=0.0004) == (1, 2, 3, 4, 5, 6, 7)


def test_gradual_fall_has_no_key_frequency():
    assert pm.key_frequencies(0.7 ** np.arange(56.0)) == ()
    assert pm.key_frequencies(0.6 ** np.arange(56.0)) == ()
    assert pm.key_frequencies(0.6 ** np.arange(56.0), min_drop=1.2) != ()


@pytest.mark.parametrize("power", [[], [1.0], [0.0], [0.0] * 9, [3.0] * 9, [1e-320] * 3])
def test_nothing_stands_out(power):
    assert pm.key_frequencies(np.array(power)) == ()


def test_chance_matters_when_frequencies_are_few():
    assert pm.key_frequencies(np.array([100.0, 1.0])) == ()
    assert pm.key_frequencies(np.array([1e5, 1.0])) == (1,)
    assert pm.key_frequencies(np.array([5.0, *[1.0] * 40])) == (1,)


def test_chance_of_a_drop_is_that_of_exponential_powers():
    generator = np.random.default_rng(0)
    draws = -np.sort(-generator.exponential(size=(200_000, 6)), axis=1)
    drops = draws[:, :-1] / draws[:, 1:]
    for drop in (1.5, 3.0):
        expected = [math.exp(log_chance(rank, drop, np.full(6, 2.0))) for rank in range(1, 6)]
        np.testing.assert_allclose((drops > drop).mean(0), expected, atol=0.005)


@pytest.mark.parametrize("count", [2, 3, 4, 8, 56])
def test_a_drop_has_a_chance_of_its_part_of_the_false_alarms(count):
    def chance(drop):  # after the first of so many
        return math.prod(i / (i + drop - 1) for i in range(2, count + 1))

    drop = 1.0
    while chance(drop) > 1e-3:
        drop += 1e-3
    level = 1e-3 * (count - 1)  # divided among the ranks
    for factor, named in ((0.999, ()), (1.001, (1,))):
        power = np.array([factor * drop, *[1.0] * (count - 1)])
        assert pm.key_frequencies(power, min_drop=1.01, false_alarms=level) == named


def test_what_is_just_enough():
    assert pm.key_frequencies(np.array([4.0, 4.0, 4.0, *[1.0] * 40])) == (1, 2, 3)  # a drop by min_drop itself
    power = np.array([1000.0, 8.0, *[1.0] * 16])  # which add up to 1024
    assert pm.key_frequencies(power, min_share=2**-7) == (1, 2)
    assert pm.key_frequencies(power, min_share=2**-6.99) == (1,)


def test_a_fall_to_zero_counts_however_faint_the_power_is():
    assert pm.key_frequencies(np.array([1.0, 1e-9, *[0.0] * 20])) == (1, 2)
    assert pm.key_frequencies(np.array([1.0, 1e-9, 5e-13, *[1e-20] * 20])) == (1, 2)  # zero to rounding
    assert pm.key_frequencies(np.array([1.0, 1e-9, *[2e-12] * 20])) == (1,)


def test_takes_tensors_with_a_graph():
    power = torch.tensor([9.0, *[0.1] * 20], requires_grad=True)
    assert pm.key_frequencies(power) == (1,)


def test_neurons_belong_to_the_frequency_that_explains_enough():
    share = torch.tensor([[0.9, 0.1, 0.0], [0.0, 0.05, 0.86], [0.85, 0.1, 0.0], [0.4, 0.3, 0.3], [0.0, 0.0, 0.0]])
    assert pm.neuron_frequencies(share).tolist() == [1, 3, 0, 0, 0]
    assert pm.neuron_frequencies(share, min_share=0.3).tolist() == [1, 3, 1, 1, 0]
    assert pm.neuron_frequencies(share.numpy(), min_share=0).tolist() == [1, 3, 1, 1, 0]  # the dead one has none
    assert pm.neuron_frequencies(share).dtype == torch.int64


def test_neurons_where_there_are_no_frequencies():
    assert pm.neuron_frequencies(torch.zeros(3, 0)).tolist() == [0, 0, 0]
    assert pm.neuron_frequencies(torch.zeros(3, 0)).dtype == torch.int64
    assert pm.neuron_frequencies(torch.zeros(0, 2)).shape == (0,)


def test_a_complex_number_of_numpy_is_no_share():
    # Its name in the message differs from one version of NumPy to the next.
    with pytest.raises(TypeError, match=r"`min_share` must be a real number\. Got .*complex64"):
        pm.neuron_frequencies(torch.ones(3, 2) / 2, min_share=np.complex64(0.2))


@pytest.mark.parametrize(
    "make", [lambda: pm.groups.symmetric_group(5), lambda: pm.groups.dihedral_group(20), lambda: pm.addition(12)]
)
def test_with_an_operation_no_frequency_stands_out_by_its_size(make):
    # Power in proportion to the rows of each frequency is that of a matrix that nothing has shaped.
    op = make()
    rows = torch.tensor(op.rows_per_frequency, dtype=torch.float64)
    assert pm.key_frequencies(rows, op) == ()
    assert pm.key_frequencies(1e6 * rows, op, min_drop=1.01) == ()
    weights = torch.randn(op.n, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert pm.key_frequencies(pm.spectrum(weights, op), op) == ()


def test_rows_are_what_makes_the_difference():
    op = pm.groups.symmetric_group(5)  # 1, 16, 16, 25, 25 and 36 rows
    power = torch.tensor([100.0, 1600.0, 1.6, 2.5, 2.5, 3.6], dtype=torch.float64)
    assert pm.key_frequencies(power, op) == (1, 2)
    # The sign has one row, and so less power than it would need to stand out among frequencies of equal size.
    faint = torch.tensor([10.0, 1600.0, 1.6, 2.5, 2.5, 3.6], dtype=torch.float64)
    assert pm.key_frequencies(faint, op) == (1, 2)
    assert pm.key_frequencies(faint) == (2,)


def test_powers_of_another_operation_are_refused():
    with pytest.raises(
        ValueError, match=r"^`power` must have one entry per frequency of the operation \(6\)\. Got 5\.$"
    ):
        pm.key_frequencies(torch.ones(5), pm.groups.symmetric_group(5))
    with pytest.raises(TypeError, match=r"^`op` must be an Operation, such as addition\(113\)\. Got int\.$"):
        pm.key_frequencies(torch.ones(5), 5)


# ---------------------------------------------------------------------------------------------------------------------
# Faint keys, false alarms and trends


def placed(powers, floor, count=56):
    """Powers at scattered frequencies above a floor, and these frequencies."""
    places = np.random.default_rng(len(powers)).permutation(count)[: len(powers)]
    power = np.full(count, floor)
    power[places] = powers
    return power, tuple(sorted((places + 1).tolist()))


@pytest.mark.parametrize("powers", [np.geomspace(1, 0.01, 10), np.geomspace(1, 0.005, 5), [1.0] * 4 + [0.005]])
@pytest.mark.parametrize("op", [None, pm.addition(113)])
def test_a_faint_key_is_named_beside_the_strong_ones(powers, op):
    power, keys = placed(powers, 0.001 * min(powers) / 0.01)
    assert pm.key_frequencies(power, op) == keys


def test_faint_keys_at_the_lowest_frequencies_are_no_trend():
    power = np.full(56, 0.001)
    power[:10] = np.geomspace(1, 0.01, 10)
    assert pm.key_frequencies(power, pm.addition(113)) == tuple(range(1, 11))


@pytest.mark.parametrize(("height", "named"), [(60.0, (1, 2, 3, 4, 5)), (45.0, (1, 2, 3, 4))])
def test_half_the_drop_suffices_below_most_of_the_power(height, named):
    power = np.array([height] * 4 + [3.0] + [1.0] * 51)  # the first five hold 83 % or 78 %
    assert pm.key_frequencies(power) == named


@pytest.mark.parametrize("columns", [1, 2, 16])
@pytest.mark.parametrize(
    "op",
    [
        pm.addition(8),
        pm.addition(31),
        pm.groups.symmetric_group(5),
        pm.groups.dihedral_group(20),
        pm.groups.direct_product(pm.addition(4), pm.addition(6)),
    ],
    ids=str,
)
def test_random_weights_have_a_key_frequency_as_rarely_as_is_said(op, columns):
    generator, trials = torch.Generator().manual_seed(1), 200
    drawn = [torch.randn(op.n, columns, dtype=torch.float64, generator=generator) for _ in range(trials)]
    for weights in (False, True):
        found = [pm.key_frequencies(pm.spectrum(x, op), op, weights=x if weights else None) for x in drawn]
        # 1 % of 200 is 2; 8 or more come by chance once in 900 times at that rate, and the seed is fixed.
        assert sum(map(bool, found)) <= 7


def test_more_false_alarms_may_be_asked_for():
    op, generator = pm.addition(31), torch.Generator().manual_seed(1)
    power = [pm.spectrum(torch.randn(31, 1, generator=generator), op) for _ in range(100)]
    few, many = (
        sum(bool(pm.key_frequencies(x, op, false_alarms=rate, min_drop=1.01)) for x in power) for rate in (0.01, 0.5)
    )
    assert few <= 4
    assert 10 < many < 60


def test_with_the_weights_a_smaller_drop_is_beyond_chance():
    op, generator = pm.addition(31), torch.Generator().manual_seed(0)
    x = torch.randn(31, 64, dtype=torch.float64, generator=generator)
    rows = op.rows(range(2, 13))
    x = x + 0.9 * rows.T @ (rows @ x)  # eleven of fifteen have almost four times the power
    power = pm.spectrum(x, op)
    assert pm.key_frequencies(power, op) == ()
    assert pm.key_frequencies(power, op, weights=x) == tuple(range(2, 13))


@pytest.mark.parametrize(("columns", "rank"), [(64, 64), (64, 4), (200, 1)])
def test_columns_that_depend_on_each_other_count_as_fewer(columns, rank):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, rank, dtype=torch.float64, generator=generator)
    mixing = torch.linalg.qr(torch.randn(columns, rank, dtype=torch.float64, generator=generator)).Q
    assert independent_columns(x @ mixing.T) == pytest.approx(rank, rel=0.1)


@pytest.mark.parametrize("columns", [1, 8, 64])
def test_a_random_walk_over_the_tokens_has_no_peaks(columns):
    op, generator, trials = pm.addition(113), torch.Generator().manual_seed(0), 200
    found = 0
    for _ in range(trials):
        walk = torch.randn(113, columns, dtype=torch.float64, generator=generator).cumsum(0)
        found += bool(pm.key_frequencies(pm.spectrum(walk, op), op))
    assert found <= 6


def test_peaks_above_a_trend_are_named():
    op, generator = pm.addition(113), torch.Generator().manual_seed(0)
    walk = torch.randn(113, 64, dtype=torch.float64, generator=generator).cumsum(0)
    keys = (7, 23, 41)
    x = walk + 3 * op.rows(keys).T @ (op.rows(keys) @ walk)
    assert pm.key_frequencies(pm.spectrum(x, op), op) == keys


@pytest.mark.parametrize("height", [10, 50, 200])
def test_however_high_the_peaks_above_a_trend_are(height):
    op = pm.addition(113)
    x = torch.randn(113, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).cumsum(0)
    power, keys = pm.spectrum(x, op), (5, 12, 20, 33)
    for k in keys:
        wave = torch.randn(2, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(k))
        x = x + (height * power[k - 1] / 128).sqrt() * op.rows([k]).T @ wave
    assert pm.key_frequencies(pm.spectrum(x, op), op, weights=x) == keys


@pytest.mark.parametrize("make", [pm.multiplication, pm.division])
@pytest.mark.parametrize("p", [13, 31])
def test_zero_alone_is_no_peak(make, p):
    op = make(p, zero=True)
    power = torch.tensor(op.rows_per_frequency, dtype=torch.float64)
    power[-1] = 1000.0  # as in an untrained network, whose inputs with a zero look alike
    assert pm.key_frequencies(power, op) == ()
    power[2] = 2e3
    assert pm.key_frequencies(power, op) == (3, op.frequencies[-1])
    power[-1] = 10.0
    assert pm.key_frequencies(power, op) == (3,)


def test_chance_of_powers_of_unlike_rows():
    generator = np.random.default_rng(0)
    degrees = np.array([1.0, 2.0, 2.0, 2.0, 2.0, 6.0])
    draws = generator.chisquare(degrees, size=(200_000, 6)) / degrees
    ranked = -np.sort(-draws, axis=1)
    for rank in (1, 3, 5):
        for drop in (1.5, 4.0):
            observed = (ranked[:, rank - 1] >= drop * ranked[:, rank]).mean()
            assert math.exp(log_chance(rank, drop, degrees)) == pytest.approx(observed, rel=0.12, abs=0.004)


def test_the_fewest_that_hold_a_share():
    power = np.array([1.0, 5.0, 0.0, 3.0, 1.0])
    assert pm.key_frequencies(power, share=0.5) == (2,)
    assert pm.key_frequencies(power, share=0.51) == (2, 4)
    assert pm.key_frequencies(power, share=0.99) == (1, 2, 4, 5)
    assert pm.key_frequencies(np.zeros(4), share=0.9) == pm.key_frequencies(np.zeros(0), share=0.9) == ()


def test_the_least_share_is_one_of_power_per_row():
    op = pm.groups.symmetric_group(5)
    per_row = torch.tensor([0.0015, 1, 1e-8, 1e-8, 1e-8, 1e-8], dtype=torch.float64)
    power = per_row * torch.tensor(op.rows_per_frequency)
    assert power[0] / power.sum() == pytest.approx(9.4e-5, rel=0.01)
    assert pm.key_frequencies(power, op) == (1, 2)
    per_row[0] = 0.0008
    assert pm.key_frequencies(per_row * torch.tensor(op.rows_per_frequency), op) == (2,)
