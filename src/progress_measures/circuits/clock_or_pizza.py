"""Measures that tell a clock from a pizza; :mod:`progress_measures.circuits` defines both."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from progress_measures._checks.tensors import Array, check_finite, computable
from progress_measures._checks.values import check_callable, check_integer, check_seed
from progress_measures._model_state import evaluation, token_device
from progress_measures._scaling import scale_of
from progress_measures.ablation.checks import check_hookable
from progress_measures.circuits.checks import (
    check_embedded,
    check_graph,
    check_positions,
    check_sum_or_difference,
    check_two_inputs,
)
from progress_measures.fourier import sum_rows
from progress_measures.grid import check_predicted
from progress_measures.operations.checks import check_columns, check_logits, check_pairs_of_elements
from progress_measures.operations.operation import Operation

EPS = torch.finfo(torch.float64).eps


def distance_irrelevance(logits: Array, op: Operation) -> Tensor:
    r"""How little the correct logit depends on the distance between the two inputs.

    With the correct logit :math:`Q_{s,d}` of answer s and distance d = a - b (of indices modulo n),

    .. math:: \frac{\mathrm{mean}_d \, \mathrm{std}_s \, Q_{s,d}}{\mathrm{std}_{s,d} \, Q_{s,d}}

    It is 0 if the correct logit is a function of the distance only, as in an ideal pizza. Its maximum is 1, which it
    reaches if the correct logit has the same mean and standard deviation at every distance. It is also 1 if the correct
    logit does not vary at all, as in an ideal clock. Scaling the logits or adding a number to all of them does not
    change it.

    Args:
        logits: Logits on the grid, axes ``(a, b, c)``, shape ``(n, n, n)`` or ``(n*n, n)``.
        op: An operation whose answers depend only on the sum, or only on the difference, of the inputs' indices. A
            difference a - b is the sum of a and -b, so the distance is then a + b.

    Returns:
        The irrelevance in [0, 1], float64, shape ``()``; differentiable. Standard deviations are those of the
        population, not estimates from a sample.

    Raises:
        TypeError: If ``logits`` are neither tensor nor array, or are complex.
        ValueError: If ``logits`` have the wrong shape or are not finite, or ``op`` is another kind of operation.

    See Also:
        :func:`gradient_symmetricity`: the same question, from gradients.

    References:
        Zhong et al. (2023), "The clock and the pizza", section 4.2. Their trained clock has 0.85, their pizza 0.17.

    Example:
        >>> op = pm.addition(59)
        >>> logits = pm.grid_logits(pm.circuits.Pizza(op, {3: 1.0, 14: 1.0}), op)
        >>> pm.circuits.distance_irrelevance(logits, op).item() < 1e-12
        True
    """
    sign = check_sum_or_difference(op)
    x = check_logits(logits, op).view(op.n, op.n, op.n)
    correct = x.gather(2, op.table.to(x.device)[..., None]).squeeze(-1).to(torch.float64)
    correct = correct / scale_of(x).to(torch.float64)
    correct = correct - correct.detach().mean()  # so that small deviations keep their digits
    d, b = torch.arange(op.n, device=x.device)[:, None], torch.arange(op.n, device=x.device)
    within = correct[(d + sign * b) % op.n, b].std(1, correction=0).mean()
    total = correct.std(correction=0)
    varies = total > op.n**2 * EPS
    return torch.where(varies, within / total.where(varies, 1.0), 1.0)


def circularity(embedding: Array, op: Operation, dim: int = 0, *, components: int = 4) -> Tensor:
    r"""How close the first principal components of an embedding are to waves of a single frequency.

    With the principal components as unit vectors v over the elements, and the basis rows r of frequency k,

    .. math:: \mathrm{mean}_{v} \max_k \sum_{r \in k} \langle F_r, v \rangle^2

    For the cosine and the sine of a cyclic operation, the inner sum is :math:`\tfrac{2}{n} \lvert \sum_j v_j e^{2 \pi i
    j k / n} \rvert^2`, and half of that for the single cosine of frequency n/2 for even n.

    It is 1 if every component is a wave of one frequency, of any phase. Scaling, shifting or rotating the embedding
    does not change it. Components without variance, to the rounding of the embedding's dtype, are left out; if none is
    left, it is 0. If frequencies have the same norm, components are arbitrary mixtures of their waves, and the measure
    says little.

    Args:
        embedding: Weights with one entry per element along ``dim``, such as ``model.embed.weight[op.elements]``.
        op: The operation whose basis is used; it need not be cyclic.
        dim: The axis over the elements.
        components: The number of leading components.

    Returns:
        The circularity in [0, 1], float64, shape ``()``; differentiable if no two components have the same variance.

    Raises:
        TypeError: If ``embedding`` is neither tensor nor array, or is complex, or ``components`` is not an integer.
        ValueError: If ``embedding`` does not have n entries along ``dim`` or is not finite, or ``components`` is less
            than 1.

    See Also:
        :func:`inverse_participation_ratio`: columns instead of principal components.

    References:
        Zhong et al. (2023), "The clock and the pizza", section 4.

    Example:
        >>> op = pm.addition(59)
        >>> pm.circuits.circularity(pm.circuits.Clock(op, {3: 1.0, 14: 2.0}).embed.weight, op)
        tensor(1.0000, dtype=torch.float64, grad_fn=<DivBackward0>)
    """
    columns, eps = check_columns(embedding, op, dim, "embedding")
    components = check_integer(components, "components", at_least=1)
    columns = columns / scale_of(columns)
    vectors, deviations, _ = torch.linalg.svd(columns - columns.mean(0), full_matrices=False)
    share = sum_rows((op.basis.to(columns.device) @ vectors[:, :components]).square(), op.row_frequency, 0)
    rounding = 8 * eps * torch.linalg.vector_norm(columns.detach())
    varies: Tensor = deviations[:components].detach() > rounding
    return torch.where(varies, share.amax(0), 0.0).sum() / varies.sum().clamp(min=1)


def gradient_symmetricity(
    predict: Callable[[Tensor], Tensor],
    op: Operation,
    embedding: nn.Module,
    *,
    positions: tuple[int, int] = (0, 1),
    samples: int | None = 1000,
    seed: int = 0,
    batch_size: int = 1000,
) -> Tensor:
    r"""How similar the gradients of a logit with respect to the embeddings of the two inputs are.

    .. math:: \mathrm{mean}_{(a, b, c)} \cos \Big( \frac{\partial Q_c}{\partial E_a}, \frac{\partial Q_c}{\partial E_b}
              \Big)

    over random a, b and c, where c need not be the answer. It lies in [-1, 1]. It is 1 if the logits depend only on the
    sum of the embeddings, as in a pizza. It is 0 in an ideal clock, where the cosine is the mean of cos w_k (a - b),
    weighted by the amplitudes. The cosine of a zero gradient counts as 0. If the operation is not commutative, such as
    subtraction, no circuit has equal gradients, and a low value says little.

    The gradients of a batch are computed in one backward pass, so ``predict`` must not mix its rows, as batch
    normalization in training mode does. Parameters get no gradient, and need not require one. A module runs in
    evaluation mode, as in :func:`grid_logits`.

    Args:
        predict: A model, or a function that calls one, from tokens, int64, shape ``(batch, 2)``, to the logits at the
            answer position, shape ``(batch, V)``. It must not use ``torch.no_grad()`` itself; calling this measure
            inside ``torch.no_grad()`` is fine.
        op: The operation whose elements are drawn.
        embedding: The module inside ``predict`` that embeds the tokens, such as ``model.embed``. It is called once and
            returns axes ``(pair, position, feature)``, or it is called twice, first for a and then for b.
        positions: The positions of a and b if ``embedding`` is called once.
        samples: The number of triples to draw, with replacement; None for each of the n³ triples once. The paper uses
            100.
        seed: The seed of the draws; no global generator is used.
        batch_size: Triples per call of ``predict``.

    Returns:
        The mean cosine, float64, shape ``()``, without a graph.

    Raises:
        TypeError: If an argument is of the wrong kind, or ``embedding`` does not return a real tensor.
        ValueError: If ``positions``, ``samples``, ``seed`` or ``batch_size`` are out of range, a gradient is not
            finite, the logits have the wrong shape or are not differentiable, or the output of ``embedding`` does not
            hold a and b separately.
        RuntimeError: If ``predict`` does not call ``embedding``.

    See Also:
        :func:`distance_irrelevance`: the same question, from logits, without a model.

    References:
        Zhong et al. (2023), "The clock and the pizza", section 4.1. Their trained clock has 0.33, their pizza 0.99.

    Example:
        >>> op = pm.addition(59)
        >>> model = pm.circuits.Pizza(op, {3: 1.0, 14: 1.0})
        >>> round(pm.circuits.gradient_symmetricity(model, op, model.embed).item(), 6)
        1.0
    """
    check_callable(predict, "predict")
    n = check_pairs_of_elements(op).n
    check_hookable(embedding, "embedding")
    places = check_positions(positions)
    if isinstance(predict, nn.Module):
        check_hookable(predict, "predict")
    size = check_integer(batch_size, "batch_size", at_least=1)
    generator = torch.Generator().manual_seed(check_seed(seed))
    if samples is None:
        triples = torch.arange(n**3, device="cpu")
    else:
        count = check_integer(samples, "samples", at_least=1)
        triples = torch.randint(n**3, (count,), generator=generator, device="cpu")

    width, cosines = int(op.elements.max()) + 1, []
    with torch.inference_mode(False), torch.enable_grad(), evaluation(predict):
        for batch in torch.split(triples, size):
            a, b, c = op.elements[torch.stack([batch // n**2, batch // n % n, batch % n])].to(token_device(predict))
            of_a, of_b = _gradients(predict, embedding, torch.stack([a, b], dim=1), c, width, places)
            cosines.append(torch.cosine_similarity(_scaled(of_a), _scaled(of_b), dim=1))
    return torch.cat(cosines).mean()


def _gradients(
    predict: Callable[[Tensor], Tensor],
    embedding: nn.Module,
    pairs: Tensor,
    columns: Tensor,
    width: int,
    places: tuple[int, int],
) -> tuple[Tensor, Tensor]:
    """The gradients of one logit per row, at the given column, with respect to the embeddings of a and of b."""
    outputs: list[Tensor] = []

    def cut(_module: nn.Module, _inputs: Any, output: Any) -> Tensor:
        # The graph begins here: it reaches no parameter of the embedding, and none has to require a gradient.
        outputs.append(check_embedded(output, len(pairs)).detach().requires_grad_())
        return outputs[-1].clone()  # the next module may work in place

    with embedding.register_forward_hook(cut):
        logits = check_predicted(predict(pairs), len(pairs), width)
    check_two_inputs(outputs, places)
    check_graph(logits)
    picked = logits.gather(1, columns.to(logits.device)[:, None]).sum()
    # An input that the logits do not depend on has gradient zero.
    gradients = torch.autograd.grad(picked, outputs, allow_unused=True, materialize_grads=True)
    if len(gradients) == 2:
        return gradients[0], gradients[1]
    return gradients[0][:, places[0]], gradients[0][:, places[1]]


def _scaled(gradients: Tensor) -> Tensor:
    """Gradients, one per row, float64, scaled so that their squares do not vanish; zero rows stay zero."""
    rows = check_finite(computable(gradients), "gradients", "(triple, …)").to(torch.float64).flatten(1)
    return rows / scale_of(rows, 1)
