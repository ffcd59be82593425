import math
import re
import subprocess
import sys
import warnings
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.text import Annotation

import progress_measures as pm
from progress_measures import plotting
from progress_measures.phases.events import Event
from progress_measures.phases.milestones import Milestones

RUN = pm.Trajectory(
    [0, 100, 300],
    {
        "test_loss": [5.0, 9.0, 0.1],
        "train_loss": [5.0, 1.0, 0.0],
        "per_frequency": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
    },
)
RUNS = pm.Runs(
    {
        "a": pm.Trajectory([0, 100, 300], {"x": [1.0, 4.0, 9.0], "v": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]}),
        "b": pm.Trajectory([0, 300, 500], {"x": [1.0, 81.0, 7.0], "v": [[3.0, 2.0], [7.0, 8.0], [0.0, 0.0]]}),
    }
)
PICTURES = {
    "curves": lambda **options: plotting.plot_curves(RUN, ["test_loss"], **options),
    "runs": lambda **options: plotting.plot_runs(RUNS, ["x"], **options),
    "spectrum": lambda **options: plotting.plot_spectrum(torch.ones(3), **options),
    "grid": lambda **options: plotting.plot_grid(torch.eye(5), **options),
    "Fourier grid": lambda **options: plotting.plot_fourier_grid(torch.eye(5), **options),
    "frequencies": lambda **options: plotting.plot_frequencies(RUN, "per_frequency", **options),
    "cells": lambda **options: plotting.plot_frequencies(RUN, "per_frequency", kind="heat map", **options),
    "embedding": lambda **options: plotting.plot_embedding(torch.eye(5), pm.addition(5), frequency=2, **options),
    "components": lambda **options: plotting.plot_embedding(torch.eye(5), pm.addition(5), **options),
    "neurons": lambda **options: plotting.plot_neurons(torch.eye(5), **options),
    "phases": lambda **options: plotting.plot_phases({"a": pm.Phases(1, 2, None)}, **options),
    "controls": lambda **options: plotting.plot_controls(
        pm.measures.Control(torch.tensor(1e-8), torch.tensor([1.0, 2.0])), **options
    ),
    "effects": lambda **options: plotting.plot_effects({"mlp": [1.0, 3.0], "attn": 2.0}, reference=1.0, **options),
    "clock or pizza": lambda **options: plotting.plot_clock_or_pizza({"a": (0.2, 0.9)}, **options),
    "input spectrum": lambda **options: plotting.plot_input_spectrum(
        torch.eye(2) / 2, pm.parity(2, of=(0, 1)), **options
    ),
}

each_picture = pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)


@pytest.fixture(autouse=True)
def _close_figures():
    plt.close("all")  # those of other tests, too
    yield
    plt.close("all")


@each_picture
def test_picture_is_drawn_on_the_axes_given(draw):
    figure, (left, right) = plt.subplots(1, 2)
    assert draw(ax=right) is right
    assert right.has_data()
    assert not left.has_data()
    assert plt.get_fignums() == [figure.number]


@each_picture
def test_picture_without_axes_is_drawn_on_a_new_figure(draw):
    current = plt.figure()
    axes = draw()
    assert isinstance(axes, Axes)
    assert axes.figure is not current
    assert axes.has_data()
    assert not current.axes


@each_picture
def test_picture_can_be_saved(draw, tmp_path):
    draw().figure.savefig(tmp_path / "picture.png")  # a warning of matplotlib's is an error here


def test_mistake_leaves_no_figure_behind():
    with pytest.raises(KeyError):
        plotting.plot_curves(RUN, ["tets_loss"])
    assert plt.get_fignums() == []


# ---------------------------------------------------------------------------------------------------------------------
# Curves


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def shades(axes):
    """Left and right end of each shaded phase."""
    return [(span.get_x(), span.get_x() + span.get_width()) for span in axes.patches]


def test_curves_are_the_columns_over_the_steps():
    axes = plotting.plot_curves(RUN, ["train_loss", "test_loss"])
    train, test = axes.get_lines()
    assert train.get_xdata().tolist() == test.get_xdata().tolist() == [0, 100, 300]
    assert train.get_ydata().tolist() == [5.0, 1.0, 0.0]
    assert test.get_ydata().tolist() == [5.0, 9.0, 0.1]
    assert train.get_color() != test.get_color()
    assert (axes.get_xlabel(), axes.get_xlim(), axes.get_yscale()) == ("step", (0, 300), "log")


def test_a_line_goes_from_one_known_value_to_the_next():
    run = pm.Trajectory([0, 1, 2, 3], {"x": [1.0, float("nan"), 3.0, 4.0]})
    (line,) = plotting.plot_curves(run, "x").get_lines()
    assert line.get_xydata().tolist() == [[0, 1], [2, 3], [3, 4]]


def test_scale_is_the_one_asked_for():
    assert plotting.plot_curves(RUN, ["test_loss"], scale="linear").get_yscale() == "linear"


@pytest.mark.parametrize(
    ("columns", "labels"),
    [
        (["test_loss", "train_loss"], ["test loss", "train loss"]),
        (("test_loss",), ["test loss"]),
        (
            {"train_loss": "of the training pairs", "test_loss": "of the others"},
            ["of the training pairs", "of the others"],
        ),
        (["per_frequency", "test_loss"], ["per frequency", "test loss"]),
    ],
)
def test_legend_has_one_label_per_column(columns, labels):
    assert legend(plotting.plot_curves(RUN, columns)) == labels


def test_entries_of_a_vector_are_thin_lines_of_one_colour():
    first, second, whole = plotting.plot_curves(RUN, ["per_frequency", "test_loss"]).get_lines()
    assert first.get_ydata().tolist() == [1.0, 3.0, 5.0]
    assert second.get_ydata().tolist() == [2.0, 4.0, 6.0]
    assert first.get_color() == second.get_color() != whole.get_color()
    assert first.get_linewidth() == second.get_linewidth() < whole.get_linewidth()


def test_column_of_several_axes_is_drawn_flat():
    run = pm.Trajectory([0, 1], {"x": torch.arange(8.0).reshape(2, 2, 2)})
    lines = plotting.plot_curves(run, ["x"]).get_lines()
    assert [line.get_ydata().tolist() for line in lines] == [[0.0, 4.0], [1.0, 5.0], [2.0, 6.0], [3.0, 7.0]]


