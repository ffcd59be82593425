"""The house: which room of the source imports which, read from the code, and its picture on the architecture page."""

import ast
from pathlib import Path

import matplotlib.pyplot as plt
import networkx as nx
from matplotlib.figure import Figure

import progress_measures as pm

SOURCE = Path(pm.__file__).parent
PACKAGE = SOURCE.name
FACADE = "__init__"
HALF = 0.17  # of a box's height, where floors are 1 apart


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


def draw_house() -> Figure:
    """Each room on its floor, above those that it imports from; what follows from other lines is not drawn."""
    house = rooms()
    house.remove_nodes_from([FACADE, "__main__"])  # which import everything
    lines = nx.transitive_reduction(house)  # its order is another one each time: sorted below, for the same picture
    place = _places(lines)
    figure, ax = plt.subplots(figsize=(8, 8), layout="constrained")
    for start, end in sorted(lines.edges):
        (x, y), (to_x, to_y) = place[start], place[end]
        points = [place[point] for point in _between(start, end, place)]
        upright = [(at_x, at_y + half) for at_x, at_y in points for half in (HALF, -HALF)]  # past other rooms' boxes
        path = [(x, y - HALF), *upright, (to_x, to_y + HALF)]
        ax.plot(*zip(*path, strict=True), color="0.6", linewidth=0.9, zorder=1)
    for room in sorted(lines):
        colour = "0.92" if room.startswith("_") else "#cfe3f5"
        box = {"boxstyle": "round,pad=0.4", "facecolor": colour, "edgecolor": "0.4"}
        ax.text(*place[room], room, ha="center", va="center", fontsize=10, bbox=box, zorder=2)
    ax.margins(0.08, 0.05)
    ax.axis("off")
    return figure


def _between(start: str, end: str, place: dict) -> list[tuple[str, str, int]]:
    """The points where a line crosses the floors between its ends."""
    return [(start, end, y) for y in range(int(place[start][1]) - 1, int(place[end][1]), -1)]


def _places(lines: nx.DiGraph) -> dict:
    """Rooms and the points of long lines side by side on their floors, each near what it is joined with (Sugiyama)."""
    level = {room: y for y, floor in enumerate(floors(lines)) for room in floor}
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


def _apart(row: list) -> dict:
    """Places from 0 to 1 for what stands side by side, a name's in proportion to its length."""
    widths = [len(node) + 4 if isinstance(node, str) else 5 for node in row]
    return {
        node: (sum(widths[:index]) + width / 2) / sum(widths)
        for index, (node, width) in enumerate(zip(row, widths, strict=True))
    }
