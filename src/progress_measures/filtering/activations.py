"""Replacements for ``ablated`` that keep or remove frequencies of activations while a model runs.

Run the model on ``op.inputs``, in that order and in one forward pass, so that an activation has one row per input.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array, check_indices, computable
from progress_measures._checks.values import check_choice, listed, shape_of
from progress_measures.filtering.parts import SUM, SUM_OF_SOME, ActivationTerms, Frequencies, part_and_constant
from progress_measures.operations.checks import check_pairs, check_parts, one_input
from progress_measures.operations.operation import Operation


def project_onto_frequencies(
    op: Operation, frequencies: Iterable[int] | Iterable[tuple[int, ...]], *, terms: ActivationTerms = "polynomial"
) -> Callable[[Tensor], Tensor]:
    r"""A replacement for ``ablated`` that keeps only the constant and the chosen frequencies of activations.

    Each feature h of an activation is projected as :func:`restrict` projects each logit. With the default terms,
    frequency k spans the products of its basis rows and the constant row 0, except for the constant itself:

    .. math:: h_R(a, b) = \bar h + \sum_{k \in R} \; \sum_{i, j \in \{0\} \cup k, \, (i, j) \ne (0, 0)}
              \langle F_i F_j, h \rangle \, F_i(a) \, F_j(b)

    So for one frequency a neuron becomes the paper's polynomial of degree two. Projecting twice changes nothing.

    Args:
        op: The operation. Run the model on ``op.inputs``, in that order and in one forward pass.
        frequencies: Distinct members of ``op.frequencies``, or tuples, as for :func:`restrict`.
        terms: As for :func:`restrict`, except for ``"aligned"``, which matches answers with outputs.

    Returns:
        A function from an activation, shape ``(N, …)``, to one of the same shape and dtype.

    Raises:
        TypeError: If ``frequencies`` are not integers.
        ValueError: If a frequency is not one of the operation's or is repeated, or if ``terms`` is not one of the
            choices. The replacement itself raises it if an activation does not have one row per input.

    See Also:
        :func:`project_each_onto_frequency`: a frequency of its own for each neuron.
        :func:`project_onto`: directions that you name, instead of frequencies.

    References:
        Nanda et al. (2023), section 4.4.

    Example:
        >>> op = pm.addition(5)
        >>> neuron = (op.table.double() - 2).relu().flatten()[:, None]
        >>> kept = pm.project_onto_frequencies(op, [1])(neuron)
        >>> [round(share, 6) for share in pm.neuron_spectrum(kept, op)[0].tolist()]
        [1.0, 0.0]
    """
    chosen = _check_choice_of_frequencies(op, frequencies, terms)

    return _OfGrid(_keep, op, chosen, terms)


def project_out_frequencies(
    op: Operation, frequencies: Iterable[int] | Iterable[tuple[int, ...]], *, terms: ActivationTerms = "polynomial"
) -> Callable[[Tensor], Tensor]:
    r"""A replacement for ``ablated`` that removes the chosen frequencies from activations.

    With h_R of :func:`project_onto_frequencies` for each feature h,

    .. math:: h_E(a, b) = h(a, b) - \big( h_R(a, b) - \bar h \big)

    So the constant stays, as in :func:`exclude`.

    Args:
        op: The operation. Run the model on ``op.inputs``, in that order and in one forward pass.
        frequencies: Distinct members of ``op.frequencies``, or tuples, as for :func:`restrict`.
        terms: As for :func:`exclude`, except for ``"aligned"``, which matches answers with outputs.

    Returns:
        A function from an activation, shape ``(N, …)``, to one of the same shape and dtype.

    Raises:
        TypeError: If ``frequencies`` are not integers.
        ValueError: If a frequency is not one of the operation's or is repeated, or if ``terms`` is not one of the
            choices. The replacement itself raises it if an activation does not have one row per input.

    See Also:
        :func:`project_out`: directions that you name, instead of frequencies.

    References:
        Nanda et al. (2023), section 4.4.

    Example:
        >>> op = pm.addition(5)
        >>> neuron = (op.table.double() - 2).relu().flatten()[:, None]
        >>> rest = pm.project_out_frequencies(op, [1])(neuron)
        >>> [round(share, 6) for share in pm.neuron_spectrum(rest, op)[0].tolist()]
        [0.0, 1.0]
    """
    chosen = _check_choice_of_frequencies(op, frequencies, terms)

    return _OfGrid(_remove, op, chosen, terms)


def project_each_onto_frequency(op: Operation, frequency: Array) -> Callable[[Tensor], Tensor]:
    r"""A replacement for ``ablated`` that turns each neuron into a polynomial in the waves of its own frequency.

    Neuron i, with k = ``frequency[i]``, becomes its least-squares approximation of degree two:

    .. math:: h_i(a, b) \mapsto \sum_{r, q \in \{0\} \cup k} \langle F_r F_q, h_i \rangle \, F_r(a) \, F_q(b)

    These are the products {1, cos, sin} w_k a times {1, cos, sin} w_k b, including the constant. A neuron with
    frequency 0 stays as it is.

    Args:
        op: The operation. Run the model on ``op.inputs``, in that order and in one forward pass.
        frequency: A member of ``op.frequencies`` or 0 for each neuron, integers, shape ``(m,)``, as returned by
            :func:`neuron_frequencies`.

    Returns:
        A function from an activation, shape ``(N, m)``, to one of the same shape and dtype.

    Raises:
        TypeError: If ``frequency`` is not a tensor or array of integers.
        ValueError: If ``frequency`` does not have one axis, or an entry is neither 0 nor one of the operation's
            frequencies. The replacement itself raises it if an activation does not have one row per input and one
            column per entry of ``frequency``.

    See Also:
        :func:`project_onto_frequencies`: the same frequencies for all neurons.

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
    frequency_of_neuron = _check_frequency_per_neuron(frequency, op)

    return _OfGrid(_keep_own, op, frequency_of_neuron)


