"""The site has a place for everything: every public name, every script, every page."""

import ast
import json
import re
import zipfile
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import progress_measures as pm
from docs.families import TABLES, overview, write_families
from docs.notebooks import ARCHIVE, FOLDER, LIBRARY, START, link_archive, write_notebooks
from docs.public_names import WHERE
from docs.transformer import draw_transformer
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


def test_every_page_of_the_gallery_leads_to_measures_to_the_paper_and_to_the_glossary():
    for script in (ROOT / "examples").glob("[0-9][0-9]_*.py"):
        text = script.read_text(encoding="utf-8")
        linked = set(re.findall(r"<\.\./(\w+)\.html(?:#[\w-]+)?>`__", text))
        assert linked >= {"paper", "glossary"}, script.name
        assert linked & {"measures", "conventions", "phases"}, script.name
        assert linked <= {*PAGES}, script.name
        assert "<../paper.html#" in text.split("compare(claims.rows")[-2], script.name  # above the table


def test_every_term_of_the_glossary_has_a_sentence_and_a_link():
    entries = re.split(r"^- \*\*", PAGES["glossary"], flags=re.MULTILINE)[1:]
    terms = [entry.split("**: ") for entry in entries]
    names = [term.strip("`").lower() for term, _ in terms]
    assert len(names) > 30
    assert names == sorted(set(names))
    for term, text in terms:
        assert re.search(r"\. See \[[^]]+\]\([^)]+\)\.$", " ".join(text.split())), term


def test_the_picture_of_the_transformer_has_its_matrices():
    shown = {text.get_text() for text in draw_transformer().axes[0].texts}
    plt.close()
    for name in ("$W_E$", "heads", "neurons", "$W_{out}$", "$W_U$", "$W_L", "logits"):
        assert any(name in text for text in shown), name


def test_a_page_of_the_gallery_offers_the_archive_in_place_of_its_own():
    page = ":download:`Download Python source code: 01.py <01.py>`\n:download:`Download zipped: 01.zip <01.zip>`\n"
    first, second = link_archive(page).splitlines()
    assert first == page.splitlines()[0]
    assert second.endswith(f"<{ARCHIVE}>`")


def test_the_notebooks_download_has_what_they_import_and_load(tmp_path):
    scripts = sorted((ROOT / "examples").glob("[0-9][0-9]_*.py"))
    for script in scripts:
        (tmp_path / f"{script.stem}.ipynb").write_text(
            json.dumps({"source": ["[the\npaper](../paper.html#a)_, [arXiv](https://arxiv.org), `[1]`"]}, indent=2)
        )
    write_notebooks(tmp_path)
    notebook = json.loads((tmp_path / f"{scripts[0].stem}.ipynb").read_text())
    assert notebook == {"source": ["the\npaper, [arXiv](https://arxiv.org), `[1]`"]}
    assert f"{scripts[0].stem}.ipynb" in START
    assert "`out`" in START
    with zipfile.ZipFile(tmp_path / ARCHIVE) as archive:
        names = {name.removeprefix(f"{FOLDER}/") for name in archive.namelist()}
        assert {name.partition("/")[0] for name in archive.namelist()} == {FOLDER}
    notebooks = {f"{script.stem}.ipynb" for script in scripts}
    assert {name for name in names if "/" not in name} == {"START.md", "README.md", *LIBRARY[:-1], *notebooks}
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