@pytest.mark.parametrize(
    ("boundaries", "extents"),
    [
        ((100, 200, 250), [(0, 100), (100, 200), (200, 250)]),
        ((100, 200, None), [(0, 100), (100, 200), (200, 300)]),
        ((100, None, None), [(0, 100), (100, 300)]),
        ((None, None, None), [(0, 300)]),
    ],
)
def test_phases_are_shaded_up_to_the_first_that_does_not_end(boundaries, extents):
    axes = plotting.plot_curves(RUN, ["test_loss"], phases=pm.Phases(*boundaries))
    assert shades(axes) == extents
    assert legend(axes) == [*("memorization", "circuit formation", "cleanup")[: len(extents)], "test loss"]
    assert len({to_hex(span.get_facecolor()) for span in axes.patches}) == len(extents)
    assert all(span.get_zorder() < line.get_zorder() for span in axes.patches for line in axes.get_lines())
    assert axes.get_xlim() == (0, 300)


def test_the_loss_of_a_guess_is_a_dashed_line_behind_the_curves():
    axes = plotting.plot_curves(RUN, ["train_loss", "test_loss"], answers=113)
    *curves, chance = axes.get_lines()
    assert [*chance.get_ydata()] == [math.log(113)] * 2
    assert chance.get_linestyle() == "--"
    assert chance.get_zorder() < min(curve.get_zorder() for curve in curves)
    assert legend(axes) == ["train loss", "test loss", "chance"]
    assert (axes.get_xlim(), axes.get_ylabel()) == ((0, 300), "loss")
    assert "chance" not in legend(plotting.plot_curves(RUN, ["train_loss"]))
    both = plotting.plot_curves(pm.Trajectory([0], {"loss": [1.0], "acc": [0.5]}), ["loss", "acc"], answers=3)
    assert [*both.get_lines()[-1].get_ydata()] == [math.log(3)] * 2


def test_nothing_is_shaded_without_phases():
    assert shades(plotting.plot_curves(RUN, ["test_loss"])) == []


def test_run_of_one_step_is_drawn_without_a_warning():
    plotting.plot_curves(pm.Trajectory([7], {"x": [1.0]}), ["x"])


ODD = pm.Trajectory([0, 5], {"zero": [0.0, 0.0], "some": [0.0, 1.0], "sign": [1.0, -2.0], "gone": [np.nan, np.nan]})


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (
            "zero",
            "`scale` must be 'linear' for a column without a number above zero. Got 'zero', whose largest is 0.",
        ),
        ("sign", "`scale` must be 'linear' where numbers are below zero. Got -2 in 'sign' at step 5."),
    ],
)
def test_what_a_logarithmic_axis_cannot_show_is_an_error(column, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        plotting.plot_curves(ODD, ["some", column], scale="log")
    assert plt.get_fignums() == []
    assert plotting.plot_curves(ODD, ["some", column], scale="linear").get_yscale() == "linear"
    assert plotting.plot_curves(ODD, ["some", column]).get_yscale() == "linear"


def test_runs_whose_mean_is_zero_are_an_error_on_a_logarithmic_axis():
    runs = pm.Runs({"a": ODD.select("zero"), "b": ODD.select({"some": "zero"})})
    with pytest.raises(
        ValueError, match=r"^`scale` must be 'linear' for a column without a number above zero\. Got 'zero'"
    ):
        plotting.plot_runs(runs, "zero", scale="log")
    assert plt.get_fignums() == []
    assert plotting.plot_runs(runs, "zero", scale="linear").has_data()


def test_a_zero_is_drawn_without_a_warning(tmp_path):
    plotting.plot_curves(ODD, "some").figure.savefig(tmp_path / "picture.png")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("test_loss", "test loss"),
        (["test_loss", "train_loss"], "loss"),
        (["test_loss", "per_frequency"], ""),
        ({"test_loss": "loss of the test pairs", "train_loss": "of the others"}, "loss"),
        ({"test_loss": "all pairs", "train_loss": "the pairs"}, "pairs"),
    ],
)
def test_the_vertical_axis_is_named_by_what_all_labels_end_in(columns, expected):
    assert plotting.plot_curves(RUN, columns).get_ylabel() == expected


def test_a_name_of_the_vertical_axis_stays():
    _, ax = plt.subplots()
    ax.set_ylabel("nats")
    assert plotting.plot_curves(RUN, "test_loss", ax=ax).get_ylabel() == "nats"


def test_the_vertical_axis_of_runs_says_which_mean_it_is():
    assert plotting.plot_runs(RUNS, "x").get_ylabel() == "x (geometric mean of 2 runs, ×÷ 1 sd)"
    assert plotting.plot_runs(RUNS, ["x", "v"], scale="linear").get_ylabel() == "(mean of 2 runs, ± 1 sd)"


def test_columns_of_a_trajectory_are_no_labels():
    run = pm.Trajectory([0, 1], {"test_loss": [2.0, 1.0]})
    message = "`columns` must map names to labels. Got Tensor for 'test_loss'. Pass the names alone: list(run.columns)."
    with pytest.raises(TypeError, match=re.escape(message)):
        plotting.plot_curves(run, run.columns)
    plotting.plot_curves(run, list(run.columns))


def test_no_column_is_an_error():
    with pytest.raises(ValueError, match=r"`columns` must name at least one column. Got none."):
        plotting.plot_curves(RUN, [])
    assert plt.get_fignums() == []


def test_column_may_be_given_by_its_name_alone():
    assert legend(plotting.plot_curves(RUN, "test_loss")) == ["test loss"]


# ---------------------------------------------------------------------------------------------------------------------
# Any log

LOG = pm.Trajectory(
    [0, 10, 1000],
    {
        "test_loss": [5.0, 9.0, 0.1],
        "test_acc": [0.1, 0.2, 1.0],
        "val/Accuracy": [10.0, 20.0, 100.0],
        "access": [0.1, 0.2, 0.3],
        "trainAcc": [0.0, 0.0, -0.1],
        "x": [1.0, 2.0, 3.0],
        "x__MIN": [0.5, np.nan, 2.5],
        "x__MAX": [1.5, 2.5, 3.5],
    },
    step_name="global_step",
)


