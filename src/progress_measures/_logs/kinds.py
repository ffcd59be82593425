"""Unsupported kinds of files: what each is, and how to convert it to a supported one."""

import re
from pathlib import PurePath
from typing import NamedTuple

from progress_measures._logs.table import Path, shown


class Kind(NamedTuple):
    """The kind of a file, and two lines of code that convert it to a log."""

    name: str
    first: str
    second: str
    then: str = ""


_PANDAS = "pandas.{reader}({path!r}).to_csv({csv!r}, index=False)"
_JSON = (
    "pathlib.Path({json!r}).write_text(json.dumps({{k: v for k, v in saved.items() if not isinstance(v, dict)}} "
    "if isinstance(saved, dict) else saved, default=lambda x: getattr(x, 'tolist', x.__str__)()))"
)
PICKLE = Kind(
    "a pickle, which can run code when it is read",
    "import json, pathlib, pickle; saved = pickle.loads(pathlib.Path({path!r}).read_bytes())",
    _JSON,
    "if you trust it and it is a dict of lists, or a list of dicts",
)
TORCH = Kind(
    "what torch.save wrote, which is a pickle",
    "import json, pathlib, torch; saved = torch.load({path!r}, weights_only=True)",
    _JSON,
    "if it is a dict of lists, or a list of dicts",
)
EXCEL = Kind("an Excel workbook", "import pandas", _PANDAS.replace("{reader}", "read_excel"))
NPY = Kind(
    "a single array of NumPy's, without names",
    "import numpy; array = numpy.load({path!r}, allow_pickle=False)",
    "numpy.savez({npz!r}, step=array[:, 0], test_loss=array[:, 1])",
    "with your own names",
)
NPY_OF_ONE = NPY._replace(second="numpy.savez({npz!r}, step=numpy.arange(len(array)), test_loss=array)")
_SHAPE_OF_ONE = re.compile(rb"'shape': \(\d+,\)")
_STARTS: dict[bytes, Kind] = {
    b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.": TORCH,
    **{b"\x80" + bytes([protocol]): PICKLE for protocol in range(2, 6)},
    **dict.fromkeys((b"(dp0\n", b"(lp0\n"), PICKLE),  # protocol 0
    b"\x93NUMPY": NPY,
    b"\x89HDF\r\n\x1a\n": Kind(
        "an HDF5 file",
        "import h5py, numpy; file = h5py.File({path!r})",
        "numpy.savez({npz!r}, **{{key: file[key][()] for key in file if hasattr(file[key], 'shape')}})",
    ),
    b"SQLite format 3\0": Kind(
        "an SQLite database",
        "import pandas, sqlite3",
        "pandas.read_sql('SELECT * FROM metrics', sqlite3.connect({path!r})).to_csv({csv!r}, index=False)",
        "with the name of its table for metrics",
    ),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": Kind(
        "an old Excel workbook", "import pandas", _PANDAS.replace("{reader}", "read_excel")
    ),
    b"ARROW1": Kind("an Arrow file", "import pandas", _PANDAS.replace("{reader}", "read_feather")),
    b"MATLAB 5.0": Kind(
        "a MATLAB file",
        "import numpy, scipy.io; saved = scipy.io.loadmat({path!r}, squeeze_me=True)",
        "numpy.savez({npz!r}, **{{key: value for key, value in saved.items() if key[:2] != '__'}})",
    ),
    b":W&B": Kind(
        "what wandb keeps of a run",
        "import wandb",
        "wandb.Api().run('ENTITY/PROJECT/RUN').history().to_csv({csv!r}, index=False)",
        "with the run's path",
    ),
    b"\x28\xb5\x2f\xfd": Kind(
        "compressed by zstd", "import subprocess", "subprocess.run(['zstd', '-d', {path!r}, '-o', {csv!r}])"
    ),
}
_OTHERS = {
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"%PDF": "a PDF",
    b"\x7fELF": "a program",
    b"<": "a page of HTML or XML",
}


def refused_by_start(content: bytes, path: Path) -> ValueError | None:
    """The error for a file that begins like an unsupported kind; None for other files."""
    for start, kind in _STARTS.items():
        if content.startswith(start):
            return refusal(NPY_OF_ONE if kind is NPY and _SHAPE_OF_ONE.search(content[:200]) else kind, path)
    for start, name in _OTHERS.items():
        if content.lstrip()[:16].startswith(start):
            return ValueError(f"`path` must be a log. Got {shown(path)}, {name}. Export the numbers as CSV.")
    if content[8:10] == b'{"' and int.from_bytes(content[:8], "little") < 2**32:
        return ValueError(
            f"`path` must be a log. Got {shown(path)}, weights in a safetensors file. Measure them with track, which "
            "gives a trajectory."
        )
    return None


def refused_archive(members: list[str], path: Path) -> ValueError:
    """The error for a ZIP archive that NumPy did not write."""
    if any(name.endswith("data.pkl") for name in members):
        return refusal(TORCH, path)
    if "xl/workbook.xml" in members:
        return refusal(EXCEL, path)
    return ValueError(f"`path` must be a log. Got {shown(path)}, a ZIP archive of other files. Unpack it first.")


def refusal(kind: Kind, path: Path) -> ValueError:
    """The error for a file that must be converted."""
    name = PurePath(str(path)).with_suffix("")
    fill = {"path": str(path), "csv": f"{name}.csv", "npz": f"{name}.npz", "json": f"{name}.json"}
    then = f", {kind.then}" if kind.then else ""
    result = next(fill[form] for form in ("csv", "npz", "json") if f"{{{form}" in kind.second)
    return ValueError(
        f"`path` must be a log. Got {shown(path)}, {kind.name}. Two lines make {result} of it{then}: "
        f"`{kind.first.format_map(fill)}` and `{kind.second.format_map(fill)}`."
    )
