"""The site has a place for everything: every public name, every script, every page."""

import ast
import re
import zipfile
from pathlib import Path

import pytest

import progress_measures as pm
from docs.families import TABLES, overview, write_families
from docs.notebooks import ARCHIVE, FOLDER, LIBRARY, write_notebooks
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
TABLES_OF_FAMILIES = re.compile(TABLES.pattern.replace("toctree: api", r"toctree: \."))
PAGE = "report.html_page"  # of a room that needs an extra, as those of `callbacks` do


def listed():
    """The names below ``autosummary`` on the API page."""
    return [name for block in TABLES.findall(PAGES["api"]) for name in block.split()]


def test_every_public_name_is_on_the_api_page_once():
    names = listed()
    assert len(CALLBACKS) == 2
    pictures = {f"plotting.{name}" for name in plotting.__all__}
    assert sorted(names) == sorted({*WHERE.values(), *pictures, *CALLBACKS, PAGE})


def test_every_family_of_the_api_page_has_a_page_that_unfolds_to_its_names(tmp_path):
    (tmp_path / "api.md").write_text(PAGES["api"], encoding="utf-8")
    (tmp_path / "api").mkdir()
    for stale in ("progress_measures.no_more.rst", "no-more.md"):
        (tmp_path / "api" / stale).touch()
    kept = tmp_path / "api" / f"progress_measures.{listed()[0]}.rst"  # as autosummary writes them
    kept.touch()
    write_families(tmp_path)
    pages = {page: page.read_text(encoding="utf-8") for page in tmp_path.glob("api/*.md")}
    names = [name for text in pages.values() for table in TABLES_OF_FAMILIES.findall(text) for name in table.split()]
    assert sorted(names) == sorted(listed())
    assert set(tmp_path.glob("api/*")) == {*pages, kept}

    site = overview(PAGES["api"])
    (tree,) = re.findall(r"```\{toctree\}\n:hidden:\n\n(.*?)\n```", site, flags=re.DOTALL)
    linked = re.findall(r"^## \[.*\]\((.*)\)$", site, flags=re.MULTILINE)
    assert tree.split() == [page.removesuffix(".md") for page in linked]
    assert {tmp_path / page for page in linked} == set(pages)
    assert ":toctree: api" not in site  # the families' pages have it


def test_every_numbered_script_opens_a_page_of_the_gallery():
    (pattern,) = re.findall(r'"ignore_pattern": r"(.*)"', (DOCS / "conf.py").read_text(encoding="utf-8"))
    scripts = {path.name for path in (ROOT / "examples").glob("*.py")}
    taken = {name for name in scripts if re.search(pattern, name) is None}
    assert taken == {name for name in scripts if name[:2].isdigit()}
    assert len(taken) >= 9
    for name in taken:
        # What sphinx-gallery takes for the head of a page: a title, underlined, in the docstring.
        text = (ROOT / "examples" / name).read_text(encoding="utf-8")
        title, line, _, sentence, after = text.removeprefix('"""\n').splitlines()[:5]
        assert title.startswith(f"{int(name[:2])}. ")
        assert line == "=" * len(title)
        # Its card: one sentence, and one panel of its figure.
        assert sentence.endswith(".")
        assert after == ""
        assert text.count('.set_gid("card")') == text.count("sphinx_gallery_thumbnail_number = 2") == 1


def test_the_notebooks_download_has_what_they_import_and_load(tmp_path):
    scripts = sorted((ROOT / "examples").glob("[0-9][0-9]_*.py"))
    for script in scripts:
        (tmp_path / f"{script.stem}.ipynb").touch()
    write_notebooks(tmp_path)
    with zipfile.ZipFile(tmp_path / ARCHIVE) as archive:
        names = {name.removeprefix(f"{FOLDER}/") for name in archive.namelist()}
        assert {name.partition("/")[0] for name in archive.namelist()} == {FOLDER}
    notebooks = {f"{script.stem}.ipynb" for script in scripts}
    assert {name for name in names if "/" not in name} == {"START.md", *LIBRARY[:-1], *notebooks}
    library = {f"{file.relative_to(ROOT)}" for file in (ROOT / "src").rglob("*.py")}
    assert library | {"src/progress_measures/py.typed"} <= names
    sources = [ROOT / name for name in names - library if name.endswith(".py")]
    for source in [*scripts, *sources]:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "examples":
                modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                paths = {f"{module.replace('.', '/')}{end}" for module in modules for end in (".py", "/__init__.py")}
                assert paths & names, (source, node.module)
    runs = ROOT / "examples" / "modular_addition" / "runs"
    assert {f"{file.relative_to(ROOT)}" for file in runs.rglob("*.safetensors")} <= names
    assert (tmp_path / ARCHIVE).stat().st_size < 30e6


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
