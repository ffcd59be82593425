import re
import subprocess
import sys
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.text import Annotation

import progress_measures as pm
from progress_measures import plotting

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
        plotting.plot_curves(ODD, ["some", column])
    assert plt.get_fignums() == []
    assert plotting.plot_curves(ODD, ["some", column], scale="linear").get_yscale() == "linear"


def test_runs_whose_mean_is_zero_are_an_error_on_a_logarithmic_axis():
    runs = pm.Runs({"a": ODD.select("zero"), "b": ODD.select({"some": "zero"})})
    with pytest.raises(
        ValueError, match=r"^`scale` must be 'linear' for a column without a number above zero\. Got 'zero'"
    ):
        plotting.plot_runs(runs, "zero")
    assert plt.get_fignums() == []
    assert plotting.plot_runs(runs, "zero", scale="linear").has_data()


@pytest.mark.parametrize("column", ["some", "gone"])
def test_a_zero_or_nothing_is_drawn_without_a_warning(column, tmp_path):
    plotting.plot_curves(ODD, column).figure.savefig(tmp_path / "picture.png")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("test_loss", "test loss"),
        (["test_loss", "train_loss"], "loss"),
        (["test_loss", "per_frequency"], ""),
        ({"test_loss": "loss of the test pairs", "train_loss": "of the others"}, ""),
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
    assert plotting.plot_runs(RUNS, "x").get_ylabel() == "x (geometric mean of 2 runs)"
    assert plotting.plot_runs(RUNS, ["x", "v"], scale="linear").get_ylabel() == "(mean of 2 runs)"


def test_no_column_is_an_error():
    with pytest.raises(ValueError, match=r"`columns` must name at least one column. Got none."):
        plotting.plot_curves(RUN, [])
    assert plt.get_fignums() == []


def test_column_may_be_given_by_its_name_alone():
    assert legend(plotting.plot_curves(RUN, "test_loss")) == ["test loss"]


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
        plotting.plot_runs(pm.Runs(below), "low")


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
    assert python(code) == 'progress_measures.plotting needs matplotlib: pip install "progress_measures[plot]"\n'


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        (pm.Phases(None, 100, 200), [(100, 200)]),
        (pm.Phases(None, 100, None), [(100, 300)]),
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
        ("x" * 200, "x" * 200),
        ("x" * 60_000, "x" * 100 + "…"),
    ],
    ids=["no text", "control", "wide", "wider"],
)
def test_a_name_that_cannot_be_drawn_is_drawn_as_its_code(name, shown):
    ax = plotting.plot_curves(pm.Trajectory([0, 1], {name: [1.0, 2.0]}), name)
    assert ax.get_legend().get_texts()[0].get_text() == shown
    if len(name) < 200:
        ax.figure.canvas.draw()  # a warning of a missing letter is an error here
