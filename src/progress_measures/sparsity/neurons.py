"""How few neurons of a layer are active, and how few suffice for its answers."""

import math

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array, check_finite, check_indices, check_real
from progress_measures._checks.values import check_real_number, shape_of
from progress_measures.sparsity.spread import check_some


def activation_sparsity(activations: Array, *, threshold: float = 0.0) -> Tensor:
    r"""The share of activations that are not above a threshold, over all inputs and neurons.

    .. math:: \frac{1}{N m} \sum_{x, i} 1[h_i(x) \le \tau]

    It is 1 if no neuron is ever active. With the threshold τ = 0, scaling a neuron by a positive number does not change
    it.

    Args:
        activations: The activations h of a layer on some inputs, of any shape, such as the outputs of ReLUs that
            ``captured`` returns.
        threshold: The threshold τ: the largest value that counts as inactive.

    Returns:
        A share in [0, 1], float64, shape ``()``; piecewise constant, so without a gradient.

    Raises:
        TypeError: If ``activations`` are neither tensor nor array, or complex, or ``threshold`` is not a number.
        ValueError: If ``activations`` are empty or not finite, or ``threshold`` is not finite.

    See Also:
        :func:`effective_sparsity`: how few neurons suffice for the answers, however many are active.

    References:
        Golechha (2024), "Progress measures for grokking on real-world tasks" (arXiv 2405.12755), section 4. There an
        activation counts if it is below the threshold; here it also counts if it equals the threshold, so that 0 works
        for ReLUs.

    Example:
        >>> pm.sparsity.activation_sparsity(torch.tensor([[0.0, 0.5], [0.0, 0.0]]))
        tensor(0.7500, dtype=torch.float64)
    """
    x = check_finite(check_real(activations, "activations"), "activations").detach()
    check_some(x, "activations")
    tau = check_real_number(threshold, "threshold")
    if not math.isfinite(tau):
        raise ValueError(f"`threshold` must be finite. Got {threshold!r}.")
    limit = torch.tensor(tau, dtype=x.dtype if x.is_floating_point() else torch.float64, device=x.device)
    return (x <= limit).sum() / torch.tensor(x.numel(), dtype=torch.float64, device=x.device)


def effective_sparsity(
    activations: Array, readout: Array, answers: Array, importance: Array, *, rest: Array | None = None
) -> Tensor:
    r"""The least number of neurons, taken by importance, that answer as well as all neurons do.

    With only the k most important neurons, and the rest r of the logits,

    .. math:: \min \{ k : \mathrm{accuracy}(L_k) \ge \mathrm{accuracy}(L_m) \}, \quad
              L_k(x) = r(x) + \sum_{i \le k} h_i(x) \, w_i

    An input is right only if its answer's logit is above all others. The number lies between 0 and the number of
    neurons m. It is 0 if the rest r answers as well without this layer.

    Args:
        activations: Activations h of the neurons on some inputs, shape ``(N, m)``; the paper uses the training inputs.
        readout: The logits w that one unit of each neuron adds, shape ``(n, m)``: the weight of the last layer, or W_L.
        answers: The column of the right answer of each input, integers, shape ``(N,)``.
        importance: The importance of each neuron, shape ``(m,)``; the paper uses the norm of a neuron's input weights.
            Among equals, the first comes first.
        rest: The rest r of the logits, such as a bias or a skip connection around the layer, shape ``(N, n)`` or
            ``(n,)``; none if None.

    Returns:
        The number of neurons, int64, shape ``()``; a count, so without a gradient.

    Raises:
        TypeError: If an argument is neither tensor nor array, or complex, or ``answers`` are not integers.
        ValueError: If shapes do not fit, a value is not finite, or an answer is not the index of a column.

    See Also:
        :func:`activation_sparsity`: how many neurons are inactive, without a readout.
        :func:`effective_rank`: how many directions the readout uses.

    References:
        Merrill, Tsilivis & Shukla (2023), "A tale of two circuits" (arXiv 2303.11873). Their code requires exactly the
        accuracy of all neurons; here a higher accuracy is enough too.

    Example:
        >>> hidden = torch.tensor([[5.0, 0.0, 0.1], [0.0, 5.0, 0.1]])
        >>> readout = torch.tensor([[1.0, 0.0, 0.1], [0.0, 1.0, 0.0]])
        >>> pm.sparsity.effective_sparsity(hidden, readout, torch.tensor([0, 1]), hidden.norm(dim=0))
        tensor(2)
    """
    x, weights, right, ranks = _check_layer(activations, readout, answers, importance)
    logits = _check_rest(rest, x, weights)
    full = _hits(logits + x @ weights.T, right)
    order = ranks.argsort(descending=True, stable=True).tolist()
    for k, neuron in enumerate(order):
        if _hits(logits, right) >= full:
            return torch.tensor(k, device=x.device)
        logits = torch.addr(logits, x[:, neuron], weights[:, neuron])
    return torch.tensor(len(order), device=x.device)


def _hits(logits: Tensor, answers: Tensor) -> int:
    """How many inputs have their answer's logit above all others."""
    return int(((logits >= logits.gather(1, answers[:, None])).sum(1) == 1).sum())


def _check_layer(
    activations: object, readout: object, answers: object, importance: object
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Requires shapes (N, m), (n, m), (N,) and (m,); returns them on one device, in float64 except for the answers."""
    x, weights, ranks = (
        check_finite(check_real(value, name), name).detach().to(torch.float64)
        for value, name in ((activations, "activations"), (readout, "readout"), (importance, "importance"))
    )
    right = check_indices(answers, "answers").to(x.device)
    if x.ndim != 2 or x.numel() == 0:
        raise ValueError(f"`activations` must have one row per input: shape (N, m). Got {shape_of(x)}.")
    rows, m = x.shape
    if weights.ndim != 2 or weights.shape[1] != m:
        remedy = " Pass its transpose." if weights.ndim == 2 and weights.shape[0] == m else ""
        raise ValueError(f"`readout` must have one column per neuron: shape (n, {m}). Got {shape_of(weights)}.{remedy}")
    if len(weights) < 2:
        raise ValueError(
            "`readout` must have one row per answer, at least 2. Got 1. If the sign of one output is the answer, pass "
            "torch.cat([-readout, readout]), and answers of 0 and 1."
        )
    if ranks.shape != (m,):
        raise ValueError(f"`importance` must have one number per neuron: shape ({m},). Got {shape_of(ranks)}.")
    if right.shape != (rows,):
        raise ValueError(f"`answers` must have one entry per input: shape ({rows},). Got {shape_of(right)}.")
    if not 0 <= int(right.min()) <= int(right.max()) < len(weights):
        raise ValueError(
            f"`answers` must be rows of `readout`, in 0..{len(weights) - 1}. "
            f"Got {int(right.min())} to {int(right.max())}."
        )
    return x, weights.to(x.device), right, ranks.to(x.device)


def _check_rest(rest: object, x: Tensor, weights: Tensor) -> Tensor:
    """The part of the logits that does not come from the neurons, float64, ``(N, n)``."""
    shape = len(x), len(weights)
    if rest is None:
        return x.new_zeros(shape)
    values = check_finite(check_real(rest, "rest"), "rest").detach().to(x)
    if values.shape not in (shape, shape[1:]):
        raise ValueError(f"`rest` must have the logits' shape, {shape} or ({shape[1]},). Got {shape_of(values)}.")
    return values.expand(shape)
