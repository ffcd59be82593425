"""The content of a page that `report` writes: its elements, words, tables and figures."""

import html
import json
import re
from html.parser import HTMLParser

HEADINGS = ("h1", "h2", "h3", "title")


class Page(HTMLParser):
    """A parsed page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.headings, self.paragraphs, self.rows, self.scripts = [], [], [], [], []
        self._open = []
        self.feed(text)
        self.close()
        self.figures = self._figures()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)
        if tag in HEADINGS:
            self.headings.append("")
        elif tag == "p":
            self.paragraphs.append("")
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data):
        tag = self._open[-1] if self._open else None
        if tag in HEADINGS:
            self.headings[-1] += data
        elif "p" in self._open:
            self.paragraphs[-1] += data
        elif tag in ("td", "th"):
            self.rows[-1][-1] += data
        elif tag == "script":
            self.scripts[-1] += data

    def _figures(self):
        """The models of each root, which bokeh draws from JSON in the last script."""
        found = [re.search(r"const docs_json = '(.*)';$", script, re.MULTILINE) for script in self.scripts[-1:]]
        if not any(found):
            return []
        (document,) = json.loads(html.unescape(found[0][1].replace("\\\\", "\\"))).values()
        return [list(models(root)) for root in document["roots"]]

    def count(self, kind):
        """The number of models of a kind in each figure."""
        return [sum(model["name"] == kind for model in figure) for figure in self.figures]

    def labels(self):
        """The names in the legends."""
        items = [model for figure in self.figures for model in figure if model["name"] == "LegendItem"]
        return [item["attributes"]["label"]["value"] for item in items]


def models(value):
    """Every model in bokeh's JSON, which contains each of them once in full."""
    if isinstance(value, dict):
        if value.get("type") == "object" and "id" in value:
            yield value
        for part in value.values():
            yield from models(part)
    elif isinstance(value, list):
        for part in value:
            yield from models(part)
