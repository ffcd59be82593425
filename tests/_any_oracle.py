"""The definitions for any function of any inputs, written out slowly and obviously, in float64 NumPy.

Nothing here calls the library. Logits are rows, ``(N, n)``: one row per input, one column per answer. A frequency is an
integer, of the functions of the answer, or a tuple with one integer per operand, of the functions of the inputs.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from tests._oracle import waves


@dataclass(frozen=True)
class Task:
    """The parts of an operation that the definitions need."""

    rows: list  # the tokens of each input
    elements: list  # the token of each answer
    answers: np.ndarray  # the index of each input's answer, (N,)
    basis: np.ndarray  # orthonormal functions of the answer, (n, n), one per row
    of_row: np.ndarray  # the frequency of each, (n,)
    axes: list | None  # the tokens of each operand, if the inputs are all of their combinations

    @property
    def n(self):
        return len(self.elements)

    @property
    def frequencies(self):
        return range(1, max(self.of_row) + 1)

    def operand_basis(self, axis):
        """The functions of one operand, and their frequencies: matched by token, or waves on the places."""
        tokens = self.axes[axis]
        if sorted(tokens) != sorted(self.elements):
            return fourier(len(tokens))
        return np.stack([self.basis[:, self.elements.index(token)] for token in tokens], axis=1), self.of_row

    def frequencies_of_inputs(self):
        """Every tuple except the constant."""
        highest = [max(self.operand_basis(axis)[1]) for axis in range(len(self.axes))]
        return [*itertools.product(*(range(k + 1) for k in highest))][1:]


def task(function, axes=None, *, rows=None, elements, basis):
    """The task of a function of tokens; ``basis`` is a pair of the basis functions and their frequencies."""
    axes = None if axes is None else [[*tokens] for tokens in axes]
    rows = [tuple(row) for row in (itertools.product(*axes) if rows is None else rows)]
    elements = [*elements]
    answers = np.array([elements.index(function(*row)) for row in rows])
    return Task(rows, elements, answers, *basis, axes)


def fourier(m):
    """The real Fourier basis of Z/m, and the frequency of each row."""
    rows = [(0, np.ones(m))] + [(k, wave) for k in range(1, m // 2 + 1) for wave in waves(m, k, np.arange(m))]
    return np.stack([row / np.linalg.norm(row) for _, row in rows]), np.array([k for k, _ in rows])


def fourier_and_zero(p):
    """The constant, the waves of Z/(p-1) on all but the last place, and the last against the others."""
    of_powers, of_row = fourier(p - 1)
    rows = [np.ones(p) / math.sqrt(p)]
    rows += [np.append(wave, 0) for wave in of_powers[1:]]
    last = np.append(np.zeros(p - 1), 1) - 1 / p
    rows.append(last / np.linalg.norm(last))
    return np.stack(rows), np.append(of_row, max(of_row) + 1)


def means(x, task):
    """M(s, c): the mean over the inputs of each answer."""
    return np.stack([x[task.answers == s].mean(0) for s in range(task.n)])


def weights(task):
    """Weights of mean 1 over the inputs, with which each answer counts once."""
    counts = np.array([(task.answers == s).sum() for s in range(task.n)])
    return len(task.rows) / task.n / counts[task.answers]


def part(x, task, k, terms="sum"):
    """The part of frequency k, one row per input."""
    if isinstance(k, tuple):
        return part_of_inputs(x, task, k)
    if terms == "product":
        return part_of_inputs(x, task, (k, k))
    if terms == "polynomial":
        return sum(part_of_inputs(x, task, pair) for pair in [(k, k), (k, 0), (0, k)])
    own = task.basis[task.of_row == k]
    if terms == "aligned":
        tensor = sum(row[task.answers][:, None] * row for row in own)
        inner = weights(task)[:, None] * tensor
        return tensor * (inner * x).sum() / (inner * tensor).sum()
    found, of_answers = np.zeros(x.shape), means(x, task)
    for row in own:
        w = sum(row[s] * of_answers[s] for s in range(task.n))
        found += row[task.answers][:, None] * w
    return found


def part_of_inputs(x, task, frequency):
    """The plain projection on the products of the operands' functions, each a dense direction."""
    places = np.indices([len(tokens) for tokens in task.axes]).reshape(len(task.axes), -1)
    values = []
    for axis, k in enumerate(frequency):
        basis, of_row = task.operand_basis(axis)
        values.append([row[places[axis]] for row in basis[of_row == k]])
    dense = np.stack([math.prod(factors) for factors in itertools.product(*values)], axis=1)
    return dense @ (dense.T @ x)


