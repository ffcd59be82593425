"""The architecture page has every room, and its picture says what the code imports."""

import re
from pathlib import Path

import networkx as nx
import pytest
from matplotlib import pyplot as plt

from docs.house import FACADE, draw_house, floors, rooms
from tests.integration.test_architecture import FILES, LEVELS, SOURCE, imported_rooms, room

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_lines_are_the_imports():
    imports = {(room(file), other) for file in FILES for other in imported_rooms(file)} - {
        (name, name) for name in LEVELS
    }
    drawn = {edge for edge in rooms().edges if edge[1] != FACADE}
    assert drawn == imports
    assert ("__main__", FACADE) in rooms().edges


def test_floors_are_the_longest_ways_down():
    house = nx.DiGraph([("top", "left"), ("top", "right"), ("left", "bottom"), ("right", "left")])
    assert floors(house) == [["bottom"], ["left"], ["right"], ["top"]]


def test_every_room_is_drawn_once_and_none_on_another():
    figure = draw_house()
    figure.canvas.draw()
    labels = {text.get_text(): text.get_bbox_patch().get_window_extent() for text in figure.axes[0].texts}
    plt.close(figure)
    assert len(labels) == len(figure.axes[0].texts)
    assert set(labels) == set(LEVELS) - {FACADE, "__main__"}
    for name, box in labels.items():
        assert not [other for other in labels if other != name and box.overlaps(labels[other])], name


def test_every_room_is_in_the_list():
    (block,) = re.findall(r"\.\. autosummary::\n\n((?:   \S+\n)+)", PAGE)
    assert sorted(block.split()) == sorted(set(LEVELS) - {FACADE})


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(\w+/[\w./]*)`", PAGE))))
def test_paths_that_are_named_exist(path):
    assert (SOURCE / path if path.split("/")[0] in LEVELS else ROOT / path).exists()
