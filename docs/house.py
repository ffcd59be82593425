"""The house: which room of the source imports which, read from the code, and its picture on the architecture page."""

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
HALF = 0.27  # of a box's height, where floors are 1 apart
WIDTH = 26  # characters of a line that names the files of a room


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
    names = sorted(file.stem for file in (SOURCE / room).glob("*.py") if file.stem != FACADE)
    return textwrap.fill(" · ".join(names), WIDTH, break_on_hyphens=False)


def draw_house() -> Figure:
    """Each room with its files, above those that it imports from; lines that follow from others are left out."""
    house = rooms()
    house.remove_nodes_from([FACADE, "__main__"])  # which import everything
    lines = nx.transitive_reduction(house)  # its order is another one each time: sorted below, for the same picture
    place = _places(lines)
    figure, ax = plt.subplots(figsize=(12, 10), layout="constrained")
    for start, end in sorted(lines.edges):
        (x, y), (to_x, to_y) = place[start], place[end]
        points = [place[point] for point in _between(start, end, place)]
        upright = [(at_x, at_y + half) for at_x, at_y in points for half in (HALF, -HALF)]  # past other rooms' boxes
        path = [(x, y - _half(start)), *upright, (to_x, to_y + _half(end))]
        ax.plot(*zip(*path, strict=True), color="0.6", linewidth=0.9, zorder=1)
    for room in sorted(lines):
        ax.add_artist(_box(room, place[room]))
    ax.margins(0.09, 0.05)
    ax.axis("off")
    return figure


def _box(room: str, place: tuple[float, float]) -> AnnotationBbox:
    """A room's name, and below it its files, in a frame."""
    words = [TextArea(room, textprops={"fontsize": 11, "fontweight": "bold"})]
    if inside := files(room):
        words.append(TextArea(inside, textprops={"fontsize": 7.5, "color": "0.25", "multialignment": "center"}))
    colour = "0.92" if room.startswith("_") else "#cfe3f5"
    frame = {"boxstyle": "round,pad=0.25", "facecolor": colour, "edgecolor": "0.4"}
    return AnnotationBbox(
        VPacker(children=words, align="center", pad=0, sep=3), place, bboxprops=frame, zorder=2, label=room
    )


def _between(start: str, end: str, place: dict) -> list[tuple[str, str, int]]:
    """The points where a line crosses the floors between its ends."""
    return [(start, end, y) for y in range(int(place[start][1]) - 1, int(place[end][1]), -1)]


def _places(lines: nx.DiGraph) -> dict:
    """Rooms and the points of long lines side by side on their floors, each near what it is joined with (Sugiyama)."""
    level = {room: y for y, floor in enumerate(floors(lines)) for room in floor}
    for room in [room for room in lines if not lines[room]]:  # on the ground: raised to just below who imports it
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
    """Half of a box's height, where floors are 1 apart."""
    return 0.1 + 0.055 * len(files(room).splitlines())


def _width(room: str) -> float:
    """How wide a room is drawn, in letters of its name."""
    return 4 + max(1.2 * len(room), *(0.75 * len(line) for line in files(room).splitlines()), 0)


def _apart(row: list) -> dict:
    """Places from 0 to 1 for what stands side by side, a name's in proportion to its length."""
    widths = [_width(node) if isinstance(node, str) else 4 for node in row]
    return {
        node: (sum(widths[:index]) + width / 2) / sum(widths)
        for index, (node, width) in enumerate(zip(row, widths, strict=True))
    }
