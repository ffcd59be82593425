"""The line of chance in pictures of accuracies, where the loss of a guess would be no accuracy."""

import math

import matplotlib.pyplot as plt
import pytest

import progress_measures as pm
from progress_measures import plotting


@pytest.mark.parametrize(
    ("columns", "height"),
    [
        ({"test_acc": [0.0, 0.9]}, 1 / 113),
        ({"test_acc": [0.0, 90.0], "train_acc": [0.0, 1.0]}, 100 / 113),
        ({"test_acc": [0.0, 0.9], "test_loss": [4.7, 0.1]}, math.log(113)),
        ({"accuracy_of_fit": [-1.0, 0.9]}, math.log(113)),
    ],
)
def test_chance_is_of_what_is_drawn(columns, height):
    axes = plotting.plot_curves(pm.Trajectory([0, 100], columns), [*columns], answers=113)
    (line,) = (line for line in axes.get_lines() if line.get_label() == "chance")
    assert line.get_ydata()[0] == pytest.approx(height)
    plt.close()