def styles(axes):
    """Colour and dashes of each line that the legend names."""
    return [(to_hex(line.get_color()), dashes(line)) for line in axes.get_lines() if line.get_label()[0] != "_"]


def dashes(line):
    """The lengths of the dashes of a line; matplotlib's own word for all of them is "--"."""
    return str(line._unscaled_dash_pattern)


def inside(box, other):
    return all(other.min - 1 <= box.min) and all(box.max <= other.max + 1)


@pytest.mark.parametrize(
    ("columns", "scale"),
    [
        ("test_loss", "log"),
        ("test_acc", "linear"),
        (["test_acc", "val/Accuracy"], "linear"),
        ("access", "log"),
        ("trainAcc", "linear"),  # below zero
        (["trainAcc", "test_loss"], "linear"),
    ],
)
def test_the_scale_suits_names_and_numbers(columns, scale):
    axes = plotting.plot_curves(LOG, columns)
    assert (axes.get_yscale(), axes.figure.axes) == (scale, [axes])
    assert plotting.plot_runs({"a": LOG}, columns).get_yscale() == scale


@pytest.mark.parametrize(("accuracy", "top"), [("test_acc", 1), ("val/Accuracy", 100)])
@pytest.mark.parametrize("draw", [plotting.plot_curves, lambda log, names: plotting.plot_runs({"a": log}, names)])
def test_accuracies_beside_losses_have_an_axis_to_the_right(draw, accuracy, top):
    left = draw(LOG, ["test_loss", accuracy])
    _, right = left.figure.axes
    assert (left.get_yscale(), right.get_yscale()) == ("log", "linear")
    assert right.get_ylim() == pytest.approx((-0.03 * top, 1.03 * top))
    (line,) = right.get_lines()
    assert line.get_ydata().tolist() == pytest.approx(LOG[accuracy].tolist())
    assert left.get_lines()[0].get_ydata().tolist() == pytest.approx(LOG["test_loss"].tolist())
    assert len({line.get_color() for line in left.get_lines()}) == 2
    assert (to_hex(line.get_color()), dashes(line)) == styles(left)[1]
    assert len(legend(left)) == 2
    assert left.get_legend().get_window_extent().y1 < left.get_window_extent().y0
    assert right.get_ylabel().startswith(accuracy.replace("_", " "))


def test_a_scale_that_is_asked_for_is_that_of_all_columns():
    axes = plotting.plot_curves(LOG, ["test_loss", "test_acc"], scale="log")
    assert (axes.figure.axes, len(axes.get_lines()), axes.get_yscale()) == ([axes], 2, "log")


def test_the_horizontal_axis_is_called_as_the_steps_are():
    assert plotting.plot_curves(LOG, "x").get_xlabel() == "global step"
    runs = {"a": LOG, "b": pm.Trajectory([0, 1000], {"x": [1.0, 1.0]}, step_name="epoch")}
    assert plotting.plot_runs(runs, "x").get_xlabel() == "global step or epoch"


def test_steps_on_a_logarithmic_axis():
    later = plotting.plot_curves(LOG.select(steps=[10, 1000]), "x", x="log")
    assert (later.get_xscale(), later.get_xlim(), later.get_xlabel()) == ("log", (10, 1000), "global step")


@pytest.mark.parametrize(
    "draw", [plotting.plot_curves, lambda log, *names, x: plotting.plot_runs({"a": log}, *names, x=x)]
)
def test_step_0_has_a_place_on_a_logarithmic_axis(draw):
    axes = draw(LOG, "x", x="log")
    assert axes.get_xlabel() == "global step (linear below 10)"
    places = axes.transAxes.inverted().transform(axes.transData.transform([(s, 1) for s in (0, 10, 100, 1000)]))[:, 0]
    assert (places[0], places[3]) == pytest.approx((0, 1))
    assert places[3] - places[2] == pytest.approx(places[2] - places[1])
    assert 0.1 < places[1] < 0.4
    assert axes.get_lines()[0].get_xdata().tolist() == [0, 10, 1000]


def test_a_logarithmic_axis_begins_at_a_power_of_ten():
    axes = plotting.plot_curves(pm.Trajectory([0, 25, 700], {"x": [1, 2, 3]}), "x", x="log")
    assert axes.get_xlabel() == "step (linear below 10)"
    assert [tick for tick in axes.get_xticks() if 0 <= tick <= 700] == [0, 10, 100]


def test_steps_have_whole_numbers_with_room_between_them():
    figure = plt.figure(figsize=(3.3, 2.5), layout="constrained")
    axes = plotting.plot_curves(pm.Trajectory([0, 100_000], {"x": [1, 2]}), "x", ax=figure.subplots())
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert len(boxes) > 1
    assert all(right.x0 - left.x1 > 5 for left, right in pairwise(boxes))
    few = plotting.plot_curves(pm.Trajectory([0, 2], {"x": [1, 2]}), "x")
    assert few.get_xticks().tolist() == [0, 1, 2]


def wide(count):
    return pm.Trajectory(
        range(0, 500, 5), {f"layer_{i}/mlp_loss": 2 + np.sin(np.arange(100) * (i + 1)) for i in range(count)}
    )


@pytest.mark.parametrize("layout", ["constrained", None])
@pytest.mark.parametrize("size", [(6.4, 4.8), (3.3, 2.5)])
@pytest.mark.parametrize("count", [2, 26, 100])
def test_a_legend_stays_on_the_page_and_beside_the_curves(count, size, layout):
    figure = plt.figure(figsize=size, layout=layout)
    run = wide(count)
    axes = plotting.plot_curves(run, list(run.columns), ax=figure.subplots())
    figure.canvas.draw()
    box = axes.get_legend().get_window_extent()
    assert inside(box, figure.bbox)
    assert box.y1 < axes.get_tightbbox(for_layout_only=False).y1
    assert box.y1 < axes.get_window_extent().y0
    assert axes.get_window_extent().height > 0.25 * figure.bbox.height
    if (count, size) == (100, (3.3, 2.5)):
        shown = len(legend(axes)) - 1
        assert legend(axes)[-1] == f"and {100 - shown} more"
        assert shown >= 15
    else:
        assert len(legend(axes)) == count


def test_a_legend_between_axes_covers_neither():
    figure, ((upper, _), (lower, _)) = plt.subplots(2, 2)
    run = wide(6)
    plotting.plot_curves(run, list(run.columns), ax=upper)
    figure.canvas.draw()
    assert lower.get_window_extent().y1 < upper.get_legend().get_window_extent().y0


