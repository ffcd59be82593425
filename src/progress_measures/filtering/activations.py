"""Frequencies of activations, kept or removed while a model runs: replacements for ``ablated``.

They work on one forward pass over ``op.pairs``, in that order, so that an activation has one row per pair.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array, check_indices, computable
from progress_measures._checks.values import check_choice, shape_of
from progress_measures.filtering.parts import ActivationTerms, part
from progress_measures.operations.checks import check_frequencies, check_operation
from progress_measures.operations.operation import Operation


def project_onto_frequencies(
    op: Operation, frequencies: Iterable[int], *, terms: ActivationTerms = "polynomial"
) -> Callable[[Tensor], Tensor]:
    """A replacement for ``ablated``: the constant and the chosen frequencies of activations on the grid.

    Does to every feature of a submodule's output what :func:`restrict` does to every logit. With the default terms and
    one frequency a neuron becomes the paper's polynomial of degree two.

    Args:
        op: The operation on whose pairs the model is run: one forward pass over ``op.pairs``, in that order.
        frequencies: Distinct members of ``op.frequencies``.
        terms: As for :func:`restrict`; ``"aligned"`` pairs answers with outputs and has no meaning here.

    Returns:
        A function of activations, shape ``(n*n, …)``, that returns their shape and dtype.

    Raises:
        TypeError: If ``frequencies`` are not integers.
        ValueError: If one is not the operation's or stands twice, or if there are no such ``terms``; and, from the
            replacement, if an activation does not have one row per pair.

    References:
        Nanda et al. (2023), section 4.4.

    Example:
        >>> op = pm.addition(5)
        >>> neuron = (op.table.double() - 2).relu().flatten()[:, None]
        >>> kept = pm.project_onto_frequencies(op, [1])(neuron)
        >>> [round(share, 6) for share in pm.neuron_spectrum(kept, op)[0].tolist()]
        [1.0, 0.0]
    """
    chosen = _replacement_arguments(op, frequencies, terms)

    def keep(activation: Tensor) -> Tensor:
        x = _check_activation(activation, op.n)
        return (x.mean((0, 1)) + part(x, op, chosen, terms)).reshape(activation.shape).to(activation)

    return keep


def project_out_frequencies(
    op: Operation, frequencies: Iterable[int], *, terms: ActivationTerms = "polynomial"
) -> Callable[[Tensor], Tensor]:
    """A replacement for ``ablated``: activations on the grid without the chosen frequencies; the constant stays.

    Does to every feature of a submodule's output what :func:`exclude` does to every logit.

    Args:
        op: The operation on whose pairs the model is run: one forward pass over ``op.pairs``, in that order.
        frequencies: Distinct members of ``op.frequencies``.
        terms: As for :func:`exclude`; ``"aligned"`` pairs answers with outputs and has no meaning here.

    Returns:
        A function of activations, shape ``(n*n, …)``, that returns their shape and dtype.

    Raises:
        TypeError: If ``frequencies`` are not integers.
        ValueError: If one is not the operation's or stands twice, or if there are no such ``terms``; and, from the
            replacement, if an activation does not have one row per pair.

    References:
        Nanda et al. (2023), section 4.4.

    Example:
        >>> op = pm.addition(5)
        >>> neuron = (op.table.double() - 2).relu().flatten()[:, None]
        >>> rest = pm.project_out_frequencies(op, [1])(neuron)
        >>> [round(share, 6) for share in pm.neuron_spectrum(rest, op)[0].tolist()]
        [0.0, 1.0]
    """
    chosen = _replacement_arguments(op, frequencies, terms)

    def remove(activation: Tensor) -> Tensor:
        x = _check_activation(activation, op.n)
        return (x - part(x, op, chosen, terms)).reshape(activation.shape).to(activation)

    return remove


def project_each_onto_frequency(op: Operation, frequency: Array) -> Callable[[Tensor], Tensor]:
    """A replacement for ``ablated``: each neuron becomes a polynomial in the waves of its own frequency.

    Neuron i becomes its best approximation of degree two, by {1, cos, sin} w_k a times {1, cos, sin} w_k b with
    k = ``frequency[i]``, the constant included. A neuron with frequency 0 stays as it is.

    Args:
        op: The operation on whose pairs the model is run: one forward pass over ``op.pairs``, in that order.
        frequency: A member of ``op.frequencies`` for each neuron, or 0, integers, shape ``(m,)``, as
            :func:`neuron_frequencies` gives them.

    Returns:
        A function of activations, shape ``(n*n, m)``, that returns their shape and dtype.

    Raises:
        TypeError: If ``frequency`` is not a tensor or array of integers.
        ValueError: If it does not have one axis, or an entry is neither 0 nor one of the operation's frequencies; and,
            from the replacement, if an activation does not have one row per pair and one column per entry.

    References:
        Nanda et al. (2023), section 4.4.

    Example:
        >>> op = pm.addition(5)
        >>> neurons = torch.rand(25, 2)
        >>> kept = pm.project_each_onto_frequency(op, torch.tensor([2, 0]))(neurons)
        >>> [[round(share, 6) for share in neuron] for neuron in pm.neuron_spectrum(kept, op)[:1].tolist()]
        [[0.0, 1.0]]
        >>> bool((kept[:, 1] == neurons[:, 1]).all())
        True
    """
    of_neuron = _check_frequency_of_each(frequency, op)

    def keep(activation: Tensor) -> Tensor:
        _check_neurons(activation, op.n, len(of_neuron))
        x = _check_activation(activation, op.n)
        kept = x.clone()
        for k in sorted(set(of_neuron.tolist()) - {0}):
            cluster = of_neuron == k
            kept[..., cluster] = x[..., cluster].mean((0, 1)) + part(x[..., cluster], op, [k], "polynomial")
        return kept.reshape(activation.shape).to(activation)

    return keep


def _replacement_arguments(op: Operation, frequencies: object, terms: object) -> tuple[int, ...]:
    check_choice(terms, "terms", ActivationTerms)
    return check_frequencies(frequencies, op)


def _check_frequency_of_each(values: object, op: Any) -> Tensor:
    """A frequency of the operation for each neuron, or 0 for none, int64, ``(m,)``."""
    check_operation(op)
    known, chosen = len(op.frequencies), check_indices(values, "frequency")
    if chosen.ndim != 1:
        raise ValueError(f"`frequency` must have one entry per neuron: shape (m,). Got {shape_of(chosen)}.")
    for k in chosen.tolist():
        if not 0 <= k <= known:
            raise ValueError(f"`frequency` must lie in 0..{known} for n={op.n}, 0 for none. Got {k}.")
    return chosen


def _check_activation(x: Tensor, n: int) -> Tensor:
    """An activation with one row per pair as float64 values on the grid, ``(n, n, m)``."""
    if x.ndim < 1 or len(x) != n * n:
        raise ValueError(
            f"The activation must have one row per pair of the grid ({n * n}). Got shape {shape_of(x)}. "
            "Run the model on `op.pairs` in one forward pass."
        )
    return computable(x).reshape(n, n, -1).to(torch.float64)


def _check_neurons(x: Tensor, n: int, count: int) -> None:
    """An activation with one row per pair of the grid and one column for each neuron that has a frequency."""
    if x.ndim != 2 or len(x) != n * n:
        raise ValueError(
            f"The activation must have one row per pair of the grid and one column per neuron: shape ({n * n}, m). "
            f"Got {shape_of(x)}. Run the model on `op.pairs` in one forward pass."
        )
    if x.shape[1] != count:
        raise ValueError(f"`frequency` must have one entry per neuron of the activation ({x.shape[1]}). Got {count}.")
