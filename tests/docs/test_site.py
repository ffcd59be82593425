"""The site has a place for everything: every public name, every script, every page."""

import re
from pathlib import Path

import pytest

import progress_measures as pm
from docs.public_names import WHERE
from progress_measures import plotting

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in DOCS.glob("*.md")}
CALLBACKS = {
    f"callbacks.{path.stem}.RecorderCallback"
    for path in Path(pm.__file__).parent.glob("callbacks/[a-z]*.py")
    if path.stem != "names"
}
PAGE = "report.html_page"  # of a room that needs an extra, as those of `callbacks` do


def listed():
    """The names below ``autosummary`` on the API page."""
    blocks = re.findall(r"\.\. autosummary::\n   :toctree: api\n\n((?:   \S+\n)+)", PAGES["api"])
    return [name for block in blocks for name in block.split()]


def test_every_public_name_is_on_the_api_page_once():
    names = listed()
    assert len(CALLBACKS) == 2
    pictures = {f"plotting.{name}" for name in plotting.__all__}
    assert sorted(names) == sorted({*WHERE.values(), *pictures, *CALLBACKS, PAGE})


def test_every_numbered_script_opens_a_page_of_the_gallery():
    (pattern,) = re.findall(r'"ignore_pattern": r"(.*)"', (DOCS / "conf.py").read_text(encoding="utf-8"))
    scripts = {path.name for path in (ROOT / "examples").glob("*.py")}
    taken = {name for name in scripts if re.search(pattern, name) is None}
    assert taken == {name for name in scripts if name[:2].isdigit()}
    assert len(taken) >= 9
    for name in taken:
        # What sphinx-gallery takes for the head of a page: a title, underlined, in the docstring.
        title, line = (ROOT / "examples" / name).read_text(encoding="utf-8").removeprefix('"""\n').splitlines()[:2]
        assert title.startswith(f"{int(name[:2])}. ")
        assert line == "=" * len(title)


def test_no_page_is_an_orphan():
    trees = "\n".join(re.findall(r"```\{toctree\}\n(.*?)```", PAGES["index"], re.DOTALL)).splitlines()
    entries = [line for line in trees if line and not line.startswith(":")]
    assert sorted(entries) == sorted({*PAGES, "gallery/index"} - {"index"})


@pytest.mark.parametrize("page", PAGES)
def test_links_of_pages_lead_somewhere(page):
    # The build checks those between pages and their headings; not those that only readers of the repository follow.
    for target in re.findall(r"\]\((?!http|#)([^)#\s]+)", PAGES[page]):
        if not target.startswith("gallery/"):  # written when the site is built
            assert (DOCS / target).is_file(), target
        elif target != "gallery/index.rst":
            assert (ROOT / "examples" / f"{Path(target).stem}.py").is_file(), target
