"""Names from files, which are foreign: as HTML, and as words in a figure."""

import html

from progress_measures._checks.values import escaped

_LONGEST = 60  # letters of a word in a figure, which has no room for more


def as_html(text: str) -> str:
    """Text that a browser shows as it is, and does not obey."""
    return html.escape(escaped(text))


def as_label(name: str) -> str:
    r"""A name that bokeh shows as it is: it reads ``$$…$$``, ``\[…\]`` and ``\(…\)`` as mathematics.

    A name that is too long is cut in its middle.
    """
    half = _LONGEST // 2
    short = escaped(name if len(name) <= _LONGEST else f"{name[:half]}…{name[-half:]}")
    for mark in ("$$", r"\[", r"\("):
        short = short.replace(mark, "\u200b".join(mark))  # a blank without width keeps the two apart
    return short


def paragraph(text: str, kind: str = "note") -> str:
    """A paragraph of HTML."""
    return f'<p class="{kind}">{as_html(text)}</p>'
