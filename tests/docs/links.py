"""Checks the links of a built site, and that no page shows a progress bar: ``python -m tests.docs.links HTML``.

Each link has to lead to a file of the site, and to a place in it. Sphinx checks the links that it makes, but not those
of raw HTML, a theme, a gallery, or to a script's download. A gallery page shows everything that its script prints.
"""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

BAR = re.compile(r"\d+%\|")  # as tqdm draws it


class Page(HTMLParser):
    """The links of a page, and the places in it that links can lead to."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = {""}
        self.within: list[str] = []  # links in other links: no browser keeps both
        self._open = False
        text = file.read_text(encoding="utf-8")
        self.has_bar = BAR.search(text) is not None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called for each tag."""
        found = {name: value or "" for name, value in attrs}
        self.places |= {found[name] for name in ("id", "name") if name in found}
        self.links += [found[name] for name in ("href", "src") if name in found]
        self.links += [source.split()[0] for source in found.get("srcset", "").split(",") if source]
        if tag == "a" and "href" in found:
            self.within += [found["href"]] * self._open
            self._open = True

    def handle_endtag(self, tag: str) -> None:
        """Called for each tag that ends."""
        self._open = self._open and tag != "a"


def broken(site: Path) -> Iterator[str]:
    """One line for each link within the site that leads nowhere, and for each page with a progress bar."""
    pages = {file.resolve(): Page(file) for file in sorted(site.rglob("*.html"))}
    for file, page in pages.items():
        yield from (f"{file.relative_to(site.resolve())}: {link}: in another link" for link in page.within)
        if page.has_bar:
            yield f"{file.relative_to(site.resolve())}: shows a progress bar"
        for link in sorted({*page.links}):
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = (file.parent / unquote(url.path)).resolve() if url.path else file
            if not target.is_file():
                yield f"{file.relative_to(site.resolve())}: {link}: no such file"
            elif target in pages and unquote(url.fragment) not in pages[target].places:
                yield f"{file.relative_to(site.resolve())}: {link}: no such place"


if __name__ == "__main__":
    sys.exit("\n".join(broken(Path(sys.argv[1]))) or 0)
