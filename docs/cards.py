"""The pictures of the gallery's cards: one panel of a page's figure, drawn as large as a card shows it."""

import pickle
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from sphinx_gallery.scrapers import matplotlib_scraper

CARD = "card"  # the id of the panel: `axes[0].set_gid("card")`
SIZE = (3.5, 2.5)  # inches: a font of 10 points is then as large as a card's text
DPI = 160
LONGEST = 35  # letters of a line's name for which a card has room


def card(figure: Figure) -> Figure | None:
    """A figure of only the panel with that id, or None if no panel has it."""
    if not any(ax.get_gid() == CARD for ax in figure.axes):
        return None
    copy: Figure = pickle.loads(pickle.dumps(figure))  # the script still saves its own
    panel: Axes = next(ax for ax in copy.axes if ax.get_gid() == CARD)
    for sibling in panel.get_shared_x_axes().get_siblings(panel):  # the lowest panel has the label of all
        panel.set_xlabel(panel.get_xlabel() or sibling.get_xlabel())
    for rest in ({*copy.axes} - {panel}, copy.legends, copy.texts):
        for artist in [*rest]:
            artist.remove()
    if copy.get_suptitle():
        copy.suptitle("")
    if (legend := panel.get_legend()) is None or len(legend.get_texts()) > 2:  # it would cover the curves
        _name_lines(copy, panel)
    panel.set_subplotspec(GridSpec(1, 1, figure=copy)[0])
    panel.set_title("")  # the card has the page's
    panel.tick_params(labelbottom=True)  # hidden if panels share an axis
    copy.set_size_inches(SIZE)
    return copy


def _name_lines(figure: Figure, panel: Axes) -> None:
    """Replaces the legend of a panel by one of its lines alone, above it: phases need no names on a card."""
    if legend := panel.get_legend():
        legend.remove()
    lines = [line for line in panel.get_lines() if not str(line.get_label()).startswith("_")]
    if len(lines) > 1 and max(len(str(line.get_label())) for line in lines) <= LONGEST:
        columns = 2 if len(lines) == 4 else 3
        figure.legend(
            handles=lines, loc="outside upper center", ncols=columns, fontsize="x-small", frameon=False,
            handlelength=1.6, columnspacing=1, borderpad=0,
        )  # fmt: skip


def scrape(block: Any, variables: dict[str, Any], conf: dict[str, Any], **options: Any) -> str:
    """Saves a block's figures as sphinx-gallery does, and a card as the next picture, which no page shows."""
    cards = [card(plt.figure(number)) for number in plt.get_fignums()]
    for each in cards:
        if each is not None:
            plt.close(each)  # unpickling registered it with pyplot
    shown: str = matplotlib_scraper(block, variables, conf, **options)
    for each in cards:
        if each is not None:
            each.savefig(Path(next(variables["image_path_iterator"])), dpi=DPI)
    return shown
