"""Checks the contents and the size of sdist and wheel: ``python contents.py FOLDER``, in a checkout."""

import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

LARGEST = 480 * 1024  # bytes: code alone, which grows; a data file that slips in is larger
ADDED = {".gitignore", "PKG-INFO"}  # to every sdist, by hatchling
OF_THE_SDIST = {"CHANGELOG.md", "CITATION.cff", "LICENSE", "README.md", "constraints.txt", "pyproject.toml"} | ADDED
OF_THE_WHEEL = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}


def tracked_source():
    listed = subprocess.run(["git", "ls-files", "src"], capture_output=True, text=True, check=True)
    return set(listed.stdout.split())


def check(folder):
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    source = tracked_source()
    with tarfile.open(sdist) as archive:
        named(sdist, {name.partition("/")[2] for name in archive.getnames()}, source | OF_THE_SDIST)
    with zipfile.ZipFile(wheel) as archive:
        info = f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"
        expected = {name.removeprefix("src/") for name in source} | {f"{info}/{name}" for name in OF_THE_WHEEL}
        named(wheel, set(archive.namelist()), expected)
        readable(archive.read(f"{info}/METADATA").decode())
    for path in (sdist, wheel):
        print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB")
        assert path.stat().st_size <= LARGEST, f"{path.name} is larger than {LARGEST} bytes"


def named(path, found, expected):
    assert found == expected, f"{path.name}: too much {sorted(found - expected)}, missing {sorted(expected - found)}"


def readable(metadata):
    """Whether it can be read on a package index, without the files of the repository."""
    text = Parser().parsestr(metadata).get_payload()
    links = re.findall(r"\]\(([^)]*)\)", text) + re.findall(r"(?:src|srcset|href)=\"([^\"]*)\"", text)
    assert links, "the README has no link at all"
    broken = [link for link in links if not re.match(r"https://|#", link)]
    assert not broken, f"on a package index these would be broken: {broken}"
    assert "## What is measured" in text, "the README is not whole"
    stray = [
        word
        for word in ("clone", "-e .", "examples/", "This transformer", "bundled", "The site", "repository -->")
        if word in text
    ]
    assert not stray, f"of the repository, which a package index does not have: {stray}"


if __name__ == "__main__":
    check(Path(sys.argv[1]))
