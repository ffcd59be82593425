"""The imports between rooms of the source, read from the code, and their picture on the architecture page."""

import ast
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import networkx as nx
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, TextArea, VPacker

import progress_measures as pm

SOURCE = Path(pm.__file__).parent
PACKAGE = SOURCE.name
FACADE = "__init__"
HALF = 0.45  # half the height that a floor has for its boxes; floors are 1 apart
WIDTHS = {0: 17, 70: 25, 125: 40}  # letters of a line of file names, by the least length of all names


def rooms() -> nx.DiGraph:
    """An edge from each file or folder of the source to each that it imports from."""
    house = nx.DiGraph()
    for file in SOURCE.rglob("*.py"):
        room = file.relative_to(SOURCE).parts[0].removesuffix(".py")
        house.add_node(room)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE:
                _, *inside = node.module.split(".")
                others = inside[:1] or [alias.name for alias in node.names]
                house.add_edges_from((room, other) for other in others if other != room)
            elif isinstance(node, ast.Import) and any(alias.name == PACKAGE for alias in node.names):
                house.add_edge(room, FACADE)
    return house


def floors(house: nx.DiGraph) -> list[list[str]]:
    """The rooms by the longest way down from each, lowest first: a room imports only from floors below its own."""
    return [sorted(floor) for floor in nx.topological_generations(house.reverse())]


def files(room: str) -> str:
    """The files of a room that is a folder, in lines; nothing if the room is one file."""
    names = ", ".join(sorted(file.stem for file in (SOURCE / room).glob("*.py") if file.stem != FACADE))
    width = max(width for fewest, width in WIDTHS.items() if len(names) >= fewest)
    return textwrap.fill(names, width, break_on_hyphens=False)


def draw_house() -> Figure:
    """Draws each room with its files above the rooms that it imports from, without lines that follow from others."""
    house = rooms()
    house.remove_nodes_from([FACADE, "__main__"])  # they import everything
    lines = nx.transitive_reduction(house)  # its order varies: sorted below, for the same picture
    place = _places(lines)
    figure, ax = plt.subplots(figsize=(14.5, 14.5), layout="constrained")
    for start in sorted(lines):
        ends = sorted(lines[start], key=lambda end, start=start: place[[*_between(start, end, place), end][0]])
        for number, end in enumerate(ends):
            aside = 0.012 * (number - (len(ends) - 1) / 2)  # so that lines of one room do not begin in one point
            ax.plot(*zip(*_path(start, end, place, aside), strict=True), color="0.6", linewidth=0.9, zorder=1)
            x, y = place[end]
            ax.plot(x, y + _half(end) + 0.02, marker="v", color="0.6", markersize=4, zorder=1)
    for room in sorted(lines):
        ax.add_artist(_box(room, place[room]))
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.3, max(y for _, y in place.values()) + 0.4))
    ax.axis("off")
    return figure


def _path(start: str, end: str, place: dict, aside: float) -> list[tuple[float, float]]:
    """The points of a line: straight past the boxes of each floor, and slanted only between floors."""
    (x, y), (to_x, to_y) = place[start], place[end]
    begin = [(x + aside, y - _half(start)), (x + aside, y - HALF)]
    points = [place[point] for point in _between(start, end, place)]
    past = [(at_x, at_y + half) for at_x, at_y in points for half in (HALF, -HALF)]
    return [*begin, *past, (to_x, to_y + HALF), (to_x, to_y + _half(end))]


def _box(room: str, place: tuple[float, float]) -> AnnotationBbox:
    """A room's name, and below it its files, in a frame."""
    words = [TextArea(room, textprops={"fontsize": 13, "fontweight": "bold"})]
    if inside := files(room):
        words.append(TextArea(inside, textprops={"fontsize": 10.5, "color": "0.2", "multialignment": "center"}))
    colour = "0.92" if room.startswith("_") else "#cfe3f5"
    frame = {"boxstyle": "round,pad=0.25", "facecolor": colour, "edgecolor": "0.4"}
    packed = VPacker(children=words, align="center", pad=0, sep=3)
    return AnnotationBbox(packed, place, bboxprops=frame, zorder=2, label=room)


def _between(start: str, end: str, place: dict) -> list[tuple[str, str, int]]:
    """The points where a line crosses the floors between its ends."""
    return [(start, end, y) for y in range(int(place[start][1]) - 1, int(place[end][1]), -1)]


def _places(lines: nx.DiGraph) -> dict:
    """Places rooms and the points of long lines on their floors, each near its neighbours (Sugiyama)."""
    level = {room: y for y, floor in enumerate(floors(lines)) for room in floor}
    for room in [room for room in lines if not lines[room]]:  # on the ground: raised to just below its importers
        level[room] = min(level[other] for other in lines.predecessors(room)) - 1
    graph, height = nx.Graph(), {room: (0, y) for room, y in level.items()}
    for start, end in sorted(lines.edges):
        points = _between(start, end, height)
        level |= {point: point[2] for point in points}
        nx.add_path(graph, [start, *points, end])
    rows = [[node for node in level if level[node] == y] for y in range(max(level.values()) + 1)]
    across = {node: x for row in rows for node, x in _apart(row).items()}
    for sweep in range(40):
        for row in rows if sweep % 2 else reversed(rows):
            near = {node: sum(across[other] for other in graph[node]) / len(graph[node]) for node in row}
            across |= _apart(sorted(row, key=near.__getitem__))
    return {node: (across[node], level[node]) for node in level}


def _half(room: str) -> float:
    """Half of a box's height; floors are 1 apart."""
    return 0.105 + 0.062 * len(files(room).splitlines())


def _width(room: str) -> float:
    """The width of a room in the picture, in letters of its name."""
    return 4 + max(1.1 * len(room), *(0.85 * len(line) for line in files(room).splitlines()), 0)


def _apart(row: list) -> dict:
    """Places from 0 to 1 in a row; a name takes room in proportion to its length."""
    widths = [_width(node) if isinstance(node, str) else 4 for node in row]
    return {
        node: (sum(widths[:index]) + width / 2) / sum(widths)
        for index, (node, width) in enumerate(zip(row, widths, strict=True))
    }
