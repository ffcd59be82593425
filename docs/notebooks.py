"""The gallery's notebooks as one download, which runs without a clone of the repository."""

import zipfile
from pathlib import Path

ARCHIVE = "notebooks.zip"
EXAMPLES = Path(__file__).parents[1] / "examples"
PARTS = ("__init__.py", "files.py", "report.py", "claims", "modular_addition", "any_operation", "other_tasks")
"""What the notebooks import, and the runs and curves that they load."""
KINDS = {".json", ".md", ".npz", ".py", ".safetensors"}
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever it is built

INSTALL = 'pip install ".[examples]" jupyterlab'
README = f"""# The notebooks of the progress_measures gallery

Install the library and Jupyter from a clone of the repository, with Python 3.11 or newer:

    {INSTALL}

If you have a wheel instead of a clone, write the wheel's path in place of the dot. Then run `jupyter lab` in this
folder, and open a notebook. Keep the folder `examples` next to the notebooks: it has the code and the checkpoints that
they load.
"""

FIRST_CELL = f"""\
# To run this notebook, unpack {ARCHIVE} from the gallery's first page: it has all notebooks and their checkpoints.
# Install the library from a clone of the repository: {INSTALL}
try:
    import examples.claims
    import progress_measures
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"{{error}}. This notebook needs the library with its extra `examples`, and the folder `examples` of {ARCHIVE} "
        "next to it. Download {ARCHIVE} from the gallery's first page: its README.md says how to install."
    ) from None
%matplotlib inline"""


def write_notebooks(gallery: Path) -> None:
    """Writes ``notebooks.zip`` into the gallery's folder, from the notebooks there and the files that they need."""
    paths = [path for part in PARTS for path in [EXAMPLES / part, *(EXAMPLES / part).rglob("*")]]
    files = {f"{path.relative_to(EXAMPLES.parent)}": path for path in paths if path.suffix in KINDS}
    files |= {path.name: path for path in gallery.glob("*.ipynb")}
    contents = {name: path.read_bytes() for name, path in files.items()} | {"README.md": README.encode()}
    with zipfile.ZipFile(gallery / ARCHIVE, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, contents[name])
