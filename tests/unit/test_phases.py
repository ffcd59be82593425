import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

import progress_measures as pm
from tests._runs import never_learned, noisy

STEPS = np.arange(0, 20_001, 250)


def run(*, memorized=1000, fell=6000, settled=9000, steps=STEPS, end=None):
    """Curves of a run that groks, with the boundaries where they are asked for."""
    s = np.asarray(steps, dtype=float)
    excluded = np.interp(s, [0, memorized, memorized + 4000, 30_000], [4.7, 0.3, 9.0, 6.0])
    test = np.interp(s, [0, memorized, fell, fell + 1000, 30_000], [4.8, 20.0, np.log(113), 1e-3, 1e-6])
    # Weights end at 1000; 1050 is crossed at `settled`.
    weights = np.interp(s, [0, 500, fell, settled, settled + 500, 30_000], [1800, 3600, 2500, 1050, 1000, 1000])
    keep = s <= (s[-1] if end is None else end)
    return pm.Trajectory(
        np.asarray(steps)[keep],
        {"excluded_loss": excluded[keep], "test_loss": test[keep], "sum_squared_weights": weights[keep]},
    )


def test_boundaries_are_where_they_were_put():
    assert pm.find_phases(run(), answers=113) == pm.Phases(1000, 6000, 9000)


def test_boundaries_between_recorded_steps_are_interpolated():
    phases = pm.find_phases(run(fell=6120, settled=9130), answers=113)
    assert phases.circuit_formation_end == pytest.approx(6120, abs=50)
    assert phases.cleanup_end == pytest.approx(9130, abs=100)


@given(st.integers(0, 20_000), st.integers(200, 3000), st.integers(3500, 9000), st.integers(200, 8000))
def test_boundaries_are_in_order_and_inside_the_run(end, memorized, fell, cleanup):
    trajectory = run(memorized=memorized, fell=fell, settled=fell + cleanup, end=end)
    phases = pm.find_phases(trajectory, answers=113)
    known = [step for step in vars(phases).values() if step is not None]
    assert known == sorted(known)
    assert all(trajectory.steps[0] <= step <= trajectory.steps[-1] for step in known)


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (750, (None, None, None)),  # still memorizing
        (1000, (None, None, None)),  # at the bottom, as far as can be known
        (1500, (1000, None, None)),
        (5750, (1000, None, None)),
        (6250, (1000, 6000, None)),
        (8000, (1000, 6000, None)),  # the weights still fall
        (9250, (1000, 6000, None)),  # near where they settle, but not for long
        (15_000, (1000, 6000, 9000)),
    ],
)
def test_a_run_cut_short_has_none(end, expected):
    assert pm.find_phases(run(end=end), answers=113) == pm.Phases(*expected)


def test_a_run_that_never_groks_has_none():
    # Without weight decay: excluded loss falls and stays, test loss stays above chance, weights grow.
    decline = 4.7 * np.exp(-STEPS / 300)
    noise = 1e-4 * np.random.default_rng(0).normal(size=len(STEPS))
    trajectory = pm.Trajectory(
        STEPS,
        {
            "excluded_loss": decline + np.abs(noise),
            "test_loss": 20 - 10 * np.exp(-STEPS / 300),
            "sum_squared_weights": 1800 + 10 * np.sqrt(STEPS),
        },
    )
    assert pm.find_phases(trajectory, answers=113) == pm.Phases(None, None, None)


def changed(trajectory, **changes):
    """The trajectory with some columns changed at some steps: name -> {step: value}."""
    columns = {name: values.clone() for name, values in trajectory.columns.items()}
    for name, values in changes.items():
        for step, value in values.items():
            columns[name][trajectory.steps == step] = value
    return pm.Trajectory(trajectory.steps, columns)


