"""How much of a neuron is constant on the cosets of a subgroup."""

from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array
from progress_measures._checks.values import check_choice, check_distinct_integers
from progress_measures._scaling import scale_of
from progress_measures.operations.checks import check_over_elements, check_pairs_of_elements
from progress_measures.operations.operation import Operation

Side = Literal["left", "right"]


def coset_concentration(
    x: Array, op: Operation, subgroup: Iterable[int], dim: int = 0, *, side: Side = "left"
) -> Tensor:
    r"""The share of each neuron's variance over a group that lies between the cosets of a subgroup H.

    With the mean of the neuron on each coset C,

    .. math:: \frac{\sum_C |H| \, (\bar x_C - \bar x)^2}{\sum_g (x_g - \bar x)^2}

    It is 1 if the neuron is constant on every coset. It is 0 if the neuron has the same mean on all of them, or does
    not vary. Noise has :math:`(n / |H| - 1) / (n - 1)` on average, which is 1 if H is only the identity. Scaling or
    shifting the neuron does not change it.

    Args:
        x: The input to each neuron from each element of one operand, with one entry per element along ``dim``, such as
            an embedding times the input weights of a layer, ``(n, m)``.
        op: Composition in a group, addition or multiplication. Subtraction and division have the cosets of these two;
            pass them with ``side="left"``.
        subgroup: Members of ``op.elements`` that generate the subgroup.
        dim: The axis over the elements.
        side: ``"left"`` for the cosets gH, ``"right"`` for Hg. For what a neuron reads from a use right cosets, and for
            what it reads from b left ones, if a∘b is your product; if it is b∘a, swap them. This is so in the bundled
            network that composes permutations; another network may do it the other way around.

    Returns:
        Shares in [0, 1], float64, the shape of ``x`` without ``dim``; differentiable.

    Raises:
        TypeError: If ``x`` is neither tensor nor array, or is complex, or ``subgroup`` holds no integers.
        ValueError: If ``x`` does not have n entries along ``dim``, or is not finite; if ``op`` is not composition in a
            group; if ``subgroup`` is empty or has an entry that is not an element; or if ``side`` is not one of the
            choices.

    See Also:
        :func:`spectrum`: representations of the group, instead of its subgroups.

    References:
        Stander et al. (2023), "Grokking group multiplication with cosets" (arXiv 2312.06581). They report the variance
        within cosets divided by the whole variance, which is 1 minus this share except for their divisors.

    Example:
        >>> neuron = torch.tensor([3.0, 1.0, 3.0, 1.0, 3.0, 1.0])  # even or odd
        >>> [float(pm.concentration.coset_concentration(neuron, pm.addition(6), [k])) for k in (2, 3)]
        [1.0, 0.0]
    """
    table = check_pairs_of_elements(op).table.cpu()
    x, axis = check_over_elements(x, op, dim)
    check_choice(side, "side", Side)
    members = _generated(table, _check_generators(subgroup, op))
    coset = _cosets(table if side == "left" else table.T, members, op).to(x.device)
    values = x.to(torch.float64).movedim(axis, 0)
    values = values - values[0].detach()
    values = values / scale_of(values, 0)
    centered = values - values.mean(0)
    means = torch.zeros_like(centered).index_add(0, coset, centered) / len(members)
    between, total = len(members) * means.square().sum(0), centered.square().sum(0)
    return torch.where(total > 0, between / total.where(total > 0, 1.0), 0.0).clamp(max=1.0)


def _generated(table: Tensor, generators: list[int]) -> Tensor:
    """The elements that the generators generate, ascending."""
    found = torch.zeros(len(table), dtype=torch.bool, device="cpu")
    found[generators] = True
    while True:
        members = found.nonzero()[:, 0]
        found[table[members][:, members].flatten()] = True
        if int(found.sum()) == len(members):
            return members


def _cosets(table: Tensor, members: Tensor, op: Operation) -> Tensor:
    """The first element of each element's coset, ``(n,)``."""
    cosets = table[:, members].sort(1).values
    if (
        len(torch.unique(cosets, dim=0)) * len(members) != len(table)
        or len(torch.unique(cosets[:, 0])) * len(members) != len(table)
        or not bool((cosets == torch.arange(len(table), device="cpu")[:, None]).any(1).all())
    ):
        raise ValueError(f"`op` must be composition in a group, whose cosets partition the elements. Got {op!r}.")
    return cosets[:, 0]


def _check_generators(values: object, op: Operation) -> list[int]:
    """Requires at least one element of the operation; returns their places."""
    chosen = check_distinct_integers(values, "subgroup")
    places = {token: place for place, token in enumerate(op.elements.tolist())}
    outside = [token for token in chosen if token not in places]
    if outside:
        raise ValueError(f"`subgroup` must be members of `op.elements`. Got {outside[0]}.")
    if not chosen:
        raise ValueError("`subgroup` must have at least one element. Got none. Pass at least the identity.")
    return [places[token] for token in chosen]
