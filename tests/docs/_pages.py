"""The parts of a page: its sections, its tables, and the code that the site runs when it is built."""

import re

from docs.marked import MARKED


def marked_code(page):
    """The marked blocks in order; all Python on such a page is marked."""
    blocks = [code for _, _, code in MARKED.findall(page)]
    assert len(blocks) == page.count("<!-- plot") == page.count("```python") > 0
    return blocks


def section(page, heading=""):
    """What stands below a heading, or above the first section, without code.

    A section that is gone is an error, because its numbers would not be checked.
    """
    text = re.sub(r"^```.*?^```$", "", page, flags=re.DOTALL | re.MULTILINE)
    above, *parts = re.split(r"^## ", text, flags=re.MULTILINE)
    if not heading:
        return above
    for part in parts:
        title, _, below = part.partition("\n")
        if title == heading:
            return below
    raise AssertionError(f"the page has no section {heading!r}: its numbers are checked by that name")


def cells(line):
    """The cells of a row of a table."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def rows(text):
    """The rows of all tables of a text, headings left out."""
    tables = re.findall(r"(?:^\|.*(?:\n|\Z))+", text, flags=re.MULTILINE)
    return [cells(line) for table in tables for line in table.splitlines()[2:]]