def test_a_small_legend_is_in_the_picture_where_no_curve_is():
    axes = plotting.plot_curves(RUN, "test_loss")
    axes.figure.canvas.draw()
    assert inside(axes.get_legend().get_window_extent(), axes.get_window_extent())


@pytest.mark.parametrize("place", [0, 10, 150])
def test_a_long_label_is_cut_to_the_page(place):
    name = "y" * place + "x" * (190 - place)
    axes = plotting.plot_curves(pm.Trajectory([0, 1], {name: [1.0, 2.0]}), name)
    axes.figure.canvas.draw()
    (label,) = legend(axes)
    start, end = label.split("…")
    assert name.startswith(start)
    assert name.endswith(end)
    assert inside(axes.get_legend().get_window_extent(), axes.figure.bbox)
    assert axes.get_ylabel() == ""


def test_a_long_name_of_the_vertical_axis_is_as_high_as_the_axis():
    figure = plt.figure(figsize=(3.3, 2.5), layout="constrained")
    axes = plotting.plot_runs({"a": LOG, "b": LOG}, {"x": "a rather long name of a column"}, ax=figure.subplots())
    figure.canvas.draw()
    assert inside(axes.yaxis.label.get_window_extent(), figure.bbox)


def test_curves_beyond_ten_are_told_apart():
    run = wide(40)
    axes = plotting.plot_curves(run, list(run.columns))
    assert len(set(styles(axes))) == 40
    assert len({style for _, style in styles(axes)[:4]}) == 4  # in grey


@pytest.mark.parametrize(
    ("names", "ending"),
    [
        (["train/loss", "test/loss"], "loss"),
        (["wd: 1 - test/loss", "wd: 2 - test/loss"], "test loss"),
        (["train/loss", "x"], ""),
        (["a/b"], "a/b"),
    ],
)
def test_the_vertical_axis_is_named_across_slashes(names, ending):
    run = pm.Trajectory([0, 1], {name: [1.0, 2.0] for name in names})
    assert plotting.plot_curves(run, names).get_ylabel() == ending


# ---------------------------------------------------------------------------------------------------------------------
# Columns without numbers


def test_a_column_without_a_number_is_said_and_not_drawn():
    log = pm.Trajectory([0, 5], {"gone": [np.nan] * 2, "far": [np.inf, np.nan], "x": [1.0, 2.0]})
    message = (
        "`columns` must have a finite number to be drawn. Got 'gone', nan at each of 2 steps; 'far', nan or infinite "
        "at each of 2 steps. The picture leaves out what has none."
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}$") as caught:
        axes = plotting.plot_curves(log, ["gone", "far", "x"])
    assert (len(caught), caught[0].filename) == (1, __file__)
    assert (legend(axes), len(axes.get_lines()), axes.get_yscale()) == (["x"], 1, "log")


def test_a_mean_without_a_number_is_said_and_not_drawn():
    log = pm.Trajectory([0, 5], {"x": [1.0, 2.0], "y": [1.0, 2.0]})
    half = pm.Trajectory([0, 5], {"x": [np.nan] * 2, "y": [1.0, 2.0]})
    with pytest.warns(UserWarning, match="Got the mean of 'x', nan at each of 2 steps") as caught:
        assert legend(plotting.plot_runs({"a": log, "b": half}, ["x", "y"])) == ["y"]
    assert (len(caught), caught[0].filename) == (1, __file__)
    with pytest.warns(UserWarning, match="Got 'x' of 'b', nan at each of 2 steps"):
        assert legend(plotting.plot_runs({"a": log, "b": half}, "x", spread="each")) == ["a"]


@pytest.mark.parametrize("draw", [plotting.plot_curves, lambda log, name: plotting.plot_runs({"a": log}, name)])
def test_no_number_at_all_is_an_error(draw):
    with pytest.raises(ValueError, match=r"^`columns` must have a finite number .*\. Draw other columns\.$"):
        draw(ODD, "gone")
    assert plt.get_fignums() == []


def test_a_single_number_can_be_seen():
    (line,) = plotting.plot_curves(pm.Trajectory([0, 5], {"x": [1.0, np.nan]}), "x").get_lines()
    assert line.get_marker() == "o"
    (line,) = plotting.plot_curves(pm.Trajectory([0, 5], {"x": [1.0, 2.0]}), "x").get_lines()
    assert line.get_marker() == "None"


# ---------------------------------------------------------------------------------------------------------------------
# Bands, boundaries and milestones


def test_lowest_and_highest_are_a_band_behind_their_column():
    axes = plotting.plot_curves(LOG, ["x", "test_loss"])
    (band,) = axes.collections
    line, _ = axes.get_lines()
    assert to_hex(band.get_facecolor()[0]) == to_hex(line.get_color())
    assert band.get_zorder() < line.get_zorder()
    assert legend(axes) == ["x", "test loss"]
    assert not plotting.plot_curves(LOG.select(["x", "x__MIN"]), "x").collections  # only one end
    full = pm.Trajectory([0, 1], {"x": [1, 2], "x__MIN": [0.5, 1], "x__MAX": [3, 4]})
    assert bands(plotting.plot_curves(full, "x")) == bands(plotting.plot_runs({"a": full}, "x", spread="each"))
    assert bands(plotting.plot_curves(full, "x")) == [{0: (0.5, 3), 1: (1, 4)}]


def uprights(axes):
    """Step and style of each thin line from the bottom to the top."""
    return [
        (band.get_segments()[0][0][0], "dashed" if band.get_linestyle()[0][1] else "solid") for band in axes.collections
    ]


def test_milestones_are_thin_lines_with_words_above_the_picture():
    reached = Milestones(100, 200, 100, 0)
    axes = plotting.plot_curves(RUN, "test_loss", milestones=reached)
    axes.set_title("title")
    axes.figure.canvas.draw()
    assert uprights(axes) == [(100, "solid"), (200, "solid")]
    boxes = {text.get_text(): text.get_window_extent() for text in axes.texts}
    assert list(boxes) == ["memorized", "generalized"]
    assert all(
        axes.get_window_extent().y1 <= box.y0 < box.y1 <= axes.title.get_window_extent().y0 for box in boxes.values()
    )
    assert legend(axes) == ["test loss"]


