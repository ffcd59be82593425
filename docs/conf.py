"""How the site is built: ``sphinx-build -W -b html docs docs/_build/html``."""

import inspect
import itertools
import re
import sys
import tempfile
import textwrap
import urllib.request
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.pycode import ModuleAnalyzer

from progress_measures import plotting

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the gallery's scripts import `examples`, which is not in the wheel

from docs.families import overview, write_families  # noqa: E402 - found by the path above
from docs.marked import MARKED  # noqa: E402 - likewise
from docs.notebooks import FIRST_CELL, link_archive, write_notebooks  # noqa: E402 - likewise
from docs.public_names import ROOMS, WHERE  # noqa: E402 - likewise

PARTS = ROOMS | {"plotting": plotting}  # whose names may be written after the room's
PAGES = WHERE | {name: f"plotting.{name}" for name in plotting.__all__}

project = "progress_measures"
copyright = "its contributors"  # noqa: A001 - Sphinx's name
version = release = version_of(project)

extensions = [
    "matplotlib.sphinxext.plot_directive",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "sphinx-mathjax-offline",  # the site has its own MathJax: formulas need no network
]
exclude_patterns = ["_build", "**sg_execution_times.rst"]  # each gallery page gives its own time
templates_path = ["_templates"]
nitpicky = True  # every name of this library that a docstring links must exist
nitpick_ignore = [("py:exc", "BrokenExecutor")]
nitpick_ignore_regex = [
    (r"py:.*", r"(collections|concurrent|lightning|matplotlib|numpy|os|torch|transformers)\..*"),
    (r"py:obj", r"progress_measures\.[a-z_]+"),  # rooms have no page: the architecture page lists them
]

suppress_warnings = ["sphinx_gallery.space_in_filename"]  # of the clone's path

html_theme = "furo"
pygments_dark_style = "github-dark"
html_title = "progress_measures"
html_static_path = ["_static"]
html_favicon = "_static/favicon.svg"
html_css_files = ["site.css"]
html_js_files = [("pictures.js", {"defer": "defer"})]
html_copy_source = False
html_show_copyright = False
html_domain_indices = False  # the API page lists what the index of modules would
html_theme_options = {"navigation_with_keys": True}

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_mock_imports = ["lightning", "transformers"]  # of the callbacks' bases
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

plot_html_show_formats = False
plot_html_show_source_link = False
plot_include_source = True
plot_pre_code = ""
plot_working_directory = tempfile.mkdtemp()  # some examples write files
plot_rcparams = {"figure.constrained_layout.use": True, "figure.figsize": (5.6, 3.6)}
plot_apply_rcparams = True
plot_formats = [("png", 160)]

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/\d\d_",
    "ignore_pattern": r"^(?!\d\d_)",
    "within_subsection_order": "FileNameSortKey",
    "capture_repr": (),  # what is printed, and pictures
    "image_scrapers": ("docs.cards.scrape",),
    "image_srcset": ["2x"],
    "thumbnail_size": (560, 400),
    "download_all_examples": False,
    "min_reported_time": 0,
    "backreferences_dir": "gallery/backreferences",  # which examples call a name, for its API page
    "doc_module": ("progress_measures",),
    "reference_url": {"progress_measures": None},  # names in the scripts' code lead to their pages
    "first_notebook_cell": FIRST_CELL,
}


def _answers(inventory: str) -> bool:
    try:
        with urllib.request.urlopen(inventory, timeout=5):
            return True
    except OSError:
        return False


# Names of other libraries are links if their sites can be reached, and plain text otherwise: a build without a network
# has no warnings either.
intersphinx_mapping = {
    name: (site, None)
    for name, site in {
        "python": "https://docs.python.org/3/",
        "numpy": "https://numpy.org/doc/stable/",
        "torch": "https://docs.pytorch.org/docs/stable/",
        "matplotlib": "https://matplotlib.org/stable/",
    }.items()
    if _answers(f"{site}objects.inv")
}


# The pages can be read in the repository too. What follows adds what only the site can do.


def _write_families(app: Sphinx, _config: Any) -> None:
    write_families(Path(app.srcdir))  # before Sphinx looks for pages


def _write_notebooks(app: Sphinx) -> None:
    write_notebooks(Path(app.srcdir) / "gallery")


def _list_families(_app: Sphinx, page: str, source: list[str]) -> None:
    if page == "api":
        source[0] = overview(source[0])


