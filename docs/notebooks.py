"""The gallery's notebooks as one download, which runs without a clone of the repository."""

import re
import zipfile
from pathlib import Path

ARCHIVE = "notebooks.zip"
FOLDER = "progress_measures_notebooks"  # in which everything is
ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
MODULES = ("__init__.py", "command.py", "files.py", "report.py")
PARTS = (*MODULES, "claims", "modular_addition", "any_operation", "other_tasks")
"""What the notebooks import, and the runs and curves that they load."""
LIBRARY = ("pyproject.toml", "LICENSE", "constraints.txt", "src")
"""What pip installs the library from, with START as its README.md: the repository's is about a clone."""
KINDS = {".json", ".md", ".npz", ".py", ".safetensors", ".typed"}
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever it is built

INSTALL = 'pip install ".[examples]" jupyterlab -c constraints.txt'
START = f"""# The notebooks of the progress_measures gallery

In this folder, with Python 3.11 or newer, install the library and Jupyter:

    python3 -m venv .venv && . .venv/bin/activate && {INSTALL}

Then run `jupyter lab`, and open `01_weights.ipynb` first; the others follow in the order of their numbers. Each
notebook shows its picture, and also saves it in the folder `out` next to the notebook. Keep the folder `examples`
where it is: it has the code and the checkpoints that the notebooks load.
"""

FIRST_CELL = f"""\
# To run this notebook, unpack {ARCHIVE} from the gallery's overview page: it has all notebooks, their checkpoints and
# the library. In its folder: {INSTALL}
try:
    import examples.claims
    import progress_measures
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"{{error}}. This notebook needs the library with its extra `examples`, and the folder `examples` of {ARCHIVE} "
        "next to it. Download {ARCHIVE} from the gallery's overview page: its START.md says how to install."
    ) from None
%matplotlib inline"""


def link_archive(page: str) -> str:
    """Offers ``notebooks.zip`` at the end of a page of the gallery, in place of an archive that cannot run."""
    text = f"Download all notebooks, with checkpoints and the library: {ARCHIVE}"
    return re.sub(r":download:`Download zipped: [^`]*`", f":download:`{text} <{ARCHIVE}>`", page)


def write_notebooks(gallery: Path) -> None:
    """Writes ``notebooks.zip`` into the gallery's folder, from the notebooks there and the files that they need.

    Links of notebooks to pages of the site become plain text, because they would lead nowhere.
    """
    for notebook in gallery.glob("*.ipynb"):
        text = notebook.read_text(encoding="utf-8")
        notebook.write_text(re.sub(r"\[([^][\"]*)\]\([\w./]+\.html[^)\s]*\)_?", r"\1", text), encoding="utf-8")
    parts = [*(EXAMPLES / part for part in PARTS), *(ROOT / part for part in LIBRARY)]
    paths = [path for part in parts for path in [part, *part.rglob("*")]]
    files = {
        f"{path.relative_to(ROOT)}": path
        for path in paths
        if path.is_file() and (path.suffix in KINDS or path.parent == ROOT)
    }
    files |= {path.name: path for path in gallery.glob("*.ipynb")}
    contents = {name: path.read_bytes() for name, path in files.items()}
    contents |= {"START.md": START.encode(), "README.md": START.encode()}  # pip reads README.md
    with zipfile.ZipFile(gallery / ARCHIVE, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(f"{FOLDER}/{name}", EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, contents[name])