@pytest.mark.parametrize(("first", "second"), [(0, 5), (295, 300), (100, 110), (0, 0)])
def test_words_of_milestones_do_not_overlap(first, second):
    figure = plt.figure(figsize=(3.3, 2.5), layout="constrained")
    marks = Milestones(first, second, 5, 0)
    axes = plotting.plot_curves(RUN, "test_loss", milestones=marks, ax=figure.subplots())
    axes.set_title("title")
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not boxes[0].overlaps(boxes[1])
    above = axes.title.get_window_extent().y0 + 1  # a pixel, by which versions of matplotlib differ
    assert all(inside(box, figure.bbox) and box.y1 <= above for box in boxes)


def test_words_of_milestones_at_the_sides_stay_above_the_picture():
    axes = plotting.plot_curves(RUN, "test_loss", milestones=Milestones(0, 300, 300, 0))
    axes.figure.canvas.draw()
    box = axes.get_window_extent()
    assert all(box.x0 - 1 <= text.get_window_extent().x0 for text in axes.texts)
    assert all(text.get_window_extent().x1 <= box.x1 + 1 for text in axes.texts)


def test_milestones_that_are_missing_or_not_settled_are_shown_so():
    event = Event(200, (100, 300), settled=False)
    absent = Event(None, absent="not recorded")
    marks = Milestones.of({"memorized": absent, "generalized": event, "delay": absent, "relapses": absent})
    axes = plotting.plot_curves(RUN, "test_loss", milestones=marks)
    assert uprights(axes) == [(200, "dashed")]
    assert [text.get_text() for text in axes.texts] == ["generalized (not settled)"]
    none = Milestones(None, None, None, None)
    assert not plotting.plot_curves(RUN, "test_loss", milestones=none).texts


def test_a_boundary_that_is_not_settled_is_dashed():
    events = {
        "memorization_end": Event(100, (0, 200)),
        "circuit_formation_end": Event(200, (100, 300), settled=False),
        "cleanup_end": Event(250, (100, 300), settled=False),
    }
    axes = plotting.plot_curves(RUN, "test_loss", phases=pm.Phases.of(events))
    assert uprights(axes) == [(200, "dashed"), (250, "dashed")]
    assert legend(axes).count("end not settled") == 1
    assert styles(axes) == styles(plotting.plot_curves(RUN, "test_loss"))


@pytest.mark.parametrize(
    ("absent", "expected"),
    [
        (("not reached", "not reached", "not reached"), [(0, 300)]),
        (("not recorded", "not reached", "not recorded"), []),
        (("cannot be told", "cannot be told", "not recorded"), []),
    ],
)
def test_a_phase_is_not_shaded_to_the_end_where_its_end_cannot_be_known(absent, expected):
    fields = ("memorization_end", "circuit_formation_end", "cleanup_end")
    events = {name: Event(None, absent=why) for name, why in zip(fields, absent, strict=True)}
    assert shades(plotting.plot_curves(RUN, "test_loss", phases=pm.Phases.of(events))) == expected


def test_what_may_be_one_phase_or_another_is_said_so():
    events = {
        "memorization_end": Event(None, absent="not recorded"),
        "circuit_formation_end": Event(200, (100, 300)),
        "cleanup_end": Event(None, absent="cannot be told"),
    }
    axes = plotting.plot_curves(RUN, "test_loss", phases=pm.Phases.of(events))
    assert shades(axes) == [(0, 200), (200, 300)]
    assert legend(axes)[:2] == ["memorization or circuit formation", "cleanup or after cleanup"] or legend(axes)[
        -2:
    ] == ["memorization or circuit formation", "cleanup or after cleanup"]


# ---------------------------------------------------------------------------------------------------------------------
# Each of several runs


def test_each_run_is_a_line_with_its_own_steps_and_name():
    axes = plotting.plot_runs(RUNS, "x", spread="each")
    assert [line.get_xydata().tolist() for line in axes.get_lines()] == [
        [[0, 1], [100, 4], [300, 9]],
        [[0, 1], [300, 81], [500, 7]],
    ]
    assert (legend(axes), axes.get_ylabel(), axes.get_xlim()) == (["a", "b"], "x", (0, 500))
    assert len(set(styles(axes))) == 2


def test_of_several_columns_the_colour_shows_the_run_and_the_style_the_column():
    two = {"$a$": LOG, "b": LOG}
    axes = plotting.plot_runs(two, ["test_loss", "x"], spread="each")
    assert legend(axes) == [r"\$a\$, test loss", r"\$a\$, x", "b, test loss", "b, x"]
    (first, one), (also, other), (second, again), _ = styles(axes)
    assert first == also != second
    assert one == again != other
    many = plotting.plot_runs({str(i): LOG for i in range(20)}, ["test_loss", "x"], spread="each")
    assert len(set(styles(many))) == 40


