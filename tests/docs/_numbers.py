"""The numbers in a text: whether they are those that the library gives, whatever words stand around them.

A whole number that was computed (a count, a step) is exact. A number that was measured is right to the digits that the
text writes; a percentage is the share. Other machines round differently.
"""

import re
from typing import NamedTuple

NUMBER = re.compile(
    r"(?P<sign>(?<![\w)\]}])[-+−])?(?<![\w.])"
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.(?P<decimals>\d+))?(?:e(?P<exponent>[-+]?\d+))?(?P<percent>\s?%)?"
)


class Written(NamedTuple):
    """A number as a text writes it: ``unit`` is one in its last digit, and ``whole`` what could be a count."""

    value: float
    unit: float
    whole: bool

    @classmethod
    def of(cls, match):
        """The number of a match of ``NUMBER``."""
        sign, digits, decimals, exponent, percent = match.groups(default="")
        power = int(exponent or 0) - 2 * bool(percent)
        value = float(f"{digits.replace(',', '')}.{decimals}e{power}")
        unit = 10.0 ** (power - len(decimals))
        return cls(-value if sign in ("-", "−") else value, unit, not (decimals or exponent or percent))


def numbers(text):
    """Every number of a text, in order."""
    return [Written.of(match) for match in NUMBER.finditer(text)]


def near(value, written):
    """A computed number is the one in a table: measured ones to 5 % (whole ones 1 %) or one in the last digit."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, Written):  # as it stands elsewhere
        return value.value == written.value
    if isinstance(value, int):
        return value == written.value
    return abs(value - written.value) <= max((0.01 if written.whole else 0.05) * abs(value), 1.01 * written.unit)


def rounded(value, written):
    """A computed number is the one in a sentence: rounded to its digits, give or take 1 %, but under one in the last.

    A single digit is too little to know a measured number by, since sentences are full of them.
    """
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, int):
        return value == written.value
    if written.whole and written.unit > 0.1 * abs(value):
        return False
    return abs(value - written.value) <= min(1.01 * written.unit, 0.5 * written.unit + 0.01 * abs(value))


def has_numbers(text, *values, between=3):
    """A text has these numbers in this order, with at most so many others between two of them."""

    def follow(values, found, within):
        return not values or any(
            rounded(values[0], each) and follow(values[1:], found[place:], between + 1)
            for place, each in enumerate(found[:within], start=1)
        )

    found = numbers(text)
    return follow(values, found, len(found))


def assert_has_numbers(text, *values):
    """See ``has_numbers``."""
    computed = [value.item() if hasattr(value, "item") else value for value in values]
    assert has_numbers(text, *computed), f"{computed} are not the numbers of: {text}"


def assert_rows(computed, written, *, besides=()):
    """Each computed row is the table's row of its name, or, where a name was reworded, any with a name of its own.

    A row is a list of cells; a computed cell is a list of numbers. A row that the table does not have is not missed.
    But each row that it has is one that was computed, or is named by ``besides``.
    """
    invented = [
        name
        for name, row in written.items()
        if name not in besides and not any(_same(cells, row) for cells in computed.values())
    ]
    assert not invented, f"nobody computed the rows of {invented}"
    renamed = [cells for name, cells in written.items() if name not in computed]
    for name, cells in computed.items():
        rows = [written[name]] if name in written else renamed
        assert not rows or any(_same(cells, row) for row in rows), f"{name}: {cells} is not in {rows}"


def _same(cells, row):
    found = [numbers(cell) for cell in row]
    return [len(cell) for cell in cells] == [len(cell) for cell in found] and all(
        near(value, each)
        for cell, others in zip(cells, found, strict=True)
        for value, each in zip(cell, others, strict=True)
    )
