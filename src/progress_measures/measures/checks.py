"""Checks of the arguments of :func:`grokking_measures` and :func:`add_restricted_loss`, and of quantiles."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from progress_measures._checks.values import check_quantile, check_takes, listed, shape_of, type_name
from progress_measures.frequencies import Rule
from progress_measures.measures.weights import Weight
from progress_measures.operations.checks import check_parts
from progress_measures.trajectory.checks import check_complete
from progress_measures.trajectory.trajectory import check_trajectory


def check_predict(value: Any) -> Any:
    """A function of the model and of pairs of tokens, or None if the model itself takes the pairs."""
    if value is None:
        return None
    if isinstance(value, nn.Module):
        raise TypeError(
            f"`predict` must be a function of the model and the pairs, or None. Got a module, {type_name(value)}. "
            "Pass None, and call the returned function with the model."
        )
    if not callable(value):
        raise TypeError(f"`predict` must be a function of the model and the pairs, or None. Got {type_name(value)}.")
    check_takes(value, "predict", 2, "the model and the pairs, as `lambda model, pairs: model(pairs)[:, -1]`")
    return value


def check_frequencies_of_model(value: Any, op: Any) -> Any:
    """Frequencies of the operation, a rule that finds them or its name, or a function that finds them in the model."""
    if isinstance(value, str):
        if value not in ("current", "final"):
            raise ValueError(
                "`frequencies` must be frequencies of the operation, 'current', 'final', a rule such as "
                f"pm.frequencies.Sufficient(), or a function of the model. Got {value!r}."
            )
        return value
    check_no_class(value)
    return value if isinstance(value, Rule) or callable(value) else check_parts(value, op)


def check_no_class(value: object) -> None:
    """Requires a rule, and not the class of one."""
    if isinstance(value, type) and issubclass(value, Rule):
        raise TypeError(f"`frequencies` must be a rule, not its class. Got {value.__name__}: pass {value.__name__}().")


def check_weights(value: Any) -> dict[str, Any]:
    """A dictionary from names to weights by their path, or to functions of the model that return weights."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError(f"`weights` must be a mapping from names to paths or functions. Got {type_name(value)}.")
    for name, source in value.items():
        if not isinstance(name, str):
            raise TypeError(f"`weights` must have strings as names. Got {name!r} ({type_name(name)}).")
        if not isinstance(source, str | Weight) and not callable(source):
            raise TypeError(f"`weights[{name!r}]` must be a path or a function of the model. Got {type_name(source)}.")
    return {name: Weight(source, None) if isinstance(source, str) else source for name, source in value.items()}


def check_answer_tables(run: Any, name: str, n: int) -> Tensor:
    """The mean logits of each answer at each step of a run, ``(T, n, n)``, from the column ``name``."""
    columns = check_trajectory(run).columns
    if name not in columns:
        raise ValueError(
            f"`trajectory` must have the column {name!r}, which grokking_measures(..., 'final', ...) records. "
            f"Got {listed(columns) or 'none'}."
        )
    tables: Tensor = columns[name]
    if tables.shape[1:] != (n, n):
        raise ValueError(f"`{name}` must be tables of shape ({n}, {n}). Got {shape_of(tables[0])}.")
    return check_complete(tables, name, "(step, s, c)", [name])


def check_same_split(computed: Tensor, recorded: Tensor | None, kind: str) -> None:
    """Requires the losses of the mean logits over some inputs to equal the recorded ones, if there are any."""
    if recorded is None or torch.allclose(computed, recorded, rtol=1e-6, atol=1e-9, equal_nan=True):
        return
    step = int((~torch.isclose(computed, recorded, rtol=1e-6, atol=1e-9, equal_nan=True)).nonzero()[0, 0])
    raise ValueError(
        "`op`, `train_mask`, `test_mask`, `labels` and `loss` must be those that the run was recorded with. With "
        f"these, the mean logits have a {kind} loss of {computed[step]:.6g} in row {step}, where "
        f"{recorded[step]:.6g} was recorded."
    )


def check_same_operation(computed: Tensor, recorded: Tensor | None, op: object) -> None:
    """Requires the Gini coefficients computed from the tables to equal the recorded ones, if there are any."""
    if recorded is not None and not torch.allclose(computed, recorded, rtol=1e-6, atol=1e-9, equal_nan=True):
        raise ValueError(
            f"`op` must be the operation that was recorded. Got {op!r}. In its frequencies, the `gini_logits` of the "
            f"tables differ from the recorded ones, such as {computed[-1]:.6g} where {recorded[-1]:.6g} was recorded."
        )


def check_quantiles(values: object) -> list[float]:
    """A list of real numbers in [0, 1]."""
    if not isinstance(values, Iterable):
        raise TypeError(f"`at` must be a sequence of numbers between 0 and 1. Got {values!r} ({type_name(values)}).")
    return [check_quantile(value, "at") for value in (values.tolist() if isinstance(values, Tensor) else values)]
