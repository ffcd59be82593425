"""The code on a page that the site runs when it is built."""

from docs.marked import MARKED


def marked_code(page):
    """The marked blocks in order; all Python on such a page is marked."""
    blocks = [code for _, _, code in MARKED.findall(page)]
    assert len(blocks) == page.count("<!-- plot") == page.count("```python") > 0
    return blocks
