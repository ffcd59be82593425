"""The API page's families, each of which has a page of its own on the site, so that the sidebar unfolds by family."""

import re
from pathlib import Path

FOLDER = "api"
TABLES = re.compile(r"\.\. autosummary::\n   :toctree: api\n\n((?:   \S+\n)+)")
"""A table of names on the API page."""


def families(page: str) -> dict[str, str]:
    """The sections of the API page by their headings."""
    _, *sections = re.split(r"^## (.*)\n", page, flags=re.MULTILINE)
    return dict(zip(sections[::2], sections[1::2], strict=True))


def file_name(heading: str) -> str:
    """The name of a family's page, without its ending."""
    return re.sub(r"[^a-z]+", "-", heading.lower()).strip("-")


def write_families(docs: Path) -> None:
    """Writes a page for each family, and removes the pages of names and families that no longer exist."""
    page = (docs / "api.md").read_text(encoding="utf-8")
    folder = docs / FOLDER
    folder.mkdir(exist_ok=True)
    names = {f"progress_measures.{name}.rst" for table in TABLES.findall(page) for name in table.split()}
    pages = {f"{file_name(heading)}.md": f"# {heading}\n{text}" for heading, text in families(page).items()}
    for file in folder.iterdir():
        if file.name not in names | set(pages):
            file.unlink()
    for name, text in pages.items():
        text, file = text.replace(":toctree: api", ":toctree: ."), folder / name
        if not file.exists() or file.read_text(encoding="utf-8") != text:  # else Sphinx would read it again
            file.write_text(text, encoding="utf-8")


def overview(page: str) -> str:
    """The API page on the site: the same tables, with links to the families' pages, which list the names' pages."""
    pages = {heading: f"{FOLDER}/{file_name(heading)}" for heading in families(page)}
    page = page.replace("   :toctree: api\n", "")
    page = re.sub(r"\.\. automodule:: .*\n   :no-members:\n\n", "", page)  # it is on the family's page
    for heading, target in pages.items():
        page = page.replace(f"\n## {heading}\n", f"\n## [{heading}]({target}.md)\n")
    tree = "\n".join(pages.values())
    return f"{page}\n```{{toctree}}\n:hidden:\n\n{tree}\n```\n"