def test_runs_without_a_common_step_can_be_drawn_each():
    apart = {"a": pm.Trajectory([0, 2], {"x": [1, 2]}), "b": pm.Trajectory([1, 3], {"x": [1, 2]})}
    message = (
        "`runs` must have a step in common. Got a with 2 in 0..2, b with 2 in 1..3. "
        "Draw each run, not their mean: spread='each' (--each)."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        plotting.plot_runs(apart, "x")
    assert plotting.plot_runs(apart, "x", spread="each").has_data()


@pytest.mark.parametrize("steps", [range(0, 10_000, 1000), [*range(0, 30_000, 999), 30_000]])
def test_a_mean_that_leaves_out_most_of_a_run_is_warned_of(steps):
    runs = {
        "a": pm.Trajectory(range(0, 9001, 3), {"x": np.ones(3001)}),
        "b": pm.Trajectory(steps, {"x": np.ones(len(steps))}),
    }
    if len(steps) == 10:
        plotting.plot_runs(runs, "x")  # the coarser run is there whole
        return
    with pytest.warns(
        UserWarning, match="^`runs` have only 10 steps in common, in 0..8991, .* 'b' has 32 in"
    ) as caught:
        plotting.plot_runs(runs, "x")
    assert (len(caught), caught[0].filename) == (1, __file__)


def test_a_mean_over_a_few_of_the_steps_is_warned_of():
    runs = {
        "a": pm.Trajectory(range(0, 99, 2), {"x": np.ones(50)}),
        "b": pm.Trajectory([0, *range(1, 97, 2), 98], {"x": np.ones(50)}),
    }
    with pytest.warns(UserWarning, match="^`runs` have only 2 steps in common"):
        plotting.plot_runs(runs, "x")


# ---------------------------------------------------------------------------------------------------------------------
# Several runs


def bands(axes):
    """Lower and upper end of each band, by step."""
    found = []
    for band in axes.collections:
        ends = {}
        for x, y in band.get_paths()[0].vertices.tolist():
            ends.setdefault(x, []).append(y)
        found.append({x: (min(ys), max(ys)) for x, ys in ends.items()})
    return found


def test_of_runs_the_mean_and_its_band_are_drawn_over_the_common_steps():
    axes = plotting.plot_runs(RUNS, "x", scale="linear")
    (line,) = axes.get_lines()
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == ([0, 300], [1.0, 45.0])
    (band,) = bands(axes)
    width = 36 * 2**0.5
    assert band == {0: (1.0, 1.0), 300: pytest.approx((45 - width, 45 + width))}
    assert (axes.get_xlabel(), axes.get_xlim(), axes.get_yscale()) == ("step", (0, 300), "linear")


def test_on_a_logarithmic_axis_mean_and_band_are_those_of_the_logarithms():
    axes = plotting.plot_runs(RUNS, "x")
    (line,) = axes.get_lines()
    assert line.get_ydata().tolist() == pytest.approx([1.0, 27.0])
    factor = 3 ** (2**0.5)
    (band,) = bands(axes)
    assert band == {0: pytest.approx((1.0, 1.0)), 300: pytest.approx((27 / factor, 27 * factor))}
    assert axes.get_yscale() == "log"


def test_bands_have_the_colour_of_their_line_and_no_label():
    axes = plotting.plot_runs(RUNS.select({"x": "x", "v": "v"}), {"v": "of each", "x": "of all"})
    *thin, thick = axes.get_lines()
    assert [line.get_ydata().tolist() for line in thin] == [
        pytest.approx([3**0.5, 35**0.5]),
        pytest.approx([2, 48**0.5]),
    ]
    (band,) = axes.collections  # vectors have none
    assert to_hex(band.get_facecolor()[0]) == to_hex(thick.get_color()) != to_hex(thin[0].get_color())
    assert 0 < band.get_alpha() < 1
    assert legend(axes) == ["of each", "of all"]


def test_pixels_of_a_band_lie_around_the_line():
    runs = pm.Runs({str(value): pm.Trajectory([0, 100], {"x": [value, value]}) for value in (4.0, 6.0)})
    figure = plt.figure(figsize=(4, 4), dpi=50)
    axes = figure.add_axes((0, 0, 1, 1))
    plotting.plot_runs(runs, "x", scale="linear", ax=axes).set(ylim=(0, 10))
    axes.get_legend().remove()
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[:, 150, :3].astype(int)
    coloured = np.flatnonzero(pixels.max(1) - pixels.min(1) > 20)
    spread = 2**0.5
    assert coloured.min() == pytest.approx(200 * (1 - (5 + spread) / 10), abs=2)
    assert coloured.max() == pytest.approx(200 * (1 - (5 - spread) / 10), abs=2)
    strong = np.flatnonzero(pixels.max(1) - pixels.min(1) > 120)
    assert strong.mean() == pytest.approx(100, abs=2)


def test_one_run_alone_has_no_band():
    axes = plotting.plot_runs(pm.Runs({"a": RUNS["a"]}), "x")
    assert axes.get_lines()[0].get_ydata().tolist() == pytest.approx([1.0, 4.0, 9.0])
    assert not axes.collections


def test_columns_that_are_not_drawn_may_be_below_zero():
    below = {name: pm.Trajectory(run.steps, run.columns | {"low": -run["x"]}) for name, run in RUNS.items()}
    assert plotting.plot_runs(pm.Runs(below), "x").has_data()
    with pytest.raises(ValueError, match=r"below zero. Got -1 in 'low' of 'a' at step 0"):
        plotting.plot_runs(pm.Runs(below), "low", scale="log")


@pytest.mark.parametrize(
    ("columns", "options", "error"), [("y", {}, KeyError), ([], {}, ValueError), ("x", {"scale": "lin"}, ValueError)]
)
def test_mistake_with_runs_leaves_no_figure_behind(columns, options, error):
    with pytest.raises(error):
        plotting.plot_runs(RUNS, columns, **options)
    assert plt.get_fignums() == []


# ---------------------------------------------------------------------------------------------------------------------
# Spectra


def test_spectrum_has_a_bar_per_frequency():
    axes = plotting.plot_spectrum(torch.tensor([0.1, 4.0, 0.2]))
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([0.1, 4.0, 0.2])
    assert [bar.get_x() + bar.get_width() / 2 for bar in axes.patches] == pytest.approx([1, 2, 3])
    assert len({bar.get_facecolor() for bar in axes.patches}) == 1
    assert (axes.get_xlabel(), axes.get_ylim()[0], list(axes.texts)) == ("frequency", 0, [])


def test_numbers_of_neighbours_lean_away_from_each_other():
    axes = plotting.plot_spectrum(torch.ones(9), key_frequencies=[3, 5, 6])
    assert {note.get_text(): note.get_ha() for note in axes.texts} == {"3": "center", "5": "right", "6": "left"}


def test_key_frequencies_are_coloured_and_numbered():
    axes = plotting.plot_spectrum(np.array([0.1, 4.0, 0.2, 3.0]), key_frequencies=(4, 2))
    colours = [to_hex(bar.get_facecolor()) for bar in axes.patches]
    assert colours[0] == colours[2] != colours[1] == colours[3]
    notes = axes.texts
    assert all(type(note) is Annotation for note in notes)
    assert [(note.get_text(), note.xy) for note in notes] == [("4", (4, 3.0)), ("2", (2, 4.0))]
    assert {to_hex(note.get_color()) for note in notes} == {colours[1]}


def test_key_frequencies_may_be_what_the_library_found():
    power = torch.tensor([0.2, 9.0, 0.1, 5.0, 0.2, 0.1, 0.1, 0.1])
    axes = plotting.plot_spectrum(power, key_frequencies=pm.key_frequencies(power))
    assert [note.get_text() for note in axes.texts] == ["2", "4"]


# ---------------------------------------------------------------------------------------------------------------------
# Heat maps

SIGNED = torch.arange(25.0).reshape(5, 5) - 8


@pytest.mark.parametrize("plot", [plotting.plot_grid, plotting.plot_fourier_grid])
def test_heat_map_shows_the_values_with_zero_in_white(plot):
    axes = plot(SIGNED)
    (image,) = axes.get_images()
    np.testing.assert_array_equal(image.get_array(), SIGNED.numpy())
    assert image.get_clim() == (-16.0, 16.0)
    assert sum(image.to_rgba(0.0)[:3]) > 2.9
    red, _, blue, _ = image.to_rgba(8.0)
    assert red > blue
    assert image.colorbar is not None


@pytest.mark.parametrize("plot", [plotting.plot_grid, plotting.plot_fourier_grid])
@pytest.mark.parametrize("values", [SIGNED.abs(), torch.zeros(5, 5)], ids=["positive", "zero"])
def test_heat_map_without_negative_values_has_zero_in_white_too(plot, values):
    (image,) = plot(values).get_images()
    assert sum(image.to_rgba(0.0)[:3]) > 2.9
    assert image.get_clim()[1] == (values.max() or 1.0)


def test_grid_has_a_downwards_and_b_to_the_right():
    axes = plotting.plot_grid(SIGNED)
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("a", "b")
    bottom, top = axes.get_ylim()
    left, right = axes.get_xlim()
    assert bottom > top
    assert left < right


def ticks(axis):
    return list(zip(axis.get_ticklocs().tolist(), [label.get_text() for label in axis.get_ticklabels()], strict=True))


@pytest.mark.parametrize(
    ("n", "options", "expected"),
    [
        (5, {}, [(0, "const"), (1, "cos 1"), (2, "sin 1"), (3, "cos 2"), (4, "sin 2")]),
        (5, {"key_frequencies": [2]}, [(3, "cos 2")]),
        (6, {"key_frequencies": (1, 3)}, [(1, "cos 1"), (5, "cos 3")]),
        (1, {}, [(0, "const")]),
    ],
)
def test_components_are_named_on_both_axes(n, options, expected):
    axes = plotting.plot_fourier_grid(torch.eye(n), **options)
    assert ticks(axes.xaxis) == ticks(axes.yaxis) == expected
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("component of a", "component of b")


def test_neighbours_share_a_name_where_two_would_overlap():
    axes = plotting.plot_fourier_grid(torch.eye(113), key_frequencies=[42, 6, 5, 14])
    assert ticks(axes.xaxis) == ticks(axes.yaxis) == [(10, "cos 5, cos 6"), (27, "cos 14"), (83, "cos 42")]


def test_components_of_a_large_grid_are_named_here_and_there():
    axes = plotting.plot_fourier_grid(torch.eye(113))
    labels = pm.fourier_labels(113)
    assert all(label == labels[round(row)] for row, label in ticks(axes.xaxis))
    assert len(ticks(axes.xaxis)) == 9


@pytest.fixture
def _every_warning_of_torch():
    # Most of them are given once per process, so that which test sees one depends on the order.
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    yield
    torch.set_warn_always(before)


@pytest.mark.usefixtures("_every_warning_of_torch")
@pytest.mark.parametrize(
    "draw",
    [
        lambda x: plotting.plot_spectrum(x[0], key_frequencies=[1]),
        plotting.plot_grid,
        plotting.plot_fourier_grid,
    ],
    ids=["spectrum", "grid", "Fourier grid"],
)
def test_values_may_carry_a_graph(draw):
    assert draw(SIGNED.abs().requires_grad_()).has_data()


# ---------------------------------------------------------------------------------------------------------------------
# Without matplotlib


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_library_does_not_import_matplotlib():
    code = "import sys, progress_measures; print([name for name in sys.modules if name.startswith('matplotlib')])"
    assert python(code) == "[]\n"


def test_missing_matplotlib_is_met_with_how_to_install_it():
    code = """
import sys
sys.modules["matplotlib"] = None
try:
    import progress_measures.plotting
except ImportError as error:
    print(error)
"""
    assert python(code) == "progress_measures.plotting needs matplotlib: pip install matplotlib\n"


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        (pm.Phases(None, 100, 200), [(0, 100), (100, 200)]),
        (pm.Phases(None, 100, None), [(0, 100), (100, 300)]),
        (pm.Phases(None, None, None), [(0, 300)]),
        (pm.Phases(100, None, None), [(0, 100), (100, 300)]),
    ],
)
def test_only_what_is_known_is_shaded(phases, expected):
    assert shades(plotting.plot_curves(RUN, ["train_loss"], phases=phases)) == expected


