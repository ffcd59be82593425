"""The definitions written out slowly and obviously, in float64 NumPy, with dense directions on the grid of pairs.

Nothing here calls the library except for the answer table and the order of the frequencies.
"""

import math

import numpy as np


def waves(n, k, x):
    """The unit-free waves of frequency k at the integers x: cosine, and sine where it is not zero everywhere."""
    angle = 2 * math.pi / n * (k * x % n)
    return [np.cos(angle)] if 2 * k % n == 0 else [np.cos(angle), np.sin(angle)]


def directions(table, k, terms):
    """The unit directions of frequency k on the n² pairs, one per column, from the definition of ``terms``."""
    n = len(table)
    a, b = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    one = [np.ones((n, n))]
    if terms == "sum":
        columns = waves(n, k, table)
    elif terms == "product":
        columns = [u * v for u in waves(n, k, a) for v in waves(n, k, b)]
    elif terms == "polynomial":
        columns = [u * v for u in one + waves(n, k, a) for v in one + waves(n, k, b)][1:]
    return np.stack([column.ravel() / np.linalg.norm(column) for column in columns], axis=1)


def part(logits, table, k, terms):
    """The part of frequency k of logits, shape (n, n, n)."""
    n = len(table)
    if terms == "aligned":
        tensor = np.cos(2 * math.pi / n * (k * (table[:, :, None] - np.arange(n)) % n))
        tensor /= np.linalg.norm(tensor)
        return tensor * (tensor * logits).sum()
    dense = directions(table, k, terms)
    return (dense @ (dense.T @ logits.reshape(n * n, n))).reshape(n, n, n)


def restrict(logits, table, frequencies, terms):
    kept = logits.mean(axis=(0, 1), keepdims=True) + np.zeros_like(logits)
    for k in frequencies:
        kept += part(logits, table, k, terms)
    return kept


def exclude(logits, table, frequencies, terms):
    rest = logits.copy()
    for k in frequencies:
        rest -= part(logits, table, k, terms)
    return rest


def cross_entropy(logits, table, mask):
    """The mean of log(1 + Σ exp(L_c - L_s)) over the pairs of the mask."""
    losses = []
    for row, s in zip(logits[mask], table[mask], strict=True):
        margins = np.delete(row, s) - row[s]
        top = max(margins.max(), 0.0) if len(margins) else 0.0
        losses.append(
            np.log1p(np.exp(margins).sum()) if top == 0 else top + np.log(np.exp(-top) + np.exp(margins - top).sum())
        )
    return np.mean(losses)


def accuracy(logits, table, mask):
    return np.mean(logits[mask].argmax(-1) == table[mask])


def excluded_loss_per_frequency(logits, table, mask, terms):
    n = len(table)
    return [cross_entropy(exclude(logits, table, [k], terms), table, mask) for k in range(1, n // 2 + 1)]


def logit_spectrum(logits, table):
    n = len(table)
    variance = ((logits - logits.mean(axis=(0, 1))) ** 2).sum()
    return [(part(logits, table, k, "sum") ** 2).sum() / variance for k in range(1, n // 2 + 1)]


def neuron_spectrum(activations):
    """Shares by least squares of each neuron on the eight waves of each frequency."""
    n, _, m = activations.shape
    centred = activations - activations.mean(axis=(0, 1))
    table = np.zeros((n, n), dtype=int)
    shares = []
    for k in range(1, n // 2 + 1):
        dense = directions(table, k, "polynomial")
        fitted = dense @ np.linalg.lstsq(dense, centred.reshape(n * n, m), rcond=None)[0]
        shares.append((fitted**2).sum(0) / (centred**2).sum((0, 1)))
    return np.stack(shares, axis=1)


def inverse_participation_ratio(column, exponent):
    """For one neuron and odd n, from a complex transform, which has each frequency but the constant twice."""
    power = np.abs(np.fft.fft(column)) ** 2
    merged = [power[0], *(power[k] + power[-k] for k in range(1, len(column) // 2 + 1))]
    return sum((p / sum(merged)) ** exponent for p in merged)


def cosine_and_sine_norms(matrix):
    """Norms of the cosine and of the sine coefficients by frequency, without sines that do not exist."""
    n = len(matrix)
    found = {}
    for k in range(1, n // 2 + 1):
        for name, wave in zip(("cos", "sin"), waves(n, k, np.arange(n)), strict=False):
            found[name, k] = np.sqrt(((wave / np.linalg.norm(wave) @ matrix) ** 2).sum())
    return found


def fourier_frequency_density(matrix, threshold):
    norms, count = cosine_and_sine_norms(matrix), 0
    for kind in ("cos", "sin"):
        of_kind = [norm for (name, _), norm in norms.items() if name == kind]
        count += sum(norm > threshold * max(of_kind) for norm in of_kind)
    return count / len(norms)


def fourier_coefficient_ratio(matrix):
    norms = cosine_and_sine_norms(matrix)
    pairs = [(norms["cos", k], norms["sin", k]) for name, k in norms if name == "sin"]
    return np.mean([min(mu / nu, nu / mu) for mu, nu in pairs])


def distance_irrelevance(logits, table, sign):
    """One distance at a time: the deviation of the correct logits of its pairs."""
    n = len(table)
    correct = {(a, b): logits[a, b, table[a, b]] for a in range(n) for b in range(n)}
    deviations = [np.std([q for (a, b), q in correct.items() if (a - sign * b) % n == d]) for d in range(n)]
    return np.mean(deviations) / np.std(list(correct.values()))


def circularity(embedding, components):
    """By the covariance's eigenvectors and a transform written out, for odd n."""
    n = len(embedding)
    centred = embedding - embedding.mean(0)
    vectors = np.linalg.eigh(centred @ centred.T)[1][:, ::-1][:, :components]
    found = []
    for v in vectors.T:
        powers = [abs(sum(v[j] * np.exp(2j * np.pi * j * k / n) for j in range(n))) ** 2 for k in range(1, n)]
        found.append(2 / n * max(powers))
    return np.mean(found)
