"""Names from files, which are untrusted, as HTML and as words in a figure."""

import html

from progress_measures._checks.values import escaped

_LONGEST = 60  # letters of a word for which a figure has room


def as_html(text: str) -> str:
    """Escapes text so that a browser shows it and does not interpret it."""
    return html.escape(escaped(text))


def as_label(name: str) -> str:
    r"""A name that bokeh shows literally, although it reads ``$$…$$``, ``\[…\]`` and ``\(…\)`` as mathematics.

    The middle of a name that is too long is cut.
    """
    half = _LONGEST // 2
    short = escaped(name if len(name) <= _LONGEST else f"{name[:half]}…{name[-half:]}")
    for mark in ("$$", r"\[", r"\("):
        short = short.replace(mark, "\u200b".join(mark))  # a zero-width blank keeps the two characters apart
    return short


def paragraph(text: str, kind: str = "note") -> str:
    """A paragraph of HTML."""
    return f'<p class="{kind}">{as_html(text)}</p>'