_SHOWN = 8  # frequencies in a repr


class _OfGrid(partial[Tensor]):
    """The type that the three functions return; a class, because nested functions cannot be pickled."""

    def __repr__(self) -> str:
        op, chosen = self.args[:2]
        if isinstance(chosen, Tensor):
            return f"{_NAMES[self.func]}({op!r}, {len(chosen)} neurons)"
        return f"{_NAMES[self.func]}({op!r}, [{listed(map(str, chosen), most=_SHOWN)}])"


def _keep(op: Operation, chosen: Frequencies, terms: ActivationTerms, activation: Tensor) -> Tensor:
    kept, constant = part_and_constant(_check_activation(activation, op), op, chosen, terms)
    return (constant + kept).reshape(activation.shape).to(activation)


def _remove(op: Operation, chosen: Frequencies, terms: ActivationTerms, activation: Tensor) -> Tensor:
    x = _check_activation(activation, op)
    return (x - part_and_constant(x, op, chosen, terms)[0]).reshape(activation.shape).to(activation)


def _keep_own(op: Operation, frequency_of_neuron: Tensor, activation: Tensor) -> Tensor:
    _check_neurons(activation, op, len(frequency_of_neuron))
    x = _check_activation(activation, op)
    kept = x.clone()
    for k in sorted(set(frequency_of_neuron.tolist()) - {0}):
        cluster = frequency_of_neuron == k
        of_cluster, constant = part_and_constant(x[:, cluster], op, (k,), "polynomial")
        kept[:, cluster] = constant + of_cluster
    return kept.reshape(activation.shape).to(activation)


_NAMES: dict[Callable[..., Tensor], str] = {
    _keep: "project_onto_frequencies",
    _remove: "project_out_frequencies",
    _keep_own: "project_each_onto_frequency",
}


def _check_choice_of_frequencies(op: Operation, frequencies: object, terms: object) -> Frequencies:
    check_choice(terms, "terms", ActivationTerms)
    chosen = check_parts(frequencies, op)
    if isinstance(chosen, list):
        return chosen
    if terms != "sum":
        check_pairs(op, f"terms={terms!r} are products of functions of a and of b", remedy=SUM, of_some=SUM_OF_SOME)
    return chosen


def _check_frequency_per_neuron(values: object, op: Any) -> Tensor:
    """The frequency of each neuron, or 0 for none, int64, ``(m,)``."""
    check_pairs(op, "a neuron's polynomial has products of functions of a and of b")
    highest, frequency = len(op.frequencies), check_indices(values, "frequency")
    if frequency.ndim != 1:
        raise ValueError(f"`frequency` must have one entry per neuron: shape (m,). Got {shape_of(frequency)}.")
    for k in frequency.tolist():
        if not 0 <= k <= highest:
            raise ValueError(f"`frequency` must lie in 0..{highest} for n={op.n}, 0 for none. Got {k}.")
    return frequency


def _check_activation(x: Tensor, op: Operation) -> Tensor:
    """Float64 values on every input, ``(N, m)``, from an activation with one row per input."""
    count = op.table.numel()
    if x.ndim < 1 or len(x) != count:
        second = x.ndim > 2 and x.shape[1] == count
        raise ValueError(
            f"The activation must have one row per {one_input(op)} of the grid ({count}). Got shape {shape_of(x)}. "
            + (
                f"Axis 1 has {count}: replace one position, such as with pm.at(-1, …)."
                if second
                else "Run the model on `op.inputs` in one forward pass."
            )
        )
    return computable(x).flatten(1).to(torch.float64)


def _check_neurons(x: Tensor, op: Operation, neurons: int) -> None:
    """Requires one row per input and one column for each neuron."""
    count = op.table.numel()
    if x.ndim != 2 or len(x) != count:
        raise ValueError(
            f"The activation must have one row per pair of the grid and one column per neuron: shape ({count}, m). "
            f"Got {shape_of(x)}. Run the model on `op.inputs` in one forward pass."
        )
    if x.shape[1] != neurons:
        raise ValueError(f"`frequency` must have one entry per neuron of the activation ({x.shape[1]}). Got {neurons}.")