def constant(x, task, keys, terms="sum"):
    """The mean over the answers, or over the inputs for functions of the inputs."""
    of_inputs = terms in ("product", "polynomial") or any(isinstance(k, tuple) for k in keys)
    return x.mean(0) if of_inputs else means(x, task).mean(0)


def parts(x, task, keys, terms="sum"):
    return sum((part(x, task, k, terms) for k in keys), np.zeros(x.shape))


def restrict(x, task, keys, terms="sum"):
    return constant(x, task, keys, terms) + parts(x, task, keys, terms)


def exclude(x, task, keys, terms="sum"):
    return x - parts(x, task, keys, terms)


def cross_entropies(x, answers):
    """The log of 1 + Σ exp(L_c - L_s) of each row."""
    index = np.arange(len(x))
    margins = x - x[index, answers][:, None]
    margins[index, answers] = -np.inf
    top = np.maximum(margins.max(1), 0)
    terms = np.exp(margins - top[:, None]).sum(1)
    return np.where(top == 0, np.log1p(terms), top + np.log(np.exp(-top) + terms))


def squared_errors(x, answers):
    return ((x - np.eye(x.shape[1])[answers]) ** 2).mean(1)


def hinges(x, answers):
    """The sum over wrong logits of how far each exceeds the right logit minus 1."""
    wrong = 1 - np.eye(x.shape[1])[answers]
    return (wrong * np.maximum(0, 1 + x - x[np.arange(len(x)), answers][:, None])).sum(1)


LOSSES = {"cross_entropy": cross_entropies, "mse": squared_errors, "hinge": hinges}


def mean_loss(x, asked, mask, loss="cross_entropy"):
    return LOSSES[loss](x[mask], asked[mask]).mean() if mask.any() else np.nan


def accuracy(x, asked, mask):
    return np.mean(x[mask].argmax(1) == asked[mask]) if mask.any() else np.nan


def excluded_loss_per_frequency(x, task, asked, mask, loss="cross_entropy", terms="sum"):
    return np.array([mean_loss(exclude(x, task, [k], terms), asked, mask, loss) for k in task.frequencies])


def measure(x, task, keys, train, test=None, labels=None, loss="cross_entropy"):
    """All numbers that ``pm.measure`` returns, by name."""
    test = ~train if test is None else test
    every, labels = np.ones(len(x), dtype=bool), task.answers if labels is None else labels
    restricted, excluded = restrict(x, task, keys), exclude(x, task, keys)
    return {
        "train_loss": mean_loss(x, labels, train, loss),
        "test_loss": mean_loss(x, task.answers, test, loss),
        "train_accuracy": accuracy(x, labels, train),
        "test_accuracy": accuracy(x, task.answers, test),
        "restricted_loss": mean_loss(restricted, task.answers, every, loss),
        "restricted_loss_train": mean_loss(restricted, labels, train, loss),
        "restricted_loss_test": mean_loss(restricted, task.answers, test, loss),
        "restricted_accuracy": accuracy(restricted, task.answers, every),
        "excluded_loss": mean_loss(excluded, labels, train, loss),
        "excluded_accuracy": accuracy(excluded, labels, train),
        "excluded_loss_per_frequency": excluded_loss_per_frequency(x, task, labels, train, loss),
    }


def logit_spectrum(x, task):
    """Shares of the variance around the mean over the answers, in which each answer counts once."""
    w = weights(task)[:, None]
    variance = (w * (x - means(x, task).mean(0)) ** 2).sum()
    return np.array([(w * part(x, task, k) ** 2).sum() / variance for k in task.frequencies])


def cosine_coefficients(x, task):
    """The inner product with the single tensor of each frequency, of length 1."""
    found = []
    for k in task.frequencies:
        tensor = sum(row[task.answers][:, None] * row for row in task.basis[task.of_row == k])
        inner = weights(task)[:, None] * tensor
        found.append((inner * x).sum() / math.sqrt((inner * tensor).sum()))
    return np.array(found)


def input_spectrum(x, task):
    """Shares of the plain variance of columns of values, each around its mean over the inputs."""
    centred = x - x.mean(0)
    share = np.zeros([1 + max(task.operand_basis(axis)[1]) for axis in range(len(task.axes))])
    for k in task.frequencies_of_inputs():
        share[k] = (part_of_inputs(x, task, k) ** 2).sum() / (centred**2).sum()
    return share


def neuron_spectrum(x, task):
    """The share of each neuron's variance in each frequency's polynomials, ``(m, K)``."""
    variance = ((x - x.mean(0)) ** 2).sum(0)
    return np.stack([(part(x, task, k, "polynomial") ** 2).sum(0) / variance for k in task.frequencies], axis=1)
