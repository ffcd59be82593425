"""Periods, circles, helices and residues in tables of embeddings: closed forms, public code's numbers, and controls."""

import inspect
import itertools
import math

import numpy as np
import pytest
import torch
from scipy.signal import lombscargle

import progress_measures as pm
from tests._asserts import assert_close

# With gaps. The numbers of other libraries were computed once for this table.
X = torch.tensor([0, 1, 2, 4, 5, 7, 8, 9, 12, 13, 14, 17, 18, 19, 23, 24, 26, 29, 30, 31])
ROW, COLUMN = torch.arange(20.0, dtype=torch.float64)[:, None], torch.arange(3.0, dtype=torch.float64)
Y = X[:, None].double()
TABLE = (1.3 * ROW * (COLUMN + 1)).sin() + 0.05 * Y * (COLUMN - 1) + (2 * torch.pi * Y / 5 + COLUMN).cos()
PERIODS = [2, 2.5, 3.7, 5]


def wave(x, period, phase=0.0):
    return (2 * torch.pi * x.double() / period + phase).cos()


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# Periods


def test_a_planted_wave_and_trend_are_one_period_alone():
    features = torch.stack([5 + 3 * X + wave(X, 2.5), 2 * wave(X, 2.5, 1.0) - X, wave(X, 2.5, 2.0)], 1)
    shares = pm.embeddings.period_shares(features, [2.5, 4, 10], positions=X)
    assert shares[0] == pytest.approx(1, abs=1e-12)
    assert shares[1:].max() < 0.3
    quadratic = features + 0.1 * X[:, None].double() ** 2
    assert pm.embeddings.period_shares(quadratic, [2.5], positions=X)[0] < 0.9
    assert_close(pm.embeddings.period_shares(quadratic, [2.5], positions=X, trend=2), [1.0], rtol=1e-12)


@pytest.mark.parametrize("n", [24, 30])
def test_on_a_whole_number_of_periods_the_shares_are_the_squared_amplitudes(n):
    x = torch.arange(n)
    table = torch.stack([3 * wave(x, 6) + wave(x, 2), 2 * wave(x, 3, 0.4)], 1)
    # mean squares: 9 / 2, 1, 4 / 2
    assert_close(pm.embeddings.period_shares(table, [6, 2, 3], trend=0), [4.5 / 7.5, 1 / 7.5, 2 / 7.5], rtol=1e-12)


def test_shares_are_those_of_public_code():
    ours = pm.embeddings.period_shares(TABLE, PERIODS, positions=X, trend=0)
    # astropy 8.0.2: LombScargle(x, column).power(1 / T, method="slow"), weighted by the columns' variances; of period 2
    # it makes numbers of the rounding of a sine that is zero
    assert_close(ours[1:], [0.1002860261294137, 0.0963387106163669, 0.5056617725543774], rtol=1e-10)
    with_trend = pm.embeddings.period_shares(TABLE, PERIODS, positions=X, trend=2)
    # scikit-learn 1.9.1: LinearRegression on x, x², cos, sin, against x, x² alone
    expected = [0.06450583771972795, 0.15506837790028127, 0.10812686904209223, 0.5444931762182401]
    assert_close(with_trend, expected, rtol=1e-10)


@pytest.mark.skipif(
    "floating_mean" not in inspect.signature(lombscargle).parameters, reason="SciPy before 1.15 fits no mean"
)
def test_shares_are_those_of_scipy():
    for column in TABLE.T:
        angular = 2 * np.pi / np.array(PERIODS)
        theirs = lombscargle(X.numpy(), (column - column.mean()).numpy(), angular, floating_mean=True, normalize=True)
        ours = pm.embeddings.period_shares(column[:, None], PERIODS, positions=X, trend=0)
        assert_close(ours, torch.from_numpy(theirs), rtol=1e-8)


def test_shares_do_not_depend_on_scale_rotation_order_or_a_trend():
    expected = pm.embeddings.period_shares(TABLE, PERIODS, positions=X)
    rotation = torch.linalg.qr(noise(3, 3)).Q
    order = torch.randperm(20, generator=torch.Generator().manual_seed(1))
    for table, positions in (
        (1e200 * TABLE, X),
        (TABLE @ rotation, X),
        (TABLE + 7 * X[:, None], X),
        (TABLE[order], X[order]),
        (TABLE, X + 1000),
        (TABLE, X.tolist()),
        (TABLE.numpy(), X.numpy()),
    ):
        assert_close(pm.embeddings.period_shares(table, PERIODS, positions=positions), expected, rtol=1e-9)


