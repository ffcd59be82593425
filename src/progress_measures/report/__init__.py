"""A run as one page of HTML, with bokeh (the extra ``report``).

:func:`html_page` returns the page. The page is self-contained: you can send it to others, and it needs no network.
"""

try:
    import bokeh  # noqa: F401 - to say first what is missing
    import matplotlib  # noqa: F401, ICN001 - whose pictures divide columns and colour phases in the same way
except ImportError as error:  # pragma: no cover - the tests install both
    raise ImportError(f"progress_measures.report needs {error.name}: pip install bokeh matplotlib") from error

from progress_measures.report.pages import html_page

__all__ = ["html_page"]
