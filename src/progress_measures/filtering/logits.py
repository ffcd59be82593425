"""Chosen frequencies of the logits, kept alone or removed."""

from collections.abc import Iterable

from torch import Tensor

from progress_measures._checks.tensors import Array
from progress_measures._checks.values import check_choice
from progress_measures.filtering.parts import Frequencies, Terms, part_and_constant
from progress_measures.operations.checks import check_logits, check_parts
from progress_measures.operations.operation import Operation


def restrict(
    logits: Array,
    op: Operation,
    frequencies: Iterable[int] | Iterable[tuple[int, ...]],
    *,
    terms: Terms = "sum",
) -> Tensor:
    r"""The logits with only the constant and the chosen frequencies.

    With the mean logits M(t, c) over the inputs whose answer is t, and the basis rows r of each frequency k in R,

    .. math:: L_R(x, c) = \bar L(c) + \sum_{k \in R} P_k(x, c), \quad
              P_k(x, c) = \sum_{r \in k} F_r(s(x)) \sum_t F_r(t) \, M(t, c), \quad
              \bar L(c) = \frac{1}{n} \sum_t M(t, c)

    This is the default, ``terms="sum"``. Restricting twice changes nothing, because this is an orthogonal projection,
    in the inner product in which each answer counts once, or each input for frequencies of the inputs. ``restrict +
    exclude`` is the logits plus their constant. Without any frequency, only the constant over the answers remains.

    Args:
        logits: Logits on every input: for pairs, axes ``(a, b, c)``, shape ``(n, n, n)``. In general, the shape of
            ``op.table`` plus an axis of answers, or ``(N, n)``.
        op: The operation that defines the answers.
        frequencies: Distinct members of ``op.frequencies``, parts of the functions of the answer; the paper uses the
            key frequencies of the final model. Or frequencies of the inputs: tuples with one integer per operand, 0 for
            the constant.
        terms: The meaning of "the part of a frequency"; see :mod:`progress_measures.filtering`.

    Returns:
        Restricted logits, float64, the shape of ``op.table`` and an axis of answers.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the logits have the wrong shape or are not finite; if a frequency is not one of the operation's
            or is repeated; if ``terms`` is not one of the choices; or if the parts need all pairs of elements, or all
            inputs, and the operation does not have them.

    See Also:
        :func:`restricted_loss`: the loss of these logits, without storing them.
        :func:`project_onto_frequencies`: the same for activations inside a model.

    References:
        Nanda et al. (2023), section 5.1.

    Example:
        >>> op = pm.addition(7)
        >>> wave = torch.cos(2 * torch.pi * 3 / 7 * (op.table[:, :, None] - torch.arange(7)))
        >>> torch.allclose(pm.restrict(wave, op, [3]), wave.double(), atol=1e-6)
        True
    """
    x, chosen = check_filter(logits, op, frequencies, terms)
    kept, constant = part_and_constant(x, op, chosen, terms)
    return (constant + kept).view(*op.table.shape, op.n)


def exclude(
    logits: Array,
    op: Operation,
    frequencies: Iterable[int] | Iterable[tuple[int, ...]],
    *,
    terms: Terms = "sum",
) -> Tensor:
    r"""The logits without the chosen frequencies.

    With the parts P_k of :func:`restrict`, for the chosen frequencies R,

    .. math:: L_E(x, c) = L(x, c) - \sum_{k \in R} P_k(x, c)

    The constant stays, and excluding twice changes nothing.

    Args:
        logits: Logits on every input: for pairs, axes ``(a, b, c)``, shape ``(n, n, n)``. In general, the shape of
            ``op.table`` plus an axis of answers, or ``(N, n)``.
        op: The operation that defines the answers.
        frequencies: Distinct members of ``op.frequencies``, or tuples, as for :func:`restrict`. All are removed
            together.
        terms: The meaning of "the part of a frequency"; see :mod:`progress_measures.filtering`.

    Returns:
        The remaining logits, float64, the shape of ``op.table`` and an axis of answers.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the logits have the wrong shape or are not finite; if a frequency is not one of the operation's
            or is repeated; if ``terms`` is not one of the choices; or if the parts need all pairs of elements, or all
            inputs, and the operation does not have them.

    See Also:
        :func:`excluded_loss`: the loss of these logits, without storing them.
        :func:`project_out_frequencies`: the same for activations inside a model.

    References:
        Nanda et al. (2023), section 5.1.

    Example:
        >>> op = pm.addition(7)
        >>> wave = torch.cos(2 * torch.pi * 3 / 7 * (op.table[:, :, None] - torch.arange(7)))
        >>> bool(pm.exclude(wave, op, [3]).abs().max() < 1e-6)
        True
    """
    x, chosen = check_filter(logits, op, frequencies, terms)
    return (x - part_and_constant(x, op, chosen, terms)[0]).view(*op.table.shape, op.n)


def check_filter(logits: object, op: Operation, frequencies: object, terms: object) -> tuple[Tensor, Frequencies]:
    """Requires finite logits, ``(N, n)``, and frequencies of the answer, or of the inputs without other ``terms``."""
    check_choice(terms, "terms", Terms)
    x, chosen = check_logits(logits, op), check_parts(frequencies, op)
    if isinstance(chosen, list) and terms != "sum":
        raise ValueError(
            f"`terms` must be left out where `frequencies` are tuples, which say what is meant. Got {terms!r}."
        )
    return x, chosen
