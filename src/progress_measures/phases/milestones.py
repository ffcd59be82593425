"""When a network memorizes and when it generalizes, as most papers report it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from progress_measures._checks.values import check_integer
from progress_measures.phases.columns import Curve, check_known, hinted, said
from progress_measures.phases.ends import unknown_in_nats
from progress_measures.phases.events import Count, Event, WithEvents
from progress_measures.phases.onset import lead
from progress_measures.trajectory.trajectory import Trajectory

ROUNDING = 1e-6  # of a share that was computed in float32
RIGHT, RIGHT_LOSS = 0.99, 0.01  # the accuracy, or else the loss in nats, at which a network has learned
SMALL = 2.0  # accuracies above 1 are percents if one of them is above this
LIKE_CHANCE = 1.5  # an accuracy up to this many times chance counts as chance
LOST, LOST_LOSS = 0.9, 0.1  # below this accuracy, or above this share of the chance level, it has relapsed


@dataclass(frozen=True, repr=False)
class Milestones(WithEvents):
    """When a run memorized and when it generalized; the result of :func:`milestones`.

    Its ``events`` give the interval of recorded steps around each milestone, or say why it is None: ``"not recorded"``,
    ``"not reached"`` or ``"cannot be told"``.

    Example:
        >>> milestones = pm.phases.Milestones(memorized=133, generalized=4200, delay=4067, relapses=0)
        >>> milestones.delay
        4067
    """

    memorized: int | None
    """The step at which training accuracy first reaches 99 % or, without accuracy, training loss first reaches 0.01."""
    generalized: int | None
    """The step at which test accuracy first reaches 99 % or, without accuracy, test loss first reaches 0.01."""
    delay: int | None
    """The number of steps from ``memorized`` to ``generalized``."""
    relapses: int | None
    """How often the network stopped generalizing after that."""
    relapse_steps: tuple[int, ...] = field(default=(), repr=False)
    """The recorded steps of these relapses."""


def milestones(trajectory: Trajectory, *, answers: int) -> Milestones:
    r"""When a network memorizes its training data, when it generalizes, and how often it relapses afterwards.

    With training accuracy :math:`a_\mathrm{train}` and test accuracy :math:`a_\mathrm{test}`, joined by straight lines
    between recorded steps,

    .. math:: \mathrm{memorized} = \min \{ t : a_\mathrm{train}(t) \ge 0.99 \}, \quad
              \mathrm{generalized} = \min \{ t : a_\mathrm{test}(t) \ge 0.99 \},

    and the delay is :math:`\mathrm{generalized} - \mathrm{memorized}`. So ``198 (100 to 200)`` was interpolated:
    accuracy was below 99 % at step 100, and at least 99 % at step 200. If an accuracy is missing or 0 at every step,
    the loss decides: it must be at most 0.01 nats.

    A relapse begins when test accuracy falls below 90 % after the network has generalized, and ends when it is 99 %
    again, so noise around either level is counted once. Without test accuracy, a relapse begins when test loss rises
    above a tenth of the chance level ln(answers), and ends at 0.01 nats. A run that does not generalize has 0 relapses.

    ``memorized`` is not the paper's end of memorization, the bottom of excluded loss in :func:`find_phases`. On the
    paper's mainline, that bottom comes about six times later.

    A milestone is None if the run does not reach it, if its columns are missing, or if they cannot tell: the log begins
    after it, or a loss is too small at every step to be a cross-entropy in nats. ``milestones.events`` say which.
    Columns are read at the steps at which they are not ``nan``.

    Accuracies may be shares or percents. An accuracy is in percents if several of its numbers are above 1 and one is
    above 2. If one accuracy is in percents, the other one is too if its first number is near chance in percents.

    Args:
        trajectory: A run with one or more of the columns ``train_accuracy``, ``train_loss``, ``test_accuracy`` and
            ``test_loss``.
        answers: The number of possible answers, or classes. It gives the chance level of losses. For accuracies it only
            helps to tell percents from shares.

    Returns:
        The milestones, as steps and counts.

    Raises:
        TypeError: If ``trajectory`` is not a trajectory, or ``answers`` is not an integer.
        ValueError: If there is no number in any column that this function or :func:`find_phases` reads, one is not one
            number per step, or is -inf somewhere, if an accuracy is negative or above 100, or if ``answers`` is
            less than 2.

    See Also:
        :func:`find_phases`: the phases behind these milestones, from excluded loss and weights.
        :func:`onset`: the step at which any column changes.

    References:
        Power et al. (2022), who report the steps to 99 % accuracy.

    Example:
        >>> run = pm.Trajectory([0, 100, 200, 300, 400, 500, 600], {
        ...     "train_accuracy": [0.01, 0.6, 1.0, 1.0, 1.0, 1.0, 1.0],
        ...     "test_accuracy": [0.01, 0.0, 0.1, 0.6, 0.99, 0.4, 1.0]})
        >>> pm.milestones(run, answers=113)
        Milestones(memorized=198 (100 to 200), generalized=400 (300 to 400), delay=202 (100 to 300), relapses=1)
    """
    curves = check_known(trajectory)
    check_integer(answers, "answers", at_least=2)
    units = _units(_check_accuracies(curves), answers)
    memorized, _ = _learned("train", curves, answers, units)
    generalized, relapses = _learned("test", curves, answers, units)
    delay = lead(memorized, generalized)
    missing = next((event for event in (memorized, generalized) if event.step is None), None)
    events = {
        "memorized": memorized,
        "generalized": generalized,
        "delay": missing or Count(delay.steps, delay.interval),
        "relapses": generalized if relapses is None else Count(len(relapses)),
    }
    return Milestones.of(hinted(events, trajectory), relapse_steps=relapses or ())


def _learned(
    which: str, curves: Mapping[str, Curve | None], answers: int, units: Mapping[str, float | None]
) -> tuple[Event, tuple[int, ...] | None]:
    """When the accuracy or the loss first reaches its level, and the steps of relapses; None if unknown."""
    accuracy, loss = curves[f"{which}_accuracy"], curves[f"{which}_loss"]
    filled = accuracy is not None and not (accuracy.is_constant and accuracy.values[0] == 0)
    if accuracy is not None and (filled or loss is None):
        unit = units[f"{which}_accuracy"]
        unknown = _unknown_accuracy(f"{which}_accuracy", accuracy, answers, unit)
        if unknown is not None:
            return unknown, None
        shares = accuracy.values / (unit or 1.0)
        level, best = (f"{share:.3g}" if unit == 1 else f"{100 * share:.3g} %" for share in (RIGHT, shares.max()))
        return _reached(accuracy.steps, shares, RIGHT, LOST, f"{which}_accuracy", f"{best} at most", level)
    if loss is None:
        return Event(None, absent="not recorded", reason=f"{which}_accuracy and {which}_loss have no number"), None
    unknown = unknown_in_nats(f"{which}_loss", loss, math.log(answers))
    if unknown is not None:
        return unknown, None
    levels = -RIGHT_LOSS, -LOST_LOSS * math.log(answers)  # negative, so that a falling loss is a rise
    lowest = f"{said(loss.values.min(), 3)} at least"
    return _reached(loss.steps, -loss.values, *levels, f"{which}_loss", lowest, f"{RIGHT_LOSS:g}")


def _reached(
    steps: np.ndarray, values: np.ndarray, right: float, lost: float, column: str, best: str, level: str
) -> tuple[Event, tuple[int, ...]]:
    is_right = values >= right
    if not is_right.any():
        return Event(None, absent="not reached", reason=f"{column} is {best}"), ()
    first = int(is_right.argmax())
    relapses = _relapses(steps[first:], is_right[first:], values[first:] < lost)
    if first == 0 and steps[0] > 0:
        reason = f"{column} is past {level} at {steps[0]} already, where the log begins"
        return Event(None, absent="cannot be told", reason=reason), relapses
    before = max(0, first - 1)
    step = np.interp(right, values[[before, first]], steps[[before, first]]) if first else steps[0]
    event = Event(round(float(step)), (int(steps[before]), int(steps[first])), reason=f"{column} is {level}")
    return event, relapses


def _relapses(steps: np.ndarray, right: np.ndarray, lost: np.ndarray) -> tuple[int, ...]:
    """The steps of relapses of a network that is right at the first step; between two of them it is right again."""
    found, holds = [], True
    for step, is_right, is_lost in zip(steps.tolist(), right.tolist(), lost.tolist(), strict=True):
        if holds and is_lost:
            found.append(step)
        holds = is_right or (holds and not is_lost)
    return tuple(found)


def _units(accuracies: Mapping[str, Curve], answers: int) -> dict[str, float | None]:
    """The unit of each accuracy: 1, or 100 for percents; None if a few numbers above 1 leave it open.

    If one accuracy is in percents, one that is never above 1 is in percents too if its first number above 0 is nearer
    to 100 / answers than to 1 / answers.
    """
    above = {name: curve.values[curve.values > 1 + ROUNDING] for name, curve in accuracies.items()}
    percents = {name for name, values in above.items() if len(values) > 1 and values.max() > SMALL}
    units: dict[str, float | None] = {}
    for name, curve in accuracies.items():
        first = next(iter(curve.values[curve.values > 0]), 0.0)
        is_percents = name in percents or (bool(percents) and first * answers > 10)
        units[name] = 100.0 if is_percents else None if len(above[name]) else 1.0
    return units


def _unknown_accuracy(name: str, accuracy: Curve, answers: int, unit: float | None) -> Event | None:
    """Why an accuracy cannot tell anything, if it cannot: it was never filled in, or its unit is unknown."""
    first, chance = float(accuracy.values[0]), 100 / answers
    if unit is None:
        reason = "accuracies are above 1 and hardly above 2: percents of a network at chance, or an error?"
    elif accuracy.is_constant and first == 0:
        reason = f"{name} is 0 at every step"
    elif unit == 1 and 1 / 2 <= chance <= LIKE_CHANCE and chance / LIKE_CHANCE <= first < RIGHT:
        reason = f"{name} begins at {first:.3g}, which is chance if it is in percents"
    else:
        return None
    return Event(None, absent="cannot be told", reason=reason)


def _check_accuracies(curves: Mapping[str, Curve | None]) -> dict[str, Curve]:
    """Requires accuracies between 0 and 1, or between 0 and 100."""
    found = {name: curve for name, curve in curves.items() if name.endswith("accuracy") and curve is not None}
    for name, curve in found.items():
        smallest, largest = float(curve.values.min()), float(curve.values.max())
        if smallest < 0 or largest > 100 * (1 + ROUNDING):
            wrong = smallest if smallest < 0 else largest
            raise ValueError(f"`{name}` must be shares from 0 to 1, or percents from 0 to 100. Got {said(wrong)}.")
    return found
