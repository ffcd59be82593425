"""Where each phase ends, from the curves that were recorded."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from progress_measures.phases.bottoms import ROUNDING, confirmed_minimum, ties
from progress_measures.phases.columns import Curve, said
from progress_measures.phases.curves import TAIL, bracket, final_level
from progress_measures.phases.events import Event, bracketed
from progress_measures.phases.falls import either_fall, last_fall

CHANGE = 0.05  # the least rise or fall of a loss that counts, as a share of the chance level
MEMORIZED = 0.5  # memorization has not ended while training loss is above this share of the chance level
NATS = 0.5  # a cross-entropy in nats is above this share of the chance level at some step
SETTLED = 0.05  # cleanup has ended when the weights are at most this share above their final level
SLINGSHOT = 3  # a run is in a slingshot while training loss is over this many times its lowest value so far
SPIKE = 9  # a training loss this many times below both of its neighbours is a spike
Curves = Mapping[str, Curve | None]


def ends(curves: Curves, chance: float) -> dict[str, Event]:
    """The end of each phase, or why there is none, from columns by name; a column without a number is None."""
    circuit = circuit_formation_end(curves["test_loss"], chance)
    return {
        "memorization_end": _memorization_end(curves["excluded_loss"], curves["train_loss"], circuit.step, chance),
        "circuit_formation_end": circuit,
        "cleanup_end": _cleanup(curves["sum_squared_weights"], curves["test_loss"], circuit),
    }


def circuit_formation_end(test: Curve | None, chance: float) -> Event:
    """Where test loss falls for good below the chance level."""
    unknown = _unknown("test_loss", test)
    if test is None or unknown:
        return unknown or Event(None)
    odd = unknown_in_nats("test_loss", test, chance)
    if odd is not None:
        return odd
    end = last_fall(test.steps, test.values, chance, depth=CHANGE * chance)
    return bracketed(test.steps, end, "test_loss", "falls below chance for good")


def _memorization_end(excluded: Curve | None, train: Curve | None, circuit: int | None, chance: float) -> Event:
    unknown = _unknown("excluded_loss", excluded)
    if excluded is None or unknown:
        return unknown or Event(None)
    outside = np.ones(len(excluded.steps), dtype=bool) if train is None else _outside(excluded.steps, train)
    steps, values = excluded.steps[outside], excluded.values[outside]
    before = steps <= (steps[-1] if circuit is None else circuit)
    lowest = confirmed_minimum(values, among=before, depth=CHANGE * chance)
    if lowest is None:
        return bracketed(steps, None, "excluded_loss", "falls to a bottom and rises from it")
    bottom = int(steps[lowest])
    if train is not None and train.at(np.array([bottom]))[0] > MEMORIZED * chance:
        reason = f"excluded_loss is least at step {bottom}, where train_loss is above half of chance still"
        return Event(None, absent="not reached", reason=reason)
    event = bracketed(excluded.steps, bottom, "excluded_loss", "falls to a bottom and rises from it")
    # Rounded numbers may be the same at several steps, and the bottom at any of them.
    first, last = lowest - ties(values[::-1], len(values) - 1 - lowest) + 1, lowest + ties(values, lowest) - 1
    interval = bracket(excluded.steps, int(steps[first]))[0], bracket(excluded.steps, int(steps[last]))[1]
    return replace(event, interval=interval)


def _cleanup(weights: Curve | None, test: Curve | None, circuit: Event) -> Event:
    unknown = _unknown("sum_squared_weights", weights) or _unknown("test_loss", test)
    if weights is None or unknown:
        return unknown or Event(None)
    if circuit.step is None:
        return Event(None, absent="not reached", reason="the circuit is not formed")
    end = cleanup_end(weights.steps, weights.values, start=circuit.step)
    return bracketed(weights.steps, end, "sum_squared_weights", "settles")


def _unknown(name: str, curve: Curve | None) -> Event | None:
    """Why a curve cannot tell anything, if it cannot."""
    if curve is None:
        return Event(None, absent="not recorded", reason=f"{name} has no number")
    if curve.is_constant:
        return Event(None, absent="cannot be told", reason=f"{name} is {said(curve.values[0])} at every step")
    return None


def unknown_in_nats(name: str, loss: Curve, chance: float) -> Event | None:
    """An event that says that a loss is too small for a cross-entropy in nats, or was logged too late; else None."""
    largest = float(loss.values.max())
    if largest > NATS * chance:
        return None
    reason = f"{name} is {said(largest, 3)} at most, so it is no cross-entropy in nats or was logged too late"
    return Event(None, absent="cannot be told", reason=reason)


def _outside(steps: np.ndarray, train: Curve) -> np.ndarray:
    """Marks the steps that do not lie in a slingshot."""
    return Curve(train.steps, outside_slingshots(train.values)).at(steps)


def outside_slingshots(train: np.ndarray) -> np.ndarray:
    """Marks the steps that do not lie in a slingshot, by their training loss.

    A loss far below both of its neighbours is a spike, and does not count as the lowest loss so far.
    """
    low = train.copy()
    if len(train) > 2:
        neighbours = np.minimum(train[:-2], train[2:])
        low[1:-1] = np.where(SPIKE * train[1:-1] < neighbours, neighbours, train[1:-1])
    outside: np.ndarray = train <= SLINGSHOT * np.maximum(np.minimum.accumulate(low), ROUNDING)
    return outside


def cleanup_end(steps: np.ndarray, weights: np.ndarray, *, start: float) -> float | None:
    """The step after ``start`` at which weights fall for good to near their final level; None if they do not.

    They must stay near this level for at least a tenth of the run.
    """
    tail = TAIL * (steps[-1] - steps[0])
    former, last = np.searchsorted(steps, [steps[-1] - 2 * tail, steps[-1] - tail])
    settled = final_level(steps, weights)
    # If no step was recorded in the tenth before the last, the nearest step before it is used instead.
    if np.median(weights[min(former, last - 1) : last]) > (1 + SETTLED / 2) * settled:
        return None
    later = steps > start
    weights = np.concatenate([[np.interp(start, steps, weights)], weights[later]])
    steps, level = np.concatenate([[start], steps[later]]), (1 + SETTLED) * settled
    end = either_fall(steps, weights, level)
    return None if end is None or steps[-1] - end < tail else end