@pytest.mark.parametrize(
    "changes",
    [
        {"test_loss": {2000: 4.5}},  # below chance for a moment while the circuit forms
        {"test_loss": {15_000: 9.0, 15_250: 7.0}},  # slingshots
        {"test_loss": {0: 4.70}},  # below chance by chance
        {"excluded_loss": {18_000: 0.1}},
        {"excluded_loss": {2500: 0.01}},  # dips of one step before the circuit is formed
        {"excluded_loss": {3000: 0.01, 4000: 0.0}},
        {"excluded_loss": {250: 0.01}},
        {"excluded_loss": {20_000: 0.0}},
        {"sum_squared_weights": {7000: 900.0}},
        {"sum_squared_weights": {19_750: 1300.0, 20_000: 1400.0}},
    ],
)
def test_noise_and_spikes_move_nothing(changes):
    assert pm.find_phases(changed(run(), **changes), answers=113) == pm.Phases(1000, 6000, 9000)


def test_a_run_that_generalizes_at_once_has_no_memorization_to_end():
    trajectory = run()
    below = changed(trajectory, test_loss={int(step): 1.0 for step in trajectory.steps[1:]})
    phases = pm.find_phases(below, answers=113)
    assert phases.memorization_end is None
    assert 0 < phases.circuit_formation_end < 250


@pytest.mark.parametrize("above", [1e-4, 0.0, -1e-15, -1e-4, -0.2])
def test_whether_the_first_loss_is_above_chance_does_not_matter(above):
    first = np.log(113) + above
    at_once = pm.Trajectory(
        [0, 50, 100, 150, 200, 300, 400, 500, 600, 700, 800, 900, 1000],
        {
            "excluded_loss": [first, 4, 5, 6, 7, 8, *[9] * 7],
            "test_loss": [first, 3, 1, 0.3, 0.1, 0.03, *[0.01] * 7],
            "sum_squared_weights": [2000, 1900, 1700, 1500, 1300, 1200, 1100, *[1000] * 6],
        },
    )
    phases = pm.find_phases(at_once, answers=113)
    assert (phases.memorization_end, phases.cleanup_end) == (None, 450)
    assert 0 <= phases.circuit_formation_end <= 10
    sparse = pm.Trajectory(
        range(0, 35_000, 5000),
        {
            "excluded_loss": [first, 0.01, 8, 8, 8, 8, 8],
            "test_loss": [first, 20, 1, 0.01, 1e-3, 1e-4, 1e-4],
            "sum_squared_weights": [1800, 3300, 1300, 1200, 1200, 1200, 1200],
        },
    )
    assert pm.find_phases(sparse, answers=113) == pm.Phases(5000, 9019, 12_000)


@pytest.mark.parametrize(
    "weights", [np.full(len(STEPS), 7.0), 1000.0 + STEPS, np.where(STEPS > 18_000, 9000.0, 2000.0)]
)
def test_weights_that_do_not_come_down_have_no_cleanup(weights):
    trajectory = run()
    columns = dict(trajectory.columns) | {"sum_squared_weights": weights}
    assert pm.find_phases(pm.Trajectory(trajectory.steps, columns), answers=113) == pm.Phases(1000, 6000, None)


def test_test_loss_that_leaves_chance_and_does_not_come_back():
    rising = np.concatenate([[4.7275, 4.7270, 4.7271], np.linspace(5, 20, len(STEPS) - 3)])
    columns = dict(run().columns) | {"test_loss": rising}
    assert pm.find_phases(pm.Trajectory(STEPS, columns), answers=113) == pm.Phases(1000, None, None)


def test_a_run_recorded_too_late_does_not_guess():
    trajectory = run(steps=np.arange(7000, 20_001, 250))
    phases = pm.find_phases(trajectory, answers=113)
    assert phases.circuit_formation_end is None
    assert phases.cleanup_end is None


def test_a_run_recorded_from_circuit_formation_on_has_no_memorization_end():
    phases = pm.find_phases(run(steps=np.arange(2000, 20_001, 250)), answers=113)
    assert phases == pm.Phases(None, 6000, 9000)


