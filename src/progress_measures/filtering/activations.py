"""Frequencies of activations, kept or removed while a model runs: replacements for ``ablated``.

They work on one forward pass over ``op.pairs``, in that order, so that an activation has one row per pair.
"""

from collections.abc import Callable, Iterable

from torch import Tensor

from progress_measures import _checks
from progress_measures.filtering.parts import ActivationTerms, part
from progress_measures.operations import Operation


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
        x = _checks.activation_on_grid(activation, op.n)
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
        x = _checks.activation_on_grid(activation, op.n)
        return (x - part(x, op, chosen, terms)).reshape(activation.shape).to(activation)

    return remove


def project_each_onto_frequency(op: Operation, frequency: _checks.Array) -> Callable[[Tensor], Tensor]:
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
    of_neuron = _checks.frequency_of_each(frequency, op)

    def keep(activation: Tensor) -> Tensor:
        _checks.neurons(activation, op.n, len(of_neuron))
        x = _checks.activation_on_grid(activation, op.n)
        kept = x.clone()
        for k in sorted(set(of_neuron.tolist()) - {0}):
            cluster = of_neuron == k
            kept[..., cluster] = x[..., cluster].mean((0, 1)) + part(x[..., cluster], op, [k], "polynomial")
        return kept.reshape(activation.shape).to(activation)

    return keep


def _replacement_arguments(op: Operation, frequencies: object, terms: object) -> tuple[int, ...]:
    _checks.choice(terms, "terms", ActivationTerms)
    return _checks.frequencies(frequencies, op)