def test_without_structure_the_mean_share_is_known():
    shares = torch.stack([pm.embeddings.period_shares(noise(40, 50, seed=s), [2, 3.3, 10]) for s in range(40)]).mean(0)
    assert_close(shares, [1 / 38, 2 / 38, 2 / 38], rtol=0.05)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_the_trend_explains_has_no_period(dtype):
    x = torch.arange(30)[:, None].to(dtype)
    for table in (torch.zeros(30, 2, dtype=dtype), 0.1 * x, torch.full((30, 1), 0.1, dtype=dtype)):
        assert pm.embeddings.period_shares(table, [2, 5]).tolist() == [0, 0]


def test_control_finds_what_was_planted_beside_a_steep_spectrum():
    x = torch.arange(150)
    steep = noise(150, 20, seed=3).cumsum(0)
    table = steep + 2 * torch.stack([wave(x, 10, p) + wave(x, 2.5, 2 * p) for p in range(20)], 1)
    control = pm.embeddings.period_control(table, [2, 2.5, 3, 5, 7, 10, 13], draws=99)
    assert control.standing_out() == (2.5, 10)
    assert_close(control.shares, pm.embeddings.period_shares(table, control.periods), rtol=1e-12)
    assert control.p_values.min() == 1 / 100
    assert repr(control) == "PeriodControl(standing_out=(2.5, 10.0) of 7 periods, draws=99)"
    assert torch.equal(pm.embeddings.period_control(table, [2, 5], draws=3, seed=1).largest_shares,
                       pm.embeddings.period_control(table, [2, 5], draws=3, seed=1).largest_shares)  # fmt: skip


def test_prominence_is_the_share_over_the_median_of_ten_neighbours():
    x = torch.arange(100)
    table = noise(100, 4)
    control = pm.embeddings.period_control(table, [5, 2], draws=2)
    around = [1 / (0.2 + side * j / 100) for j in (2, 3, 4, 5, 6) for side in (1, -1)]
    below = [1 / (0.5 - j / 100) for j in (2, 3, 4, 5, 6)]
    share = pm.embeddings.period_shares(table, [5, 2], positions=x)
    neighbours = [pm.embeddings.period_shares(table, near).quantile(0.5) for near in (around, below)]
    assert_close(control.prominences, [share[0] / neighbours[0], 2 * share[1] / neighbours[1]], rtol=1e-9)


@pytest.mark.parametrize("kind", ["noise", "walk"])
def test_control_raises_false_alarms_no_more_often_than_it_says(kind):
    found = 0
    for seed in range(40):
        table = noise(90, 6, seed=seed)
        table = table.cumsum(0) if kind == "walk" else table
        found += bool(pm.embeddings.period_control(table, [2, 3, 4.5, 5, 7, 10], draws=19, seed=seed).standing_out())
    assert found <= 6  # of 40 at 5 %: the chance of 7 is 0.3 %


def test_a_peak_has_to_be_high_and_higher_than_its_neighbours():
    control = pm.embeddings.PeriodControl(
        periods=(2.0, 3.0, 5.0),
        shares=torch.tensor([0.5, 0.1, 0.5]),
        prominences=torch.tensor([9.0, 9.0, 1.0]),
        largest_shares=torch.tensor([0.2, 0.4, 0.4, 0.3]),
        largest_prominences=torch.tensor([1.0, 2.0, 3.0, 0.5]),
    )
    assert_close(control.p_values, [0.2, 1.0, 0.8], rtol=1e-12)
    assert control.standing_out(0.2) == (2,)


def test_draws_are_of_what_the_trend_leaves():
    line = 50 * X[:, None].double() * noise(1, 3, seed=2)
    first, second = (pm.embeddings.period_control(t, [2, 3], positions=X, draws=5) for t in (TABLE, TABLE + line))
    assert_close(first.largest_shares, second.largest_shares, rtol=1e-8)
    assert_close(first.largest_prominences, second.largest_prominences, rtol=1e-8)


def test_control_shows_its_progress():
    seen = []
    pm.embeddings.period_control(TABLE, [2, 3], positions=X, draws=4, progress=lambda x: seen.append(len(x)) or x)
    assert seen == [4]


# Circles