def test_chance_depends_on_the_number_of_answers():
    assert (
        pm.find_phases(run(), answers=10**6).circuit_formation_end
        < pm.find_phases(run(), answers=113).circuit_formation_end
    )


def test_one_recorded_step():
    one = pm.Trajectory([7], {"excluded_loss": [1.0], "test_loss": [1.0], "sum_squared_weights": [1.0]})
    assert pm.find_phases(one, answers=113) == pm.Phases(None, None, None)


@pytest.mark.parametrize(
    ("end", "changes", "expected"),
    [
        (4000, {"test_loss": {4000: 1.0}}, (1000, None, None)),  # fallen, or a spike?
        (4000, {"excluded_loss": {4000: 0.0}}, (1000, None, None)),
        (1000, {"excluded_loss": {750: 5.0}}, (None, None, None)),
        (1500, {"excluded_loss": {1250: 0.3}}, (None, None, None)),  # risen, or a spike?
    ],
)
def test_the_last_step_of_a_run_cut_short_shows_nothing_alone(end, changes, expected):
    assert pm.find_phases(changed(run(end=end), **changes), answers=113) == pm.Phases(*expected)


def test_one_spike_is_no_rise_of_excluded_loss():
    never = pm.Trajectory(STEPS, dict(run().columns) | {"excluded_loss": 4.7 * np.exp(-STEPS / 300)})
    assert pm.find_phases(never, answers=113).memorization_end is None
    spike = changed(never, excluded_loss={10_000: 3.0})
    assert pm.find_phases(spike, answers=113).memorization_end is None


@pytest.mark.parametrize("seed", range(20))
def test_a_run_that_stays_at_chance_to_less_than_a_percent_has_none(seed):
    noise = np.random.default_rng(seed).normal(size=(3, len(STEPS)))
    columns = {
        "excluded_loss": np.log(113) + 0.03 * noise[0],
        "test_loss": np.log(113) + 0.03 * noise[1],
        "sum_squared_weights": 1800 + 20 * noise[2],
    }
    assert pm.find_phases(pm.Trajectory(STEPS, columns), answers=113) == pm.Phases(None, None, None)


NONE = pm.Phases(None, None, None)


@pytest.mark.parametrize("size", [0.02, 0.05, 0.2])
@pytest.mark.parametrize("count", [40, 200])
def test_noise_around_chance_has_no_phases(count, size):
    generator = np.random.default_rng(0)
    runs = [never_learned(count, generator, size=size) for _ in range(100)]
    assert np.mean([pm.find_phases(run, answers=113) != NONE for run in runs]) <= 0.01
    leads = [pm.lead_times(run, answers=113) for run in runs]
    assert np.mean([lead != pm.phases.LeadTimes(None, None, None) for lead in leads]) <= 0.01


@pytest.mark.parametrize("size", [0.05, 0.2])
@pytest.mark.parametrize("level", [0.05, 0.5, 1.5])
def test_noise_around_what_was_memorized_is_no_rise(level, size):
    s, generator, ends = np.arange(100), np.random.default_rng(0), 0
    for _ in range(100):
        columns = {"excluded_loss": level + 4.2 * np.exp(-s / 2), "test_loss": np.full(100, 20.0)}
        memorized = pm.Trajectory(s, columns | {"sum_squared_weights": np.full(100, 1800.0)})
        ends += pm.find_phases(noisy(memorized, generator, size=size), answers=113).memorization_end is not None
    assert ends <= 1


