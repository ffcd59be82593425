"""Code of pages that is run when the site is built, and plain Python where pages are read without it."""

import re

MARKED = re.compile(r"<!-- plot(?: (\w+): (.*))? -->\n```python\n((?:.*\n)*?)```\n")
"""What stands below ``<!-- plot -->`` is run; below ``<!-- plot FILE: TEXT -->`` its picture is shown too."""
