"""Pictures of many rows, long names and small sizes: nothing overlaps, and nothing is cut off by the page."""

import itertools
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

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
    return [text.get_window_extent() for text in texts if text.get_text() and text.get_visible()]


def check_apart(texts):
    for first, second in itertools.combinations(boxes(texts), 2):
        assert not (first.x0 < second.x1 and second.x0 < first.x1 and first.y0 < second.y1 and second.y0 < first.y1)


def check_on_page(axes):
    page = axes.figure.bbox
    legend = axes.get_legend()
    for box in [
        axes.xaxis.get_tightbbox(),
        axes.yaxis.get_tightbbox(),
        *boxes([*axes.texts, *(legend.get_texts() if legend else ())]),
    ]:
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