@pytest.mark.parametrize(
    "test_loss",
    [
        [4.8] + [4.4, 4.9] * 20 + [4.4, 4.4],  # a fall that 20 steps contradict
        [4.8] * 30 + [4.4, 4.4],  # one by 8 % of chance
        [9.0] * 30 + [4.6] * 30,  # one to 3 % below chance
    ],
)
def test_test_loss_that_stays_near_chance_does_not_fall(test_loss):
    columns = dict.fromkeys(["excluded_loss", "sum_squared_weights"], np.full(len(test_loss), 3.0))
    run = pm.Trajectory(np.arange(len(test_loss)), columns | {"test_loss": test_loss})
    assert pm.find_phases(run, answers=113) == NONE


def test_a_fall_is_contradicted_by_a_third_of_its_shorter_side_at_most():
    def found(contradicting):
        test_loss = np.array([9.0] * 12 + [1.0] * 24)
        test_loss[1 : 2 * contradicting : 2] = 1.0
        columns = {"excluded_loss": np.full(36, 3.0), "test_loss": test_loss, "sum_squared_weights": np.full(36, 3.0)}
        return pm.find_phases(pm.Trajectory(range(36), columns), answers=113).circuit_formation_end

    assert [found(count) for count in (0, 1, 4)] == [12, 12, 12]  # where 9 falls to 1, past 4.7
    assert found(5) is None


@pytest.mark.parametrize("again", [2000, 6000, 12_000])
def test_of_a_run_that_groks_twice_the_last_time_counts(again):
    first = run(fell=3000)["test_loss"].numpy()
    undone = (STEPS > 5000) & (5000 + again >= STEPS)
    twice = pm.Trajectory(STEPS, dict(run().columns) | {"test_loss": np.where(undone, 9.0, first)})
    assert pm.find_phases(twice, answers=113).circuit_formation_end == pytest.approx(5000 + again, abs=250)


def test_a_moment_above_chance_is_no_second_time():
    first = run(fell=3000)["test_loss"].numpy()
    shortly = pm.Trajectory(
        STEPS, dict(run().columns) | {"test_loss": np.where((STEPS > 5000) & (STEPS < 6000), 9.0, first)}
    )
    assert pm.find_phases(shortly, answers=113).circuit_formation_end == 3000


def test_a_bottom_stands_out_of_its_noise():
    def found(rise):
        excluded = np.array([4.0, *[1.0, 1.1] * 20, 0.9, 0.9, *[rise, 1.1 * rise] * 20])  # a scatter of ln 1.1
        columns = {"excluded_loss": excluded, "test_loss": np.full(83, 9.0), "sum_squared_weights": np.full(83, 3.0)}
        return pm.find_phases(pm.Trajectory(range(83), columns), answers=113).memorization_end

    # 0.9 · 1.1⁸ = 1.93, and a median of the logarithms after it of √1.1 times `rise`, less one value.
    assert found(1.7) is None
    assert found(2.0) == 41


@given(st.floats(0, 30), st.floats(0, 30), st.floats(0, 4000), st.integers(1, 60))
def test_constant_curves_have_no_phases(excluded, test, weights, count):
    values = {"excluded_loss": excluded, "restricted_loss": excluded, "test_loss": test, "sum_squared_weights": weights}
    constant = pm.Trajectory(range(count), {name: np.full(count, value) for name, value in values.items()})
    assert pm.find_phases(constant, answers=113) == NONE
    assert pm.lead_times(constant, answers=113) == pm.phases.LeadTimes(None, None, None)


@given(st.integers(1, 1000), st.integers(0, 10**6), st.integers(0, 2**32), st.sampled_from([0.0, 0.05, 0.2]))
def test_boundaries_move_with_the_steps(scale, start, seed, size):
    trajectory = noisy(run(fell=6120, settled=9130), np.random.default_rng(seed), size=size)
    phases = pm.find_phases(trajectory, answers=113)
    moved = pm.find_phases(pm.Trajectory(scale * trajectory.steps + start, trajectory.columns), answers=113)
    for name, step in vars(phases).items():
        if step is None:
            assert getattr(moved, name) is None
        else:
            assert getattr(moved, name) == pytest.approx(scale * step + start, abs=scale / 2 + 1)


