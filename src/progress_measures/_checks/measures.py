"""Checks of functions from a model to numbers by name."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from progress_measures._checks.values import check_callable, check_takes, type_name


def check_measures(value: object) -> Callable[[nn.Module], Any]:
    """Returns one function of the model, given such a function or a mapping from names to functions of the model."""
    if isinstance(value, Mapping):
        functions = dict(value)
        for name, function_ in functions.items():
            check_callable(function_, f"measures[{name!r}]")
        return functools.partial(_measure_all, functions)  # unlike a closure, it can be pickled if the functions can
    if not callable(value):
        raise TypeError(f"`measures` must be a function of the model, or a mapping of them. Got {type_name(value)}.")
    check_takes(value, "measures", 1, 'the model alone, as `lambda model: {"loss": …}`')
    return value


def _measure_all(functions: Mapping[str, Callable[[nn.Module], Any]], model: nn.Module) -> dict[str, Any]:
    values = {name: function_(model) for name, function_ in functions.items()}
    for name, value in values.items():
        if isinstance(value, Mapping):
            raise TypeError(
                f"`measures[{name!r}]` must return one number or tensor. Got {type_name(value)}. To keep all that it "
                'returns, pass one function instead of a mapping: `lambda model: {**first(model), "x": x(model)}`.'
            )
    return values