@pytest.mark.parametrize("n", [4, 7, 12])
def test_an_ellipse_in_order_is_all_of_it(n):
    angle = 2 * torch.pi * torch.arange(n).double() / n + 0.3
    ellipse = torch.stack([angle.cos(), 0.25 * angle.sin()], 1) @ torch.linalg.qr(noise(5, 2)).Q.T + 4
    for table in (ellipse, ellipse.roll(2, 0), ellipse.flip(0)):
        fit = pm.embeddings.circle_fit(table, draws=10)
        assert_close(torch.stack([fit.share, fit.best_plane]), [1.0, 1.0], rtol=1e-12)
        assert_close(fit.roundness, 0.25, rtol=1e-12)
    twice = torch.stack([(2 * angle).cos(), (2 * angle).sin()], 1)
    assert n == 4 or pm.embeddings.circle_fit(twice, draws=10).share < 1e-20


def test_the_share_of_all_orders_has_the_mean_and_the_p_value_that_are_known():
    table = noise(6, 4)
    shares = [pm.embeddings.circle_fit(table[list(order)], draws=1).share for order in itertools.permutations(range(6))]
    assert_close(torch.stack(shares).mean(), 2 / 5, rtol=1e-12)
    angle = 2 * torch.pi * torch.arange(6) / 6
    fit = pm.embeddings.circle_fit(torch.stack([angle.cos(), angle.sin()], 1), draws=5000)
    assert fit.p_value == pytest.approx(12 / 720, rel=0.3)
    assert fit.draws.mean() == pytest.approx(fit.chance, rel=0.05)


def test_tokens_that_are_all_the_same_are_no_circle():
    rows = torch.tensor([[0.1, 0.3, 0.7]], dtype=torch.float64).repeat(7, 1)
    fit = pm.embeddings.circle_fit(rows + 1e-16 * noise(7, 3))  # no more than rounding
    assert (fit.share, fit.best_plane, fit.roundness, fit.p_value) == (0, 0, 0, 1)
    assert pm.embeddings.circle_fit(torch.arange(7.0)[:, None]).roundness == 0


# Helices


def test_a_planted_helix_and_a_planted_polynomial_are_told_apart():
    x = torch.arange(100)
    helix = torch.stack([0.05 * x, *(wave(x, period, p) for period in (2, 5, 10, 100) for p in (0, 1))], 1)
    fit = pm.embeddings.helix_fit(helix)
    assert fit.terms == 8  # the sine of period 2 is zero
    assert_close(torch.stack([fit.helix, fit.helix_held_out]), [1.0, 1.0], rtol=1e-12)
    assert fit.polynomial < 0.6
    powers = pm.embeddings.helix_fit((x[:, None] / 100.0) ** torch.arange(1, 9))
    assert_close(torch.stack([powers.polynomial, powers.polynomial_held_out]), [1.0, 1.0], rtol=1e-9)
    assert powers.helix < 1 - 1e-3


def test_both_fits_are_those_of_public_code():
    fit = pm.embeddings.helix_fit(TABLE, positions=X, periods=[5, 10])
    # scikit-learn 1.9.1: LinearRegression on x and the waves, and on x to x⁵; cross_val_predict(cv=LeaveOneOut())
    assert fit.terms == 5
    assert_close(torch.stack([fit.helix, fit.helix_held_out]), [0.669899080187087, 0.3220990709455659], rtol=1e-10)
    ours = torch.stack([fit.polynomial, fit.polynomial_held_out])
    assert_close(ours, [0.28471071622718314, -0.5938108906214377], rtol=1e-9)
    assert repr(fit) == "HelixFit(terms=5, helix=0.670, polynomial=0.285; held out: helix=0.322, polynomial=-0.594)"


def test_fits_of_a_table_with_a_graph_show_the_same_numbers():
    for fit in (pm.embeddings.circle_fit, pm.embeddings.helix_fit):
        assert repr(fit(TABLE[:, :3].clone().requires_grad_())) == repr(fit(TABLE[:, :3]))


def test_without_structure_both_fits_explain_as_many_terms_as_they_have():
    fits = [pm.embeddings.helix_fit(noise(50, 40, seed=seed)) for seed in range(20)]
    for name in ("helix", "polynomial"):
        assert sum(float(getattr(fit, name)) for fit in fits) / 20 == pytest.approx(8 / 49, rel=0.05)
        assert max(getattr(fit, f"{name}_held_out") for fit in fits) < 0


# Residues