@given(st.integers(1, 200))
def test_settled_steps_at_the_end_change_nothing(more):
    trajectory = run(fell=6120, settled=9130)
    steps = np.concatenate([STEPS, STEPS[-1] + 250 * np.arange(1, more + 1)])
    columns = {name: np.pad(values, (0, more), mode="edge") for name, values in trajectory.columns.items()}
    longer = pm.find_phases(pm.Trajectory(steps, columns), answers=113)
    assert longer == pm.find_phases(trajectory, answers=113)


@pytest.mark.parametrize("name", ["excluded_loss", "test_loss", "sum_squared_weights", "train_loss"])
def test_a_column_is_read_where_it_was_measured(name):
    columns = dict(run().columns) | {"train_loss": 4.7 * np.exp(-STEPS / 200)}
    gap = changed(pm.Trajectory(STEPS, columns), **{name: {500: np.nan}})
    assert pm.find_phases(gap, answers=113) == pm.Phases(1000, 6000, 9000)


def test_columns_that_were_logged_at_different_steps():
    whole, columns = run(), {}
    for place, (name, values) in enumerate(whole.columns.items()):
        steps = torch.isin(whole.steps % 750, 250 * place)
        columns[name] = values.where(steps, torch.nan)
    phases = pm.find_phases(pm.Trajectory(STEPS, columns), answers=113)
    for name, (earliest, latest) in phases.intervals(STEPS).items():
        assert latest - earliest <= 500
        first, last = phases.events[name].interval
        assert last - first in (750, 1500)  # of the steps at which its own column was measured
        assert first <= getattr(pm.find_phases(whole, answers=113), name) <= last


def test_an_infinite_loss_is_above_every_level():
    infinite = changed(run(), test_loss={0: np.nan, 500: np.inf, 5750: np.inf})
    assert pm.find_phases(infinite, answers=113) == pm.Phases(1000, 6000, 9000)
    diverged = changed(run(end=8000), test_loss={int(step): np.inf for step in STEPS[(STEPS > 6500) & (STEPS <= 8000)]})
    assert pm.find_phases(diverged, answers=113).circuit_formation_end is None


def test_minus_infinity_is_met_with_how_to_leave_it_out():
    infinite = changed(run(), test_loss={0: np.nan, 500: -np.inf})
    with pytest.raises(ValueError, match="must be finite") as caught:
        pm.find_phases(infinite, answers=113)
    assert str(caught.value) == (
        "`test_loss` must be finite. Got 1 non-finite of 81 values, the first (-inf) at step number (2,). "
        "Leave such steps out: pass trajectory.complete(['test_loss'])."
    )
    assert pm.find_phases(infinite.complete(["test_loss"]), answers=113) == pm.Phases(1000, 6000, 9000)


def test_a_column_by_another_name_is_pointed_to():
    columns = dict(run().columns)
    other = pm.Trajectory(STEPS, {"val_loss": columns.pop("test_loss"), **columns})
    event = pm.find_phases(other, answers=113).events["circuit_formation_end"]
    assert (event.absent, event.reason) == ("not recorded", "test_loss has no number; 'val_loss' may be: rename it")


ABSENT = {
    "memorization_end": "excluded_loss",
    "circuit_formation_end": "test_loss",
    "cleanup_end": "sum_squared_weights",
}


@pytest.mark.parametrize(
    "kept", [{"test_loss"}, {"excluded_loss"}, {"sum_squared_weights"}, {"test_loss", "excluded_loss"}]
)
def test_each_boundary_that_the_columns_allow(kept):
    whole = run()
    phases = pm.find_phases(whole.select(sorted(kept)), answers=113)
    for name, column in ABSENT.items():
        if column in kept and (name != "cleanup_end" or "test_loss" in kept):
            assert getattr(phases, name) == getattr(pm.find_phases(whole, answers=113), name)
        else:
            assert getattr(phases, name) is None
            assert phases.events[name].absent == "not recorded"


