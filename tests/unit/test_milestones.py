import copy

import numpy as np
import pytest
import torch

import progress_measures as pm

STEPS = np.arange(0, 5001, 100)


def run(*, memorized=300, generalized=3000, **columns):
    """Accuracies that reach 99 % where they are asked to."""
    train = np.interp(STEPS, [0, memorized], [0.0, 0.99])
    test = np.interp(STEPS, [0, memorized, generalized], [0.0, 0.0, 0.99])
    return pm.Trajectory(STEPS, {"train_accuracy": train, "test_accuracy": test} | columns)


def relapsing(*spells, low=0.5):
    """The run with spells of lower test accuracy, from one step until before another."""
    test = run()["test_accuracy"].clone()
    for start, end in spells:
        test[(start <= STEPS) & (end > STEPS)] = low
    return run(test_accuracy=test)


def test_milestones_are_where_they_were_put():
    milestones = pm.milestones(run(), answers=113)
    assert milestones == pm.phases.Milestones(300, 3000, 2700, 0)
    assert milestones.events["memorized"] == pm.phases.Event(300, (200, 300), reason="train_accuracy is 0.99")
    assert milestones.events["delay"].interval == (2900 - 300, 3000 - 200)
    assert repr(milestones) == (
        "Milestones(memorized=300 (200 to 300), generalized=3000 (2900 to 3000), delay=2700 (2600 to 2800), relapses=0)"
    )


def test_milestones_between_recorded_steps_are_interpolated():
    steep = pm.Trajectory([0, 100, 200], {"train_accuracy": [0.0, 0.5, 1.0], "test_loss": [5.0, 1.01, 0.0]})
    milestones = pm.milestones(steep, answers=113)
    assert (milestones.memorized, milestones.generalized) == (198, 199)
    assert milestones.events["generalized"].interval == (100, 200)


@pytest.mark.parametrize("accuracy", [True, False])
def test_losses_are_for_runs_without_accuracies(accuracy):
    losses = {
        "train_loss": np.interp(STEPS, [0, 1000], [4.7, 0.01]),
        "test_loss": np.interp(STEPS, [0, 4000], [4.7, 0.01]),
    }
    trajectory = run(**losses) if accuracy else pm.Trajectory(STEPS, losses)
    expected = (300, 3000) if accuracy else (1000, 4000)
    milestones = pm.milestones(trajectory, answers=113)
    assert (milestones.memorized, milestones.generalized) == expected


def test_percents_are_shares():
    shares = run()
    percents = pm.Trajectory(STEPS, {name: 100 * values for name, values in shares.columns.items()})
    assert pm.milestones(percents, answers=113) == pm.milestones(shares, answers=113)


@pytest.mark.parametrize("wrong", [-0.01, 100.1])
def test_other_accuracies_are_refused(wrong):
    accuracy = run()["test_accuracy"].clone()
    accuracy[3] = wrong
    with pytest.raises(ValueError, match="must be shares from 0 to 1, or percents from 0 to 100") as caught:
        pm.milestones(run(test_accuracy=accuracy), answers=113)
    assert str(caught.value) == (
        f"`test_accuracy` must be shares from 0 to 1, or percents from 0 to 100. Got {wrong:g}."
    )


@pytest.mark.parametrize(
    ("spells", "low", "expected"),
    [
        ([], 0.5, ()),
        ([(3500, 3600)], 0.5, (3500,)),
        ([(3500, 4000), (4500, 4700)], 0.5, (3500, 4500)),
        ([(4500, 6000)], 0.5, (4500,)),  # to the end
        ([(1000, 2000)], 0.0, ()),  # before it generalizes
        ([(3500, 4000)], 0.9, ()),  # not below 90 %
        ([(3500, 4000)], 0.899, (3500,)),
    ],
)
def test_relapses_are_counted_after_generalization(spells, low, expected):
    milestones = pm.milestones(relapsing(*spells, low=low), answers=113)
    assert (milestones.relapses, milestones.relapse_steps) == (len(expected), expected)


def test_a_relapse_lasts_until_accuracy_is_back():
    test = run()["test_accuracy"].clone()
    test[torch.from_numpy(STEPS) >= 3500] = 0.5
    test[[36, 38, 40]] = 0.95  # not yet back
    assert pm.milestones(run(test_accuracy=test), answers=113).relapses == 1
    test[38] = 0.99
    assert pm.milestones(run(test_accuracy=test), answers=113).relapse_steps == (3500, 3900)


@pytest.mark.parametrize(("loss", "expected"), [(0.1 * np.log(113), 0), (0.11 * np.log(113), 1)])
def test_relapses_by_loss(loss, expected):
    test = np.where(STEPS < 3000, 9.0, 0.001)
    test[40] = loss
    assert pm.milestones(pm.Trajectory(STEPS, {"test_loss": test}), answers=113).relapses == expected
    assert pm.milestones(pm.Trajectory(STEPS, {"test_loss": test}), answers=10**6).relapses == 0


def test_a_run_that_never_generalizes():
    milestones = pm.milestones(run(test_accuracy=np.full(len(STEPS), 0.3)), answers=113)
    assert milestones == pm.phases.Milestones(300, None, None, 0)
    assert milestones.events["generalized"].absent == milestones.events["delay"].absent == "not reached"
    assert milestones.events["generalized"].reason == "test_accuracy is 0.3 at most"


