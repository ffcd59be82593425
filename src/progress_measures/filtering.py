"""Which part of the logits belongs to a frequency: restricting to it, and excluding it.

The logits have axes ``(a, b, c)``. The field means several things by "the part of frequency k", so ``terms`` says
which, per frequency k:

- ``"sum"``: what depends on the true answer s = a∘b through cos w_k s and sin w_k s, for every output c. Two directions
  of the input grid; the code behind every published curve.
- ``"product"``: the block {cos, sin} w_k a times {cos, sin} w_k b: four directions, the "20 terms" of section 5.1 for
  five key frequencies.
- ``"polynomial"``: the block {1, cos, sin} w_k a times {1, cos, sin} w_k b without 1 times 1: eight directions, the "40
  components" of section 4.4.
- ``"aligned"``: the single unit tensor along cos w_k (s - c) over ``(a, b, c)``; the notebook's "3D" losses.

For an operation that is not cyclic, {cos, sin} w_k are the basis rows of frequency k, and cos w_k (s - c) is the kernel
of the projection on them. Parts of different frequencies are orthogonal to each other and to the constant, the mean
over all pairs for each output, which both ``restrict`` and ``exclude`` keep.

Everything here is linear in the logits, and computed in float64.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import torch
from torch import Tensor

from progress_measures import _checks
from progress_measures.operations import Operation, answer_means, input_coefficients

Terms = Literal["sum", "product", "polynomial", "aligned"]
ActivationTerms = Literal["sum", "product", "polynomial"]


def restrict(logits: Tensor, op: Operation, frequencies: Iterable[int], *, terms: Terms = "sum") -> Tensor:
    """The constant and the chosen frequencies of the logits; everything else is dropped.

    An orthogonal projection: restricting twice changes nothing, and ``restrict + exclude`` is x plus its constant.

    Args:
        logits: Logits on the grid, axes ``(a, b, c)``, shape ``(n, n, n)`` or ``(n*n, n)``.
        op: The operation that the answers are of.
        frequencies: Distinct members of ``op.frequencies``, in the paper those of the final model.
        terms: What is meant by the part of a frequency; see above.

    Returns:
        Restricted logits, float64, shape ``(n, n, n)``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the logits do not have their shape or are not finite, if a frequency is not one of the
            operation's or stands twice, or if there are no such ``terms``.

    References:
        Nanda et al. (2023), section 5.1.

    Example:
        >>> op = pm.addition(7)
        >>> wave = torch.cos(2 * torch.pi * 3 / 7 * (op.table[:, :, None] - torch.arange(7)))
        >>> torch.allclose(pm.restrict(wave, op, [3]), wave.double(), atol=1e-6)
        True
    """
    x, chosen = _arguments(logits, op, frequencies, terms)
    return x.mean((0, 1)) + part(x, op, chosen, terms)


def exclude(logits: Tensor, op: Operation, frequencies: Iterable[int], *, terms: Terms = "sum") -> Tensor:
    """The logits without the chosen frequencies; the constant stays.

    Args:
        logits: Logits on the grid, axes ``(a, b, c)``, shape ``(n, n, n)`` or ``(n*n, n)``.
        op: The operation that the answers are of.
        frequencies: Distinct members of ``op.frequencies``; all are removed together.
        terms: What is meant by the part of a frequency; see above.

    Returns:
        The remaining logits, float64, shape ``(n, n, n)``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the logits do not have their shape or are not finite, if a frequency is not one of the
            operation's or stands twice, or if there are no such ``terms``.

    References:
        Nanda et al. (2023), section 5.1.

    Example:
        >>> op = pm.addition(7)
        >>> wave = torch.cos(2 * torch.pi * 3 / 7 * (op.table[:, :, None] - torch.arange(7)))
        >>> bool(pm.exclude(wave, op, [3]).abs().max() < 1e-6)
        True
    """
    x, chosen = _arguments(logits, op, frequencies, terms)
    return x - part(x, op, chosen, terms)


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
        return (x.mean((0, 1)) + part(x, op, chosen, terms)).reshape(activation.shape).to(activation.dtype)

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
        return (x - part(x, op, chosen, terms)).reshape(activation.shape).to(activation.dtype)

    return remove


# ---------------------------------------------------------------------------------------------------------------------
# Parts of checked float64 values on the grid, (n, n, m)


def part(x: Tensor, op: Operation, frequencies: Iterable[int], terms: Terms) -> Tensor:
    """The sum of the parts of the given frequencies, without the constant, shape ``(n, n, m)``."""
    everywhere = torch.ones(op.n, op.n, dtype=torch.bool, device=x.device)
    chosen = parts(x, op, frequencies, everywhere, terms)
    return sum(chosen, start=x.new_zeros(op.n**2, x.shape[-1])).reshape(x.shape)


def parts(x: Tensor, op: Operation, frequencies: Iterable[int], mask: Tensor, terms: Terms) -> Iterator[Tensor]:
    """The part of each of the given frequencies in turn, at the pairs of the mask only, ``(pairs, m)``."""
    if terms in ("sum", "aligned"):
        means, answers = answer_means(x, op), op.table.to(x.device)[mask]
        yield from (_part_of_answer(means, op, k, terms)[answers] for k in frequencies)
    else:
        coefficients, (a, b) = input_coefficients(x, op), mask.nonzero(as_tuple=True)
        yield from (_part_of_inputs(coefficients, op, k, terms, a, b) for k in frequencies)


def _part_of_answer(means: Tensor, op: Operation, frequency: int, terms: Terms) -> Tensor:
    """The part of a frequency by answer s, shape ``(n, m)``, from the means by answer."""
    rows = op.basis[op.row_frequency == frequency].to(means.device)
    if terms == "sum":
        return rows.T @ (rows @ means)
    # The projection's kernel is a multiple of cos w_k (s - c); its squared norm is the number of its rows.
    kernel = rows.T @ rows
    return kernel * ((kernel * means).sum() / len(rows))


def _part_of_inputs(coefficients: Tensor, op: Operation, frequency: int, terms: Terms, a: Tensor, b: Tensor) -> Tensor:
    """The part of a frequency at pairs (a, b), shape ``(pairs, m)``, from the coefficients in the basis of both."""
    rows = (op.row_frequency == frequency).nonzero().flatten()
    if terms == "polynomial":
        rows = torch.cat([rows.new_zeros(1), rows])
    waves = op.basis[rows].to(coefficients.device)
    directions = torch.einsum("ip,jp->pij", waves[:, a], waves[:, b]).flatten(1)
    block = coefficients[rows.to(coefficients.device)][:, rows.to(coefficients.device)].flatten(0, 1)
    first = 1 if terms == "polynomial" else 0  # 1 times 1 is the first of the nine
    return directions[:, first:] @ block[first:]


def _arguments(logits: object, op: Operation, frequencies: object, terms: object) -> tuple[Tensor, tuple[int, ...]]:
    _checks.choice(terms, "terms", Terms)
    x = _checks.logits_on_grid(logits, op)
    return x, _checks.frequencies(frequencies, op)


def _replacement_arguments(op: Operation, frequencies: object, terms: object) -> tuple[int, ...]:
    _checks.choice(terms, "terms", ActivationTerms)
    return _checks.frequencies(frequencies, op)