def test_a_constant_column_tells_nothing():
    constant = pm.Trajectory(STEPS, dict(run().columns) | {"sum_squared_weights": np.zeros(len(STEPS))})
    phases = pm.find_phases(constant, answers=113)
    assert phases == pm.Phases(1000, 6000, None)
    assert phases.events["cleanup_end"].absent == "cannot be told"
    assert phases.events["cleanup_end"].reason == "sum_squared_weights is 0 at every step"
    assert repr(phases) == (
        "Phases(memorization_end=1000 (750 to 1250), circuit_formation_end=6000 (5750 to 6250), "
        "cleanup_end=None: cannot be told)"
    )


def test_memorization_does_not_end_before_training_loss_has_fallen():
    def end(train):
        columns = dict(run().columns) | {"train_loss": np.where(STEPS < 900, 4.7, train * np.log(113))}
        return pm.find_phases(pm.Trajectory(STEPS, columns), answers=113)

    assert end(0.49).memorization_end == 1000
    early = end(0.51)
    assert (early.memorization_end, early.circuit_formation_end) == (None, 6000)
    assert early.events["memorization_end"].absent == "not reached"
    assert "least at step 1000" in early.events["memorization_end"].reason


def test_without_any_known_column_the_message_lists_all_names_whole():
    foreign = pm.Trajectory([0, 1], {name: [1.0, 2.0] for name in ("train/loss", "test/loss", "fps")})
    with pytest.raises(ValueError, match="must have a number in one of") as caught:
        pm.find_phases(foreign, answers=113)
    assert str(caught.value) == (
        "`trajectory` must have a number in one of the columns 'train_loss', 'test_loss', 'train_accuracy', "
        "'test_accuracy', 'excluded_loss', 'restricted_loss', 'sum_squared_weights'. "
        "Got 'train/loss', 'test/loss', 'fps'. Rename what is the same by another name: "
        "trajectory.select({'train/loss': 'train_loss', 'test/loss': 'test_loss'}), or where it is read, "
        "rename={'train_loss': 'train/loss', 'test_loss': 'test/loss'} or "
        "--rename train_loss=train/loss test_loss=test/loss."
    )
    renamed = foreign.select({"train/loss": "train_loss", "test/loss": "test_loss"})
    assert pm.find_phases(renamed, answers=113) == NONE


def test_a_boundary_that_more_training_may_move_has_not_settled():
    def settled(end):
        return {name: event.settled for name, event in pm.find_phases(run(end=end), answers=113).events.items()}

    assert settled(20_000) == dict.fromkeys(ABSENT, True)
    assert settled(11_000) == {"memorization_end": True, "circuit_formation_end": True, "cleanup_end": False}
    assert settled(7000)["circuit_formation_end"] is False
    assert "9000 (8750 to 9250), not settled" in repr(pm.find_phases(run(end=11_000), answers=113))


@pytest.mark.parametrize(
    ("phases", "step", "expected"),
    [
        (pm.Phases(1000, 6000, 9000), 0, "memorization"),
        (pm.Phases(1000, 6000, 9000), 1000, "memorization"),
        (pm.Phases(1000, 6000, 9000), 1001, "circuit formation"),
        (pm.Phases(1000, 6000, 9000), 6001, "cleanup"),
        (pm.Phases(1000, 6000, 9000), 9001, "after cleanup"),
        (pm.Phases(1000, None, None), 50_000, "circuit formation"),
        (pm.Phases(None, None, None), 50_000, "memorization"),
        (pm.Phases(None, 6000, 9000), 500, "memorization or circuit formation"),
        (pm.Phases(None, 6000, None), 7000, "cleanup"),
    ],
)
def test_the_phase_at_a_step(phases, step, expected):
    assert phases.at(step) == expected


