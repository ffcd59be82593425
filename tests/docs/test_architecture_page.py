"""The architecture page has every room, and its picture says what the code imports."""

import re
from pathlib import Path

import networkx as nx
import pytest
from matplotlib import pyplot as plt
from matplotlib.offsetbox import AnnotationBbox
from matplotlib.text import Text

from docs.house import FACADE, draw_house, files, floors, rooms
from tests.integration.test_architecture import COMMAND, HOUSE, SOURCE

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_lines_are_the_imports():
    assert set(rooms().edges) == {(room, other) for room, others in HOUSE.items() for other in others}
    assert (COMMAND, FACADE) in rooms().edges


def test_floors_are_the_longest_ways_down():
    house = nx.DiGraph([("top", "left"), ("top", "right"), ("left", "bottom"), ("right", "left")])
    assert floors(house) == [["bottom"], ["left"], ["right"], ["top"]]


def test_every_room_is_drawn_once_with_its_files_and_none_on_another():
    figure = draw_house()
    figure.canvas.draw()
    drawn = figure.findobj(AnnotationBbox)
    boxes = {box.get_label(): box.patch.get_window_extent() for box in drawn}
    words = {box.get_label(): [text.get_text() for text in box.findobj(Text)] for box in drawn}
    plt.close(figure)
    assert len(boxes) == len(drawn)
    assert set(boxes) == set(HOUSE) - {FACADE, COMMAND}
    for name, box in boxes.items():
        assert not [other for other in boxes if other != name and box.overlaps(boxes[other])], name
        assert [text for text in words[name] if text] == [text for text in (name, files(name)) if text]


def test_files_are_those_of_the_folder():
    assert files("losses").replace("\n", " ").split(", ") == [
        "by_answer", "empty", "filtered", "kinds", "margins", "normalized_margin"
    ]  # fmt: skip
    assert files("grid") == ""


def test_every_room_is_in_the_list():
    (block,) = re.findall(r"\.\. autosummary::\n\n((?:   \S+\n)+)", PAGE)
    assert sorted(block.split()) == sorted(set(HOUSE) - {FACADE})


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(\w+/[\w./]*)`", PAGE))))
def test_paths_that_are_named_exist(path):
    assert (SOURCE / path if path.split("/")[0] in HOUSE else ROOT / path).exists()
