"""Models and losses whose derivatives are known, or were computed once with public code."""

import torch
from torch import nn
from torch.nn import functional as F

X = torch.cos(5 * torch.arange(1.0, 61.0, dtype=torch.float64)).view(20, 3)
Y = torch.arange(20) % 4


def network():
    """A small network with 68 parameters in float64."""
    i = torch.arange(1.0, 33.0, dtype=torch.float64)
    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 4)).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.sin(i[:24]).view(8, 3))
        model[0].bias.copy_(torch.cos(i[:8]) / 2)
        model[2].weight.copy_(torch.sin(3 * i).view(4, 8))
        model[2].bias.copy_(torch.cos(3 * i[:4]) / 2)
    return model


def on(rows):
    """The cross-entropy on some rows, as a function of the model."""

    def loss(model):
        at = next(model.parameters()) if isinstance(model, nn.Module) else X
        return F.cross_entropy(model(X[rows].to(at)), Y[rows].to(at.device))

    return loss


FIRST, SECOND, ALL = on(slice(10)), on(slice(10, 20)), on(slice(20))


class Point(nn.Module):
    """A model that consists only of parameters, for losses with a known Hessian."""

    def __init__(self, *values):
        super().__init__()
        self.x = nn.Parameter(torch.tensor(values, dtype=torch.float64))


def quadratic(matrix, linear=None):
    """½ xᵀ A x + bᵀ x, whose gradient is A x + b and whose Hessian is A."""
    return lambda point: point.x @ matrix @ point.x / 2 + (0 if linear is None else linear @ point.x)


def symmetric(size, seed=0):
    matrix = torch.randn(size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return matrix + matrix.T
