"""Checks of what is recorded while a model is trained, and of what was."""

import inspect
import json
import operator
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from progress_measures._checks.grid import frequencies
from progress_measures._checks.tensors import finite, real
from progress_measures._checks.trajectories import row, trajectory
from progress_measures._checks.values import integer, kind, shape


def every(value: Any) -> Callable[[int], object]:
    """Whether to record, as a function of the step, from such a function or from a number of steps."""
    if callable(value):
        rule: Callable[[int], object] = value
        return rule
    if not hasattr(value, "__index__") or isinstance(value, bool):
        raise TypeError(f"`every` must be an integer or a function of the step. Got {value!r} ({kind(value)}).")
    number = integer(value, "every", at_least=1)
    return lambda step: step % number == 0


def first_row(rows: Mapping[int, Mapping[str, Tensor]]) -> Mapping[str, Tensor]:
    """The first of the recorded rows."""
    if not rows:
        raise ValueError("A trajectory must have at least one step. Nothing has been recorded yet.")
    return next(iter(rows.values()))


def recorded_line(line: bytes, number: int, path: object) -> tuple[int, dict[str, Tensor]]:
    """The step and the numbers of a line that a recorder wrote."""
    try:
        entry = json.loads(line)
        return operator.index(entry["step"]), row(entry["numbers"], None)
    except (ValueError, TypeError, KeyError) as error:
        raise _foreign(path, number) from error


def torn_line(line: bytes, number: int, path: object) -> None:
    """Nothing, or the beginning of a line that a recorder wrote: anything else must not be cut off."""
    head = b'{"step": '
    if line[: len(head)] != head[: len(line)]:
        raise _foreign(path, number)


def _foreign(path: object, number: int) -> ValueError:
    return ValueError(
        f"`path` must be a file that a Recorder wrote. Got {str(path)!r}, whose line {number} is none of a Recorder's."
    )


def predict_of_model(value: Any) -> Any:
    """A function of the model and of pairs of tokens, or None for the model itself."""
    if value is None:
        return None
    if isinstance(value, nn.Module):
        raise TypeError(
            f"`predict` must be a function of the model and the pairs, or None. Got a module, {kind(value)}. "
            "Pass None: the model is the argument of what is returned."
        )
    if not callable(value):
        raise TypeError(f"`predict` must be a function of the model and the pairs, or None. Got {kind(value)}.")
    try:
        inspect.signature(value).bind(None, None)
    except TypeError:
        raise TypeError(
            "`predict` must take the model and the pairs, as `lambda model, pairs: model(pairs)[:, -1]` does. "
            f"Got a function of {inspect.signature(value)}."
        ) from None
    except ValueError:  # some that are not written in Python do not say what they take
        pass
    return value


def frequencies_of_model(value: Any, op: Any) -> Any:
    """Frequencies of the operation, a name of a way to find them, or a function of the model that does."""
    if isinstance(value, str):
        if value not in ("current", "final"):
            raise ValueError(
                "`frequencies` must be frequencies of the operation, 'current', 'final', or a function of the model. "
                f"Got {value!r}."
            )
        return value
    return value if callable(value) else frequencies(value, op)


def weights_of_model(value: Any) -> dict[str, Any]:
    """Paths of weights, or functions of the model that return them, by name."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError(f"`weights` must be a mapping from names to paths or functions. Got {kind(value)}.")
    for name, source in value.items():
        if not isinstance(name, str):
            raise TypeError(f"`weights` must have strings as names. Got {name!r} ({kind(name)}).")
        if not isinstance(source, str) and not callable(source):
            raise TypeError(f"`weights[{name!r}]` must be a path or a function of the model. Got {kind(source)}.")
    return dict(value)


def token_rows(x: object, path: str, count: int) -> Tensor:
    """Weights with one row for each of at least so many tokens."""
    rows = real(x, path)
    if rows.ndim == 0 or len(rows) < count:
        raise ValueError(
            f"`{path}` must have one row per token of the operation, at least {count}. Got shape {shape(rows)}. "
            "Weights with one row per element are given by a function of the model."
        )
    return rows


def answer_tables(run: Any, name: str, n: int) -> Tensor:
    """The mean logits of each answer at each step, ``(T, n, n)``."""
    columns = trajectory(run).columns
    if name not in columns:
        raise ValueError(
            f"`trajectory` must have the column {name!r}, which grokking_measures(..., 'final', ...) records. "
            f"Got {', '.join(columns) or 'none'}."
        )
    tables: Tensor = columns[name]
    if tables.shape[1:] != (n, n):
        raise ValueError(f"`{name}` must be tables of shape ({n}, {n}). Got {shape(tables[0])}.")
    return finite(tables, name, "(step, s, c)")