def test_the_phase_at_a_step_where_a_column_is_missing():
    only_test = pm.find_phases(run().select(["test_loss"]), answers=113)
    assert only_test.at(3000) == "memorization or circuit formation"
    assert only_test.at(7000) == "cleanup or after cleanup"
    only_excluded = pm.find_phases(run().select(["excluded_loss"]), answers=113)
    assert only_excluded.at(500) == "memorization"
    assert only_excluded.at(9000) == "circuit formation or cleanup or after cleanup"
    assert pm.find_phases(run(end=11_000), answers=113).at(11_000) == "after cleanup (not settled)"


def test_steps_may_be_negative():
    shifted = pm.Trajectory(STEPS - 30_000, run().columns)
    phases = pm.find_phases(shifted, answers=113)
    assert phases == pm.Phases(-29_000, -24_000, -21_000)
    assert phases.at(-25_000) == "circuit formation"


def test_copies_keep_the_events():
    phases = pm.find_phases(run(end=11_000), answers=113)
    for copied in (copy.copy(phases), copy.deepcopy(phases), pickle.loads(pickle.dumps(phases))):
        assert copied == phases
        assert copied.events == phases.events
    assert [*vars(phases)] == [*ABSENT]


@pytest.mark.parametrize("grid", ["even", "logarithmic"])
def test_noise_on_any_grid_loses_no_circuit_formation(grid):
    steps = STEPS if grid == "even" else np.unique(np.geomspace(1, 20_000, 120).astype(int))
    generator = np.random.default_rng(0)
    found = [pm.find_phases(noisy(run(steps=steps), generator, size=0.05), answers=113) for _ in range(50)]
    assert all(phases.circuit_formation_end is not None for phases in found)


SLINGSHOT = (STEPS > 3000) & (STEPS < 4200)


def slung(**train):
    """A run with a slingshot of several recorded steps, in which excluded loss falls below where it bottomed out."""
    columns = dict(run().columns)
    columns["excluded_loss"] = np.where(SLINGSHOT, 0.1, columns["excluded_loss"])
    columns["test_loss"] = np.where(SLINGSHOT, 4.0, columns["test_loss"])
    return pm.Trajectory(STEPS, columns | train)


def test_no_bottom_lies_in_a_slingshot():
    train = np.where(SLINGSHOT, 0.02, 4.7 * np.exp(-STEPS / 200) + 1e-5)
    assert pm.find_phases(slung(train_loss=train), answers=113) == pm.Phases(1000, 6000, 9000)
    # Only training loss tells a slingshot from memorization.
    assert 3000 < pm.find_phases(slung(), answers=113).memorization_end < 4200


def test_training_loss_that_rises_among_rounding_errors_is_no_slingshot():
    train = np.where(STEPS < 500, 1e-12, 1e-7)
    columns = dict(run().columns) | {"train_loss": train}
    assert pm.find_phases(pm.Trajectory(STEPS, columns), answers=113) == pm.Phases(1000, 6000, 9000)


def test_excluded_loss_that_rises_from_the_start_has_no_bottom():
    columns = dict(run().columns) | {"excluded_loss": np.interp(STEPS, [0, 250, 5000, 20_000], [4.7, 4.6, 12.0, 9.0])}
    assert pm.find_phases(pm.Trajectory(STEPS, columns), answers=113).memorization_end is None


def test_weights_that_still_fall_have_not_settled():
    def cleanup_end(*weights):
        columns = {"sum_squared_weights": np.interp(STEPS, [0, 500, 6000, 8000, 20_000], weights)}
        return pm.find_phases(pm.Trajectory(STEPS, dict(run().columns) | columns), answers=113).cleanup_end

    assert cleanup_end(1800, 3600, 2000, 1400, 1000) is None  # by 6 % from the last tenth but one to the last
    assert cleanup_end(1800, 3600, 2000, 1100, 1080) == pytest.approx(7920, abs=10)


