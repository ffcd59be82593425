"""What the front page shows is run as it stands, and prints what it says; its citation is of this version."""

import contextlib
import io
import math
import re
from pathlib import Path

import progress_measures as pm
from tests.docs._numbers import assert_has_numbers
from tests.docs._pages import marked_code, section

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")


def test_its_example_prints_what_it_shows():
    (code,) = marked_code(PAGE)
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE, flags=re.DOTALL)
    names = {}
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(compile(code, "docs/index.md", "exec"), names)
    assert output.getvalue() == shown
    assert_has_numbers(section(PAGE, "Measure a model"), 23, math.log(23))
    assert math.isclose(names["measures"].excluded_loss, math.log(23))


def test_its_citation_is_that_of_the_project():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    (released,) = re.findall(r"^date-released: (.*)$", citation, flags=re.MULTILINE)
    assert re.findall(r"version = \{(.*)\}", PAGE) == [pm.__version__]
    assert re.findall(r"date    = \{(.*)\}", PAGE) == [released]
    families = re.findall(r"family-names: (.*)$", citation, flags=re.MULTILINE)
    (authors,) = re.findall(r"author    = \{(.*)\}", PAGE)
    assert [author.partition(",")[0] for author in authors.split(" and ")] == families