def drawn_alike(one, other):
    """Whether two axes look the same, to the pixel."""
    pictures = []
    for ax in (one, other):
        ax.figure.set_dpi(50)
        ax.figure.canvas.draw()
        pictures.append(np.asarray(ax.figure.canvas.buffer_rgba()))
    return np.array_equal(*pictures)


@pytest.mark.parametrize("name", ["$x$", "a $", r"\$x\$", r"$\frac{$", "$a$ of $b$ loss"])
@pytest.mark.parametrize("draw", [plotting.plot_curves, lambda run, columns: plotting.plot_runs({"one": run}, columns)])
def test_a_dollar_in_a_name_is_no_mathematics(name, draw):
    ax = draw(pm.Trajectory([0, 1], {name: [1.0, 2.0]}), name)
    expected = draw(pm.Trajectory([0, 1], {"x": [1.0, 2.0]}), {"x": "x"})
    for text, shown in zip(
        [expected.yaxis.label, *expected.get_legend().get_texts()],
        [ax.yaxis.label, *ax.get_legend().get_texts()],
        strict=True,
    ):
        text.set(parse_math=False, text=shown.get_text().replace(r"\$", "$"))
        assert name in text.get_text()
    assert drawn_alike(ax, expected)


@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize("values", [[1e300, 1e300], [0.9e300, 1e300], [1e300, 0.5e300], [1e300, 0.0], [np.inf, 1e300]])
def test_numbers_in_reach_of_an_axis_are_drawn(scale, values):
    ax = plotting.plot_curves(pm.Trajectory([0, 5], {"x": values}), "x", scale=scale)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # matplotlib's, of places beyond its axis
        ax.figure.canvas.draw()


