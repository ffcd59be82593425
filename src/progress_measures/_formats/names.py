"""Names of columns, for files and for messages."""

from collections.abc import Iterable

from progress_measures._checks.values import listed


def check_utf8(names: Iterable[str]) -> None:
    """Requires names that can be written in UTF-8."""
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"`columns` must have names that can be written in UTF-8. Got {name!r}. Rename with select()."
            ) from error


def listed_names(names: Iterable[str]) -> str:
    """The names in order, for a message; long ones are cut."""
    return listed(repr(cut(name)) for name in sorted(names))


def cut(text: str) -> str:
    """A name or a cell, cut to a length that a message can show."""
    return text if len(text) < 100 else f"{text[:20]}…"
