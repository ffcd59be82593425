"""Code blocks that the site's build runs. Readers of the Markdown files see plain Python."""

import re

MARKED = re.compile(r"<!-- plot(?: (\w+): (.*))? -->\n```python\n((?:.*\n)*?)```\n")
"""The build runs the block below ``<!-- plot -->``; below ``<!-- plot FILE: TEXT -->`` it also shows its picture."""