def test_steps_in_other_units_give_boundaries_in_these():
    trajectory = run(fell=6120, settled=9130)
    phases = pm.find_phases(trajectory, answers=113)
    longer = pm.find_phases(pm.Trajectory(7 * trajectory.steps, trajectory.columns), answers=113)
    for name, step in vars(phases).items():
        assert getattr(longer, name) == pytest.approx(7 * step, abs=7)


@given(st.sets(st.integers(1, len(STEPS) - 2), min_size=8))
def test_wherever_a_run_is_recorded_the_intervals_hold_its_boundaries(kept):
    whole, index = run(fell=6120), [0, *sorted(kept), len(STEPS) - 1]
    sparse = pm.Trajectory(whole.steps[index], {name: values[index] for name, values in whole.columns.items()})
    phases = pm.find_phases(sparse, answers=113)
    intervals = phases.intervals(sparse.steps)
    for name, step in (("memorization_end", 1000), ("circuit_formation_end", 6120)):
        if intervals[name] is not None:
            earliest, latest = intervals[name]
            assert earliest <= step <= latest
            assert earliest <= getattr(phases, name) <= latest


def test_intervals_are_between_the_nearest_recorded_steps():
    intervals = pm.Phases(1000, 2734, None).intervals(torch.tensor([0, 900, 1000, 2000, 3000]))
    assert intervals == {"memorization_end": (900, 2000), "circuit_formation_end": (2000, 3000), "cleanup_end": None}
    assert pm.Phases(0, 5, None).intervals([0, 5]) == {
        "memorization_end": (0, 5),
        "circuit_formation_end": (0, 5),
        "cleanup_end": None,
    }


FOUND = {
    "a": pm.Phases(1200, 4630, 7628),
    "b": pm.Phases(800, 4180, None),
    "c": pm.Phases(1400, 8315, None),
    "d": pm.Phases(1300, None, None),
}


@pytest.mark.parametrize("kind", [dict, lambda runs: list(runs.values()), lambda runs: iter(runs.values())])
def test_spread_is_of_the_runs_that_reached_a_boundary(kind):
    assert pm.phase_spread(kind(FOUND)) == {
        "memorization_end": pm.phases.PhaseSpread(4, 4, 1250.0, 800, 1400),
        "circuit_formation_end": pm.phases.PhaseSpread(4, 3, 4630.0, 4180, 8315),
        "cleanup_end": pm.phases.PhaseSpread(4, 1, 7628.0, 7628, 7628),
    }


def test_spread_of_trajectories_is_that_of_their_phases():
    runs = {"early": run(fell=5000), "late": run(fell=7000), "cut": run(end=4000)}
    spread = pm.phase_spread(runs, answers=113)
    assert spread == pm.phase_spread([pm.find_phases(each, answers=113) for each in runs.values()])
    assert spread["circuit_formation_end"] == pm.phases.PhaseSpread(3, 2, 6000.0, 5000, 7000)


def test_runs_that_cannot_tell_are_not_counted():
    flat = pm.Trajectory(STEPS, dict(run().columns) | {"test_loss": np.ones(len(STEPS))})
    runs = [run(fell=5000), run().select(["excluded_loss"]), flat]
    spread = pm.phase_spread(runs, answers=113)
    assert spread["memorization_end"] == pm.phases.PhaseSpread(3, 3, 1000.0, 1000, 1000)
    assert spread["circuit_formation_end"] == pm.phases.PhaseSpread(1, 1, 5000.0, 5000, 5000)
    assert pm.phase_spread(runs[1:], answers=113)["cleanup_end"] == pm.phases.PhaseSpread(0, 0, None, None, None)


def test_spread_of_nothing_reached():
    assert pm.phase_spread([pm.Phases(None, None, None)])["cleanup_end"] == pm.phases.PhaseSpread(
        1, 0, None, None, None
    )
