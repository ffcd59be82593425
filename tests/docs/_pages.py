"""The code on a page that the site runs when it is built."""

import re


def marked_code(page):
    """The blocks below ``<!-- plot -->`` or ``<!-- plot FILE: TEXT -->``, in order."""
    blocks = re.findall(r"<!-- plot(?: \w+: .*)? -->\n```python\n((?:.*\n)*?)```\n", page)
    assert len(blocks) == page.count("<!-- plot") > 0
    return blocks