def _scripts_to_gallery(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Turns links to the numbered scripts into links to their gallery pages."""
    source[0] = re.sub(r"\(\.\./examples/(\d\d_\w+)\.py\)", r"(gallery/\1.rst)", source[0])


def _link_archive(_app: Sphinx, page: str, source: list[str]) -> None:
    if page.startswith("gallery/"):
        source[0] = link_archive(source[0])


def _run_marked_code(_app: Sphinx, page: str, source: list[str]) -> None:
    """Turns marked code into plot directives, which run block after block."""
    contexts = itertools.chain(["reset"], itertools.repeat("close-figs"))

    def directive(block: re.Match[str]) -> str:
        file, alt, code = block.groups()
        shown = [f":filename-prefix: {file}", f":alt: {alt}"] if file else [":nofigs:"]
        lines = [f":context: {next(contexts)}", *shown, "", *code.splitlines()]
        return "```{eval-rst}\n.. plot::\n" + textwrap.indent("\n".join(lines), "   ") + "\n```\n"

    source[0] = MARKED.sub(directive, source[0])
    if "<!-- plot" in source[0]:
        raise ExtensionError(f"docs/{page}.md has a mark `<!-- plot -->` that is not right above a block of Python.")


def _in_link_or_title(node: nodes.Node | None) -> bool:
    while node is not None:
        if isinstance(node, nodes.reference | nodes.title | addnodes.pending_xref):
            return True
        node = node.parent
    return False


def _link_public_names(_app: Sphinx, doctree: nodes.document) -> None:
    """Links each public name in code, or a call of it, to its page; docstrings have their own links."""
    page = doctree.settings.env.docname
    if page.startswith("api/"):
        return
    for literal in list(doctree.findall(nodes.literal)):
        match = re.fullmatch(r"(?:pm\.)?(?:(\w+)\.)?(\w+)(?:\([^()]*\))?", literal.astext())
        room, name = match.groups() if match else (None, "")
        known = name in PAGES and (not room or name in getattr(PARTS.get(room), "__all__", ()))
        if known and not _in_link_or_title(literal):
            target = {"reftype": "obj", "reftarget": f"progress_measures.{PAGES[name]}", "refdomain": "py"}
            link = addnodes.pending_xref("", refdoc=page, refexplicit=True, refwarn=True, **target)
            literal.replace_self(link)
            link += literal


WHOLE = re.compile(r"\b\d[\d.,]*(?:e[-+]?\d+|[ \u00a0](?:%|ms\b|s\b|MiB\b|GiB\b))")


def _keep_numbers_whole(_app: Sphinx, doctree: nodes.document) -> None:
    """Marks numbers such as 5e-08 and 99 % in prose, which a line's end would break."""
    for text in list(doctree.findall(nodes.Text)):
        within = text.parent
        if isinstance(within, nodes.title | nodes.FixedTextElement | nodes.literal | nodes.math | nodes.raw):
            continue
        words, kept = text.astext(), []
        for number in WHOLE.finditer(words):
            start = sum(len(each.astext()) for each in kept)
            kept += [nodes.Text(words[start : number.start()]), nodes.inline("", number[0], classes=["whole"])]
        if kept:
            rest = nodes.Text(words[sum(len(each.astext()) for each in kept) :])
            within.replace(text, [each for each in [*kept, rest] if each.astext()])


def _public_name_of_another_room(
    _app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, text: nodes.TextElement
) -> nodes.reference | None:
    """Resolves public names that docstrings write without their room: ``composition`` for ``groups.composition``."""
    name = node["reftarget"].split(".")[-1]
    if node.get("refdomain") != "py" or name not in WHERE:
        return None
    target = f"progress_measures.{WHERE[name]}"
    return env.domains["py"].resolve_xref(env, node["refdoc"], env.app.builder, "obj", target, node, text)


def _repair_links_of_sources(_app: Sphinx, page: str, _template: str, context: dict[str, Any], _doctree: Any) -> None:
    """Leads source code to its documentation: viewcode takes all names of a module to be public in the same room."""

    def right(link: re.Match[str]) -> str:
        path, name, place = link.groups()
        _, _, member = place.partition(f".{name.rpartition('.')[2]}")
        return f"{path}#{name}{member}"

    if page.startswith("_modules/"):
        context["body"] = re.sub(r"(/api/(progress_measures[\w.]*)\.html)#([\w.]+)", right, context["body"])


def _list_what_to_see_also(_app: Sphinx, _kind: str, _name: str, _value: Any, _options: Any, lines: list[str]) -> None:
    """Makes each line of a section ``See Also:`` an item of a list; napoleon would join them."""
    inside = False
    for index, line in enumerate(lines):
        if not line.startswith(" "):
            inside = line == "See Also:" or (inside and not line)
        elif inside and line.startswith("    :"):
            lines[index] = f"    - {line.strip()}"
        elif inside:
            lines[index] = f"      {line.strip()}"  # of the item above


def _plain_types(_app: Sphinx, doctree: nodes.document, _page: str) -> None:
    """Shortens ``~torch.Tensor`` to ``Tensor`` in types that Sphinx cannot take apart."""
    for kind in doctree.findall(nodes.emphasis):
        if "~" in kind.astext():
            kind.replace_self(nodes.emphasis("", re.sub(r"~(?:\w+\.)*(\w+)", r"\1", kind.astext())))


def _signature_of_callback(_app: Sphinx, _kind: str, name: str, value: Any, *_: Any) -> tuple[str, str] | None:
    """The signature of a class whose base is mocked, or of a protocol; autodoc would show ``(*args, **kwargs)``."""
    if getattr(value, "_is_protocol", False):
        return "", ""
    if not name.endswith(".RecorderCallback"):
        return None
    _, *parameters = inspect.signature(value.__init__).parameters.values()
    return str(inspect.Signature([each.replace(annotation=inspect.Parameter.empty) for each in parameters])), ""


def _show_one_signature(module: str) -> None:
    """Makes autodoc show a function as it is defined, and not each of its overloads."""
    analyzer = ModuleAnalyzer.for_module(module)
    analyzer.analyze()
    analyzer.overloads.clear()


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    _show_one_signature("progress_measures.frequencies.sufficient")
    app.connect("config-inited", _write_families)
    app.connect("builder-inited", _write_notebooks, priority=900)  # after sphinx-gallery has written the notebooks
    app.connect("source-read", _list_families)
    app.connect("source-read", _scripts_to_gallery)
    app.connect("source-read", _link_archive)
    app.connect("source-read", _run_marked_code)
    app.connect("doctree-read", _link_public_names)
    app.connect("doctree-read", _keep_numbers_whole)
    app.connect("missing-reference", _public_name_of_another_room)
    app.connect("html-page-context", _repair_links_of_sources)
    app.connect("autodoc-process-signature", _signature_of_callback)
    app.connect("autodoc-process-docstring", _list_what_to_see_also, priority=400)  # before napoleon
    app.connect("doctree-resolved", _plain_types)