@pytest.mark.parametrize("modulus", [2, 5, 10])
def test_a_residue_that_is_there_is_read_off_and_others_are_not(modulus):
    x = torch.arange(100)
    table = torch.nn.functional.one_hot(x % modulus).double() @ noise(modulus, 24) + 0.1 * noise(100, 24, seed=1)
    probe = pm.embeddings.residue_probe(table, modulus)
    assert probe.accuracy == 1
    assert torch.equal(probe.predicted, x % modulus)
    assert pm.embeddings.residue_probe(table, 7).accuracy < 0.3
    assert repr(probe) == f"ResidueProbe(modulus={modulus}, accuracy=1.000, chance={1 / modulus:.3f}, tokens=100)"


def test_of_noise_the_probe_guesses():
    accuracies = [pm.embeddings.residue_probe(noise(63, 10, seed=s), 3, folds=4, seed=s).accuracy for s in range(60)]
    assert sum(accuracies) / 60 == pytest.approx(1 / 3, abs=0.03)


def test_one_fold_is_ridge_regression_by_its_normal_equations():
    """Every row is a fold: the weights that predict it, written out, with the strength that the probe says it chose."""
    x, table = torch.arange(14) + 3, noise(14, 5)
    probe = pm.embeddings.residue_probe(table, 3, positions=x, folds=14)
    (order,) = [torch.cat([rows[torch.randperm(len(rows), generator=generator)] for rows in residues])
                for generator, residues in [(torch.Generator().manual_seed(0),
                                             [(x % 3 == r).nonzero().flatten() for r in range(3)])]]  # fmt: skip
    for fold, row in enumerate(order):
        rest = torch.arange(14) != row
        train, kinds = table[rest], torch.nn.functional.one_hot(x[rest] % 3).double()
        centered = train - train.mean(0)
        strength = probe.strengths[fold] * torch.linalg.svdvals(centered).square().mean()
        target = kinds / kinds.mean(0) - 1
        weights = torch.linalg.solve(centered.T @ centered + strength * torch.eye(5), centered.T @ target)
        assert ((table[row] - train.mean(0)) @ weights).argmax() == probe.predicted[row]


def test_the_strength_has_the_least_error_on_rows_that_are_left_out():
    table, kinds = noise(13, 4), torch.arange(13) % 3
    table[:, :3] += 0.7 * torch.nn.functional.one_hot(kinds).double()
    probe = pm.embeddings.residue_probe(torch.cat([table, 0 * table[:1]]), 3, folds=14)
    (fold,) = [f for f in range(14) if f == _fold_of_last(14, 3)]
    target = torch.nn.functional.one_hot(kinds).double()
    target = target / target.mean(0) - 1
    unit = torch.linalg.svdvals(table - table.mean(0)).square().mean()
    errors = {}
    for strength in torch.logspace(-4, 4, 25, dtype=torch.float64):
        # A constant that is fitted without a penalty, as a column of its own.
        columns = torch.cat([torch.ones(13, 1, dtype=torch.float64), table], 1)
        penalty = torch.diag(torch.tensor([0.0, *[float(strength * unit)] * 4], dtype=torch.float64))
        missed = 0.0
        for row in range(13):
            rest = torch.arange(13) != row
            weights = torch.linalg.solve(columns[rest].T @ columns[rest] + penalty, columns[rest].T @ target[rest])
            missed += float((columns[row] @ weights - target[row]).square().sum())
        errors[float(strength)] = missed
    assert probe.strengths[fold].item() == pytest.approx(min(errors, key=errors.get))
    assert 1e-4 < probe.strengths[fold] < 1e4


def _fold_of_last(count, modulus):
    """The fold of the last token, with every token a fold."""
    generator, residues = torch.Generator().manual_seed(0), torch.arange(count) % modulus
    rows = [(residues == r).nonzero().flatten() for r in range(modulus)]
    order = torch.cat([each[torch.randperm(len(each), generator=generator)] for each in rows])
    return int((order == count - 1).nonzero())


def test_a_residue_is_not_preferred_because_the_training_rows_have_more_of_it():
    x = torch.arange(60)
    table = torch.stack([x / 60, wave(x, 10), wave(x, 10, 1.5)], 1)
    assert pm.embeddings.residue_probe(table, 10).accuracy > 0.9


def test_the_probe_takes_numbers_in_any_order_and_shows_its_progress():
    x = torch.randperm(40, generator=torch.Generator().manual_seed(0)) + 5
    table = torch.stack([wave(x, 5), wave(x, 5, math.pi / 2)], 1)
    seen = []
    probe = pm.embeddings.residue_probe(table, 5, positions=x, folds=4, progress=lambda f: seen.append(len(f)) or f)
    assert probe.accuracy == 1
    assert seen == [4]
    assert not pm.embeddings.residue_probe(table.requires_grad_(), 5, positions=x).strengths.requires_grad
