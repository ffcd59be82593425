"""Pictures of many rows, long names and small sizes: nothing overlaps, and nothing is cut off by the page."""

import itertools
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.text import Text

import progress_measures as pm
from progress_measures import plotting

HALF = 3.4  # inches: half the width of a printed page


@pytest.fixture(autouse=True)
def _close_figures():
    plt.close("all")
    yield
    plt.close("all")


def half(height=2.4):
    return plt.subplots(figsize=(HALF, height), layout="constrained")[1]


def drawn(axes):
    """Draws the picture, in which the layout must find room for all that is in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        axes.figure.canvas.draw()
    return axes


def boxes(texts):
    return [Text.get_window_extent(text) for text in texts if text.get_text() and text.get_visible()]


def check_apart(texts):
    for first, second in itertools.combinations(boxes(texts), 2):
        assert not (first.x0 < second.x1 and second.x0 < first.x1 and first.y0 < second.y1 and second.y0 < first.y1)


def check_on_page(axes):
    page = axes.figure.bbox
    legend = axes.get_legend()
    sides = [box for box in (axes.xaxis.get_tightbbox(), axes.yaxis.get_tightbbox()) if box is not None]
    for box in [*sides, *boxes([*axes.texts, *(legend.get_texts() if legend else ())])]:
        assert box.x0 >= -1
        assert box.y0 >= -1
        assert box.x1 <= page.x1 + 1
        assert box.y1 <= page.y1 + 1


LONG = "a rather long name of a part of a network, "


def effects(names, ax):
    return plotting.plot_effects(dict.fromkeys(names, 1.0), ax=ax)


def phases(names, ax):
    return plotting.plot_phases(dict.fromkeys(names, pm.Phases(1200, 4630, 7628)), ax=ax)


def controls(names, ax):
    control = pm.measures.Control(torch.tensor(0.1), draws=torch.tensor([3.0, 4.0, 5.0]))
    return plotting.plot_controls(dict.fromkeys(names, control), ax=ax)


@pytest.mark.parametrize("layout", ["constrained", None])
@pytest.mark.parametrize("draw", [effects, phases, controls])
@pytest.mark.parametrize(
    "names",
    [[LONG + "5"], [LONG * 5, "b"], [f"blocks.{i}.attn.head.{i}" for i in range(30)], [f"h{i}" for i in range(90)]],
    ids=["long", "longer", "30", "90"],
)
def test_names_of_rows_have_room(draw, names, layout):
    axes = drawn(draw(names, plt.subplots(figsize=(HALF, 2.4) if layout else None, layout=layout)[1]))
    check_apart(axes.get_yticklabels())
    check_on_page(axes)
    assert axes.get_window_extent().width > 0.3 * axes.figure.bbox.width
    assert axes.get_yticklabels()[0].get_text()[:2] == names[0][:2]


def test_names_that_have_room_are_whole_and_in_the_usual_letters():
    names = [f"blocks.{i}.attn" for i in range(8)]
    labels = drawn(effects(names, None)).get_yticklabels()
    assert [label.get_text() for label in labels] == names
    assert {label.get_fontsize() for label in labels} == {plt.rcParams["font.size"]}


# ---------------------------------------------------------------------------------------------------------------------
# Axes


def spectra(count, steps=(0, 10_000, 20_000), last=9.0):
    power = torch.ones(len(steps), count, dtype=torch.float64)
    power[-1] = last
    return pm.Trajectory(steps, {"power": power})


@pytest.mark.parametrize("keys", [range(20, 32), [3, 4, 8, 15, 26, 27, 31, 44, 45, 47, 50, 51], [1, 100, 200]])
def test_key_frequencies_beside_each_other_share_a_short_label(keys):
    axes = half()
    plotting.plot_frequencies(spectra(200), "power", key_frequencies=keys, kind="heat map", ax=axes)
    check_apart(drawn(axes).get_yticklabels())
    check_on_page(axes)
    axes = drawn(plotting.plot_neurons(torch.eye(200), key_frequencies=keys, ax=half()))
    check_apart(axes.get_xticklabels())
    assert axes.get_xticklabels()[0].get_text().startswith(str(min(keys)))


@pytest.mark.parametrize("kind", ["lines", "heat map"])
def test_steps_have_room_between_them_beside_other_things(kind):
    axes = half()
    plotting.plot_frequencies(spectra(56), "power", key_frequencies=[3, 4, 8, 47, 50], kind=kind, ax=axes)
    check_apart([label for label in drawn(axes).get_xticklabels() if 0 <= label.get_position()[0] <= 20_000])
    run = pm.Trajectory([0, 10_000, 20_000], {"loss": [1.0, 2.0, 3.0], "accuracy": [0.1, 0.2, 0.3]})
    axes = drawn(plotting.plot_curves(run, ["loss", "accuracy"], ax=half()))
    check_apart([label for label in axes.get_xticklabels() if 0 <= label.get_position()[0] <= 20_000])


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plotting.plot_curves(pm.Trajectory([7], {"loss": [1.0]}), "loss"),
        lambda: plotting.plot_frequencies(spectra(3, [7]), "power", kind="heat map"),
        lambda: plotting.plot_neurons(torch.eye(1)),
        lambda: plotting.plot_input_spectrum(torch.tensor([0.0, 1.0]), pm.parity(1, of=(0,))),
        lambda: plotting.plot_phases({"a": pm.Phases(5, 5, 5)}),
    ],
)
def test_a_single_step_or_frequency_has_no_ticks_between_whole_numbers(draw):
    axes = drawn(draw())
    low, high = axes.get_xlim()
    shown = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert len(shown) > 0
    assert all(tick == round(tick) for tick in shown)


def test_a_logarithmic_axis_of_less_than_a_decade_has_plain_numbers():
    control = pm.measures.Control(torch.tensor(3.0), draws=torch.tensor([3.1, 3.2, 3.4]))
    for axes in (
        plotting.plot_controls({"x": control}, ax=half()),
        plotting.plot_effects({"a": 3.0, "b": 3.4}, reference=3.2, scale="log", ax=half()),
    ):
        low, high = drawn(axes).get_xlim()
        labels = axes.get_xticklabels() + axes.get_xticklabels(minor=True)
        check_apart([label for label in labels if low <= label.get_position()[0] <= high])
        assert any(label.get_text() for label in labels)
        assert not any("times" in label.get_text() for label in labels)


# ---------------------------------------------------------------------------------------------------------------------
# What could not be seen


def test_frequencies_of_a_single_step_are_points():
    axes = plotting.plot_frequencies(spectra(3, [7]), "power", key_frequencies=[2])
    assert {line.get_marker() for line in axes.get_lines()} == {"o"}


def test_a_number_alone_between_infinite_ones_is_a_point():
    run = pm.Trajectory(range(5), {"loss": [1.0, np.inf, 3.0, 4.0, np.nan], "other": [1.0, 2.0, 3.0, 4.0, 5.0]})
    alone, other = plotting.plot_curves(run, ["loss", "other"]).get_lines()
    assert (alone.get_marker(), alone.get_markevery()) == ("o", [0])
    assert other.get_marker() == "None"


def test_panels_that_share_their_rows_name_them_once():
    _, (left, right) = plt.subplots(1, 2, sharey=True, layout="constrained")
    for ax in (left, right):
        drawn(plotting.plot_effects({"attn": 0.4, "mlp": 5.6}, ax=ax))
    assert [label.get_text() for label in left.get_yticklabels()] == ["attn", "mlp"]
    assert right.get_yticklabels() == []


def test_a_run_without_any_end_says_so():
    runs = {"seed 0": pm.Phases(1200, 4630, 7628), "no decay": pm.Phases(None, None, None)}
    axes = drawn(plotting.plot_phases(runs))
    (said,) = axes.texts
    assert (said.get_text(), said.get_position()[1]) == ("no end found", 1)
    with pytest.warns(UserWarning, match="Got none in 1 run"):
        none = drawn(plotting.plot_phases({"no decay": pm.Phases(None, None, None)}))
    assert len(none.texts) == 1
    assert none.get_xticks().tolist() == []


# ---------------------------------------------------------------------------------------------------------------------
# Words


def test_the_words_of_ideal_circuits_cover_no_model():
    models = {f"model {i}": (i / 10, 1.0) for i in range(5)} | {f"other {i}": (1 - i / 10, 0.0) for i in range(5)}
    axes = drawn(plotting.plot_clock_or_pizza(models, ax=half()))
    box = axes.get_legend().get_window_extent()
    assert [text.get_text() for text in axes.get_legend().get_texts()][:2] == ["ideal clock", "ideal pizza"]
    assert len(axes.texts) == 0
    assert not any(box.contains(*point) for point in axes.transData.transform(list(models.values())))
    check_on_page(axes)


@pytest.mark.parametrize("column", ["excluded_loss_per_frequency", "a_rather_long_name_" * 3])
def test_labels_of_axes_and_of_colours_are_on_the_page(column):
    run = pm.Trajectory([0, 1], {column: [[1.0, 2.0], [3.0, 4.0]]})
    axes = plotting.plot_frequencies(run, column, kind="heat map", ax=half())
    colours = drawn(axes).figure.axes[-1]
    box = colours.yaxis.label.get_window_extent()
    assert box.y0 >= 0
    assert box.y1 <= axes.figure.bbox.height
    many = {f"a model with a name, seed {i}": (0.5, 0.5) for i in range(30)}
    check_on_page(drawn(plotting.plot_clock_or_pizza(many, ax=half())))
    seeds = {str(i): pm.Trajectory([0, 1], {"loss": [1.0, 2.0], "accuracy": [0.1, 0.2]}) for i in range(2)}
    axes = drawn(plotting.plot_runs(seeds, ["loss", "accuracy"], ax=half()))
    for each in axes.figure.axes:
        check_on_page(each)


@pytest.mark.parametrize("keys", [[(k, k) for k in range(1, 9)], [(1, 0), (0, 1), (15, 15)]])
def test_names_of_frequencies_of_inputs_do_not_overlap(keys):
    op = pm.addition(31)
    share = torch.zeros(16, 16)
    for key in keys:
        share[key] = 0.1
    axes = drawn(plotting.plot_input_spectrum(share, op, key_frequencies=keys, ax=half()))
    check_apart(axes.texts)
    check_on_page(axes)
    assert len(axes.texts) == len(keys)


def test_a_legend_of_twenty_runs_is_whole_in_half_of_a_page():
    columns = {"test_loss": [1.0, 1e-5], "test_accuracy": [0.1, 0.2]}
    runs = {f"seed {i}": pm.Trajectory([0, 1], columns) for i in range(10)}
    axes = drawn(plotting.plot_runs(runs, [*columns], spread="each", ax=half()))
    assert len(axes.get_legend().get_texts()) == 20
    check_on_page(axes)


def test_names_of_rows_have_room_beside_another_picture_without_a_layout():
    _, (first, second) = plt.subplots(1, 2, figsize=(8, 4.8))
    for axes in (first, second):
        effects([f"blocks.0.attn.heads.{i}" for i in range(8)], axes)
    drawn(first)
    check_on_page(first)
    assert min(box.x0 for box in boxes(second.get_yticklabels())) > first.get_window_extent().x1
