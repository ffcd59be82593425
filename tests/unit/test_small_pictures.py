"""Labels of small pictures, of which a layout leaves less than it seems."""

import matplotlib.pyplot as plt
import pytest

import progress_measures as pm
from progress_measures import plotting

COLUMNS = ["test_loss", "restricted_loss", "excluded_loss", "sum_squared_weights"]
SEEDS = {
    f"seed {seed}": pm.Trajectory([0, 100], {name: [4.7, 10.0**-seed] for name in COLUMNS} | {"test_accuracy": [0, 1]})
    for seed in range(5)
}


@pytest.mark.parametrize("size", [(2.5, 2.0), (3.0, 2.0)])
@pytest.mark.parametrize("spread", ["std", "quantiles"])
@pytest.mark.parametrize("columns", [COLUMNS, [*COLUMNS[:2], "test_accuracy"]])
def test_labels_stay_in_the_picture(size, spread, columns):
    figure, ax = plt.subplots(figsize=size, layout="constrained")
    plotting.plot_runs(SEEDS, columns, spread=spread, ax=ax)
    figure.canvas.draw()
    for each in figure.axes:
        box = each.yaxis.label.get_window_extent()
        assert box.y0 >= 0, (each.get_ylabel(), box)
        assert box.y1 <= figure.bbox.height, (each.get_ylabel(), box)
    plt.close(figure)
