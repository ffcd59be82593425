"""What real logs do to a curve: each takes a generator, the column's name, its values and the chance level."""

import numpy as np
from scipy.signal import lfilter


def log_normal(size, correlation=0.0):
    """Losses times the exponential of normal numbers; weights times that of a tenth of them."""

    def spoil(generator, name, values, _chance):
        noise = size * generator.normal(size=len(values))
        noise[1:] *= np.sqrt(1 - correlation**2)
        noise = lfilter([1], [1, -correlation], noise)
        return values * np.exp(noise / 10 if name == "sum_squared_weights" else noise)

    return spoil


def spikes(generator, _name, values, _chance):
    """One value in twenty, but for the first, ten times as large or as small."""
    spiked = generator.random(len(values)) < 0.05
    spiked[0] = False
    return values * np.where(spiked, np.where(generator.random(len(values)) < 0.5, 0.1, 10.0), 1.0)


def few_inputs(count):
    """Test loss of so few inputs: below chance some are wrong and the others right, and each has a loss of its own."""

    def spoil(generator, name, values, chance):
        if name != "test_loss":
            return values
        wrong_share = np.minimum(1, values / chance)
        wrong = generator.binomial(count, wrong_share)
        each = generator.gamma(10 * np.maximum(wrong, 1)) / 10 / np.maximum(wrong, 1)
        return wrong / count * values / wrong_share * each + 1e-6

    return spoil


def digits(count):
    """So many significant digits."""

    def spoil(_generator, _name, values, _chance):
        return np.array([float(f"{value:.{count - 1}e}") for value in values])

    return spoil


def bfloat16(_generator, _name, values, _chance):
    """Eight significant bits."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(mantissa * 256) / 256, exponent)


def none(_generator, _name, values, _chance):
    return values


NOISES = {
    "none": none,
    "1 %": log_normal(0.01),
    "5 %": log_normal(0.05),
    "20 %": log_normal(0.2),
    "5 %, correlation 0.8": log_normal(0.05, 0.8),
    "spikes": spikes,
    "10 inputs": few_inputs(10),
    "50 inputs": few_inputs(50),
    "2 digits": digits(2),
    "3 digits": digits(3),
    "bfloat16": bfloat16,
}
