"""Tables of words and numbers, as text for a terminal and as HTML for a notebook."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import torch
from torch import Tensor

from progress_measures._checks.values import escaped

WIDE = 120  # letters of a line: a table that would be wider is arranged otherwise


def text_table(lines: Sequence[Sequence[str]]) -> str:
    """Rows of cells in columns: the first column left-aligned, the others right-aligned."""
    lines = [[escaped(cell) for cell in cells] for cells in lines]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        (
            f"{name:<{widths[0]}}"
            + "".join(f"  {cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True))
        ).rstrip()
        for name, *cells in lines
    )


def width(table: str) -> int:
    """The number of letters in the longest line of a table."""
    return max(map(len, table.splitlines()))


def html_table(caption: str, head: Iterable[str], lines: Iterable[Sequence[str]]) -> str:
    """A table for a notebook; the first cell of each row is its name."""
    heads = "".join(f'<th scope="col">{text(name)}</th>' for name in head)
    rows = "".join(
        f'<tr><th scope="row">{text(name)}</th>' + "".join(f"<td>{text(cell)}</td>" for cell in cells) + "</tr>"
        for name, *cells in lines
    )
    return framed(caption, heads, rows)


def framed(caption: str, heads: str, rows: str) -> str:
    """A table from the HTML of its head and rows; a wide table has a scroll bar."""
    return (
        '<div style="overflow-x: auto"><table>'
        f'<caption style="text-align: left">{text(caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def text(words: str) -> str:
    """Words as HTML has them, without control characters, which it may not have."""
    return escape(escaped(words))


def number(value: Tensor | float, digits: int = 4) -> str:
    """A number in few digits, or the smallest and the largest entry of a vector; an ellipsis where it has no number."""
    if not isinstance(value, Tensor):
        return f"{value:.{digits}g}"
    if not _has_numbers(value):
        return "…"
    if value.ndim == 0:
        return f"{float(value.detach()):.{digits}g}"
    numbers = value.detach()[~value.isnan()]
    if len(numbers) == 0:
        return "–"
    return f"{float(numbers.min()):.{digits - 1}g} … {float(numbers.max()):.{digits - 1}g}"


def counted(draws: Tensor, rounding: float) -> str:
    """How many draws there are, and how many distinct ones if some are equal but for rounding, as with few sets."""
    count = f"{len(draws)} draws"
    if not _has_numbers(draws):
        return count
    distinct = count_distinct(draws, rounding)
    return count if distinct >= len(draws) else f"{count}, {distinct} distinct"


def count_distinct(draws: Tensor, rounding: float) -> int:
    """How many of at least one draw are distinct, to a relative rounding."""
    ordered = draws.detach().sort().values
    return 1 + int((ordered.diff().abs() > rounding * ordered[1:].abs()).sum())


def _has_numbers(value: Tensor) -> bool:
    """Whether the entries of a tensor can be read; they cannot inside vmap, or on the meta device."""
    functorch: Any = torch._C._functorch
    return not (value.is_meta or functorch.is_functorch_wrapped_tensor(value))