@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize(("column", "value"), [("v", "1e+308"), ("n", "-1.1e+300")])
def test_numbers_out_of_reach_of_an_axis_are_an_error(scale, column, value):
    far = pm.Trajectory([0, 5], {"v": [[1.0, np.nan], [np.inf, 1e308]], "n": [1.0, -1.1e300]})
    near = pm.Trajectory([0, 5], {"v": [[1.0, 1.0]] * 2, "n": [1.0, 1.0]})
    message = (
        f"`columns` must lie within ±1e+300, because matplotlib's axes end there. Got {value} in {column!r} at step 5. "
        "Leave that step out."
    )
    for draw, data in [(plotting.plot_curves, far), (plotting.plot_runs, {"near": near, "far": far})]:
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            draw(data, column, scale=scale)
    assert plt.get_fignums() == []


def test_labels_of_one_s_own_may_have_mathematics():
    ax = plotting.plot_curves(pm.Trajectory([0, 1], {"gini": [1.0, 2.0]}), {"gini": "$G$"})
    assert ax.get_legend().get_texts()[0].get_text() == "$G$"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\udcff loss", r"\udcff loss"),
        ("\0\x1b\nloss", r"\x00\x1b\nloss"),
        ("x" * 60_000, "x" * 100 + "…"),
    ],
    ids=["no text", "control", "wide"],
)
def test_a_name_that_cannot_be_drawn_is_drawn_as_its_code(name, shown):
    ax = plotting.plot_curves(pm.Trajectory([0, 1], {name: [1.0, 2.0]}), name)
    assert ax.get_legend().get_texts()[0].get_text() == shown
    ax.figure.canvas.draw()  # a warning of a missing letter is an error here


def looks(axes):
    """Colour and dashes of each line that the legend names, by its label."""
    labels = [line.get_label() for line in axes.get_lines() if line.get_label()[0] != "_"]
    return dict(zip(labels, styles(axes), strict=True))


def run_of(*columns):
    return pm.Trajectory([0, 1], {name: [2.0, 1.0] for name in columns})


def test_known_losses_look_the_same_in_all_pictures():
    names = ["train_loss", "test_loss", "restricted_loss", "excluded_loss"]
    together = looks(plotting.plot_curves(run_of(*names), dict(zip(names, names, strict=True))))
    assert len(set(together.values())) == 4
    for name in names:
        with_another = ["other", name, "another"]
        for drawn in ([name], with_another, [*reversed(names)], [f"val/{name}"]):
            axes = plotting.plot_curves(run_of(*drawn), {column: column.split("/")[-1] for column in drawn})
            assert looks(axes)[name] == together[name]
            assert len(set(looks(axes).values())) == len(drawn)
            plt.close("all")
        for accuracy in (name.replace("loss", "accuracy"), f"{name}_train"):
            assert [*looks(plotting.plot_curves(run_of(accuracy), accuracy)).values()] == [together[name]]
    mean = plotting.plot_runs({"a": run_of("excluded_loss")}, {"excluded_loss": "excluded_loss"})
    assert looks(mean)["excluded_loss"] == together["excluded_loss"]


def test_lines_that_are_drawn_later_look_different():
    axes = plotting.plot_curves(run_of("test_loss", "x"), ["test_loss", "x"])
    plotting.plot_curves(run_of("y", "test_loss_2", "z"), {"y": "y", "test_loss_2": "again", "z": "z"}, ax=axes)
    assert len(set(looks(axes).values())) == 5


def test_lines_that_a_caller_adds_have_new_colours():
    axes = plotting.plot_curves(run_of("train_loss", "excluded_loss"), ["train_loss", "excluded_loss"])
    for number in range(4):
        axes.plot([0, 1], [1, 2], label=f"{number}")
    plotting.plot_curves(run_of("y"), "y", ax=axes)
    axes.plot([0, 1], [3, 4], label="last")
    assert len({colour for colour, _ in looks(axes).values()}) == len(looks(axes)) == 8


def test_sixty_lines_look_different_and_neighbours_have_different_styles():
    names = [f"x{index}" for index in range(60)]
    found = [*looks(plotting.plot_curves(run_of(*names), names)).values()]
    assert len(set(found)) == 60
    assert all(len({dashes for _, dashes in found[start : start + 6]}) == 6 for start in range(24))


def test_names_of_parameters_keep_their_underscores():
    names = ["pos_embed.weight", "weight_norm"]
    assert [*looks(plotting.plot_curves(run_of(*names), names))] == ["pos_embed.weight", "weight norm"]


def test_numbers_of_tokens_are_beside_their_points_and_inside_the_picture():
    op = pm.addition(113)
    weights, (_, axes) = pm.circuits.Clock(op, {2: 1.0}).embed.weight, plt.subplots(figsize=(4, 3.4))
    plotting.plot_embedding(weights, op, frequency=2, ax=axes)
    axes.figure.draw_without_rendering()
    frame = axes.get_window_extent()
    points = axes.transData.transform(axes.collections[0].get_offsets())
    for text in axes.texts:
        box = text.get_window_extent()
        assert inside(box, frame)
        assert not any(box.contains(*point) for point in points)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([23.0, 82.0], {"40", "60", "80"}),
        ([20.0, 500.0], {"30", "100", "300"}),
        ([1e-3, 2.0], {r"$\mathdefault{10^{-3}}$", r"$\mathdefault{10^{0}}$"}),
    ],
)
def test_a_logarithmic_axis_has_plain_numbers_where_powers_of_ten_say_little(values, labels):
    axes = plotting.plot_curves(pm.Trajectory([0, 1], {"defect": values}), "defect")
    axes.figure.draw_without_rendering()
    low, high = axes.get_ylim()
    major = {tick.label1.get_text() for tick in axes.yaxis.get_major_ticks() if low <= tick.get_loc() <= high}
    assert labels <= major
    assert not any(label.get_text() for label in axes.yaxis.get_minorticklabels())
    axes.plot([0, 1], [1e-5, 1e5])
    axes.figure.draw_without_rendering()
    wide = [text for label in axes.get_yticklabels() if (text := label.get_text())]
    assert len(wide) >= 3
    assert all(re.fullmatch(r"\$\\mathdefault\{10\^\{-?\d+\}\}\$", text) for text in wide)