def test_what_was_not_recorded():
    milestones = pm.milestones(run().select("train_accuracy"), answers=113)
    assert milestones == pm.phases.Milestones(300, None, None, None)
    assert milestones.events["generalized"].absent == milestones.events["relapses"].absent == "not recorded"
    assert pm.milestones(run().select("test_accuracy"), answers=113) == pm.phases.Milestones(None, 3000, None, 0)


def test_a_run_that_is_right_from_the_first_step():
    columns = {"train_accuracy": [1.0, 1.0], "test_accuracy": [0.5, 1.0]}
    milestones = pm.milestones(pm.Trajectory([0, 100], columns), answers=5)
    assert (milestones.memorized, milestones.events["memorized"].interval) == (0, (0, 0))
    assert milestones.generalized == 98


def test_a_log_that_begins_after_a_milestone_cannot_tell_it():
    columns = {"train_accuracy": [1.0, 1.0], "test_accuracy": [0.5, 1.0]}
    milestones = pm.milestones(pm.Trajectory([100, 200], columns), answers=5)
    assert milestones == pm.phases.Milestones(None, 198, None, 0)
    event = milestones.events["memorized"]
    assert (event.absent, event.reason) == (
        "cannot be told",
        "train_accuracy is past 0.99 at 100 already, where the log begins",
    )
    assert milestones.events["delay"] == event


def test_one_accuracy_in_percents_says_that_both_are():
    """A run that never generalizes: its test accuracy stays below 1 %."""
    percents = run(train_accuracy=100 * run()["train_accuracy"], test_accuracy=np.linspace(0.5, 1.0, len(STEPS)))
    milestones = pm.milestones(percents, answers=113)
    assert (milestones.memorized, milestones.generalized) == (300, None)
    assert milestones.events["generalized"].reason == "test_accuracy is 1 % at most"


@pytest.mark.parametrize(("first", "told"), [(0.88, False), (0.6, False), (0.55, True), (0.0088, True)])
def test_an_accuracy_that_begins_where_chance_in_percents_is_cannot_tell(first, told):
    alone = pm.Trajectory(STEPS, {"test_accuracy": np.linspace(first, 1.0, len(STEPS))})
    milestones = pm.milestones(alone, answers=113)
    assert (milestones.generalized is not None) == told
    if not told:
        assert milestones.relapses is None
        assert milestones.events["generalized"].absent == "cannot be told"
        assert "which is chance if it is in percents" in milestones.events["generalized"].reason


def test_shares_beside_percents_stay_shares():
    mixed = run(train_accuracy=100 * run()["train_accuracy"], test_accuracy=run()["test_accuracy"].clamp(min=1 / 113))
    assert pm.milestones(mixed, answers=113) == pm.phases.Milestones(300, 3000, 2700, 0)


@pytest.mark.parametrize("odd", [[1.01], [2.5], [1.5, 1.6]])
def test_a_few_numbers_above_1_cannot_be_told(odd):
    accuracy = run()["test_accuracy"].clone()
    accuracy[20 : 20 + len(odd)] = torch.tensor(odd, dtype=torch.float64)
    milestones = pm.milestones(run(test_accuracy=accuracy), answers=113)
    assert (milestones.memorized, milestones.generalized) == (300, None)
    assert milestones.events["generalized"].absent == "cannot be told"


def test_an_accuracy_that_nobody_filled_in_is_passed_over():
    zero = np.zeros(len(STEPS))
    losses = {"train_loss": np.interp(STEPS, [0, 1000], [4.7, 0.01])}
    assert pm.milestones(run(train_accuracy=zero, **losses), answers=113).memorized == 1000
    event = pm.milestones(run(train_accuracy=zero), answers=113).events["memorized"]
    assert (event.absent, event.reason) == ("cannot be told", "train_accuracy is 0 at every step")


def test_squared_errors_are_no_losses_in_nats():
    errors = pm.Trajectory(
        STEPS, {name: np.linspace(1 / 113, 1e-6, len(STEPS)) for name in ("train_loss", "test_loss")}
    )
    milestones = pm.milestones(errors, answers=113)
    assert milestones == pm.phases.Milestones(None, None, None, None)
    assert milestones.events["memorized"].reason == (
        "train_loss is 0.00885 at most, so it is no cross-entropy in nats or was logged too late"
    )
    assert pm.find_phases(errors, answers=113).events["circuit_formation_end"].absent == "cannot be told"


def test_numbers_that_were_not_measured_are_passed_over():
    test = run()["test_accuracy"].clone()
    test[1::2] = torch.nan
    milestones = pm.milestones(run(generalized=3000, test_accuracy=test), answers=113)
    assert milestones.events["generalized"].interval == (2800, 3000)


def test_copies_keep_events_and_relapses():
    milestones = pm.milestones(relapsing((3500, 4000)), answers=113)
    assert copy.deepcopy(milestones).events == milestones.events
    assert copy.copy(milestones).relapse_steps == (3500,)


def test_infinity_is_said_as_such():
    with pytest.raises(ValueError, match=r"percents from 0 to 100\. Got inf\.$"):
        pm.milestones(run(test_accuracy=np.where(STEPS == 100, np.inf, 0.5)), answers=113)
    diverged = pm.Trajectory(STEPS, {"test_loss": np.full(len(STEPS), np.inf)})
    assert pm.milestones(diverged, answers=113).events["generalized"].reason == "test_loss is inf at least"
    assert (
        pm.find_phases(diverged, answers=113).events["circuit_formation_end"].reason == "test_loss is inf at every step"
    )
