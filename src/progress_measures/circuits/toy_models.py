"""Models with a known circuit to test measures on: their logits, spectra and losses are known in closed form."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from typing_extensions import override

from progress_measures._scaling import one_where_zero
from progress_measures.circuits.checks import check_amplitudes, check_sum_or_difference
from progress_measures.operations.operation import Operation


class _Circles(nn.Module):
    """An embedding that puts the elements on circles, one for each frequency, and a readout of waves of the answer.

    Both have one row per token: the cosines of all frequencies, then the sines. Tokens that are not elements have rows
    of zeros. Parameters are float64.
    """

    def __init__(self, op: Operation, radii: Mapping[int, float]) -> None:
        super().__init__()
        self.sign = check_sum_or_difference(op)
        k, x = torch.tensor(list(radii)), torch.arange(op.n)
        turn = k * x[:, None] % op.n  # in n-ths of a full turn
        angle = turn.to(torch.float64) * (2 * math.pi / op.n)
        waves = torch.stack([angle.cos(), angle.sin()], dim=1)
        waves = torch.where(4 * turn[:, None] % op.n == 0, waves.round(), waves)  # quarter turns: exactly 0, 1 or -1
        waves = waves.flatten(1)
        radius = torch.tensor(list(radii.values()), dtype=torch.float64).repeat(2)
        rows = waves.new_zeros(2, int(op.elements.max()) + 1, waves.shape[1])
        rows[0, op.elements] = waves * radius
        rows[1, op.elements[op.table[:, 0]]] = waves  # the answer to (x, 0) reads the wave at x ± 0
        # With its weights given, the embedding draws none from the global generator.
        self.embed = nn.Embedding(rows.shape[1], rows.shape[2], _weight=rows[0])
        self.unembed = nn.Parameter(rows[1])

    def circles(self, pairs: Tensor) -> Tensor:
        """The points of a and ±b on the circles, axes (input, cosine or sine, pair, frequency)."""
        a, b = self.embed(pairs).unflatten(-1, (2, -1)).movedim(0, 2)
        return torch.stack([a, torch.stack([b[0], self.sign * b[1]])])

    def read(self, cosine: Tensor, sine: Tensor) -> Tensor:
        """The logits, from the cosines and sines of the answer, axes (pair, frequency)."""
        return torch.cat([cosine, sine], dim=1) @ self.unembed.T


class Clock(_Circles):
    r"""A model that adds as a clock does: it multiplies waves of the two inputs.

    Its embedding has the points :math:`\sqrt{A_k} (\cos w_k x, \sin w_k x)`. Its logits for the true answer s are

    .. math:: Q_c(a, b) = \sum_k A_k \cos(w_k (s - c))

    So its accuracy is 1 unless n and all k have a common factor, and the loss of every pair is :math:`\ln \sum_x \exp
    \sum_k A_k (\cos w_k x - 1)`. The correct logit is constant. For sums, the cosine between the gradients with respect
    to the two embeddings is :math:`\sum_k A_k \cos w_k (a - b) / \sum_k A_k`, which is 0 on average.

    Args:
        op: A cyclic operation whose answers depend only on the sum, or only on the difference, of the inputs' indices.
        amplitudes: The positive amplitude :math:`A_k` of each frequency k.

    Raises:
        TypeError: If ``amplitudes`` is not a mapping from integers to numbers.
        ValueError: If ``amplitudes`` is empty, or has a frequency that is not the operation's or an amplitude that is
            not positive; or if ``op`` is not such an operation.

    References:
        Nanda et al. (2023), section 3.1; Zhong et al. (2023), "The clock and the pizza", section 3.

    Example:
        >>> op = pm.addition(7)
        >>> pm.logit_spectrum(pm.grid_logits(pm.circuits.Clock(op, {1: 1.0, 3: 2.0}), op), op).round(decimals=6)
        tensor([0.2000, 0.0000, 0.8000], dtype=torch.float64)
    """

    def __init__(self, op: Operation, amplitudes: Mapping[int, float]) -> None:
        super().__init__(op, {k: math.sqrt(value) for k, value in check_amplitudes(amplitudes, op).items()})

    @override
    def forward(self, pairs: Tensor) -> Tensor:
        """Logits, float64, one column per token, for pairs of tokens, shape ``(pair, 2)``."""
        (cos_a, sin_a), (cos_b, sin_b) = self.circles(pairs)
        return self.read(cos_a * cos_b - sin_a * sin_b, sin_a * cos_b + cos_a * sin_b)


class Pizza(_Circles):
    r"""A model that adds as a pizza does: it adds the two embeddings and doubles the angle of their sum.

    Its embedding has the points :math:`A_k (\cos w_k x, \sin w_k x)`. With the distance d = a - b, the sum of two
    points has the length :math:`2 A_k \lvert \cos(w_k d / 2) \rvert`. Its angle is half the angle of the answer s, up
    to a half turn. So the logits are

    .. math:: Q_c(a, b) = \sum_k A_k \lvert \cos(w_k d / 2) \rvert \cos(w_k (s - c))

    All logits are zero if d is half a turn for every frequency. The correct logit depends only on the distance. For
    sums, the gradients with respect to the two embeddings are equal.

    Args:
        op: A cyclic operation whose answers depend only on the sum, or only on the difference, of the inputs' indices.
            For a difference, the embedding of b is mirrored before it is added, and d = a + b.
        amplitudes: The positive amplitude :math:`A_k` of each frequency k.

    Raises:
        TypeError: If ``amplitudes`` is not a mapping from integers to numbers.
        ValueError: If ``amplitudes`` is empty, or has a frequency that is not the operation's or an amplitude that is
            not positive; or if ``op`` is not such an operation.

    References:
        Zhong et al. (2023), "The clock and the pizza", section 3.

    Example:
        >>> op = pm.addition(7)
        >>> pm.accuracy(pm.grid_logits(pm.circuits.Pizza(op, {1: 1.0, 3: 2.0}), op), op)
        tensor(1., dtype=torch.float64)
    """

    def __init__(self, op: Operation, amplitudes: Mapping[int, float]) -> None:
        super().__init__(op, check_amplitudes(amplitudes, op))

    @override
    def forward(self, pairs: Tensor) -> Tensor:
        """Logits, float64, one column per token, for pairs of tokens, shape ``(pair, 2)``."""
        x, y = self.circles(pairs).sum(0)
        squared = x * x + y * y
        twice = 2 * one_where_zero(squared).sqrt()  # a sum of zero has no angle: its logits are zero
        return self.read((x * x - y * y) / twice, 2 * x * y / twice)
