"""The check of a built site finds each kind of link that leads nowhere, and progress bars, and nothing else."""

import subprocess
import sys

import pytest

from tests.docs.links import broken

GOOD = """
<h1 id="top">…</h1> <a name="old">…</a> <a href="#top">…</a> <a href="#">…</a> <a href="https://nowhere.invalid/#a">…</a>
<a href="mailto:a@b.invalid">…</a> <a href="api/gini.html#gini">…</a> <a href="api/gini.html?of=norms#a%20b">…</a>
<img src="a.png" srcset="a.png, api/a%202.png 2.00x"> 100%, 5|6, <link href="a.png"> <a href="index.html#old">…</a>
"""
BAD = {
    '<a href="nowhere.html">': "nowhere.html: no such file",
    '<a href="api">': "api: no such file",
    '<a href="#nowhere">': "#nowhere: no such place",
    '<a href="api/gini.html#top">': "api/gini.html#top: no such place",
    '<a href="/index.html">': "/index.html: no such file",
    '<img src="b.png">': "b.png: no such file",
    '<img src="a.png" srcset="a.png, b.png 2.00x">': "b.png: no such file",
    '<script src="b.js"></script>': "b.js: no such file",
    "<pre>runs:  40%|████      | 2/5 [00:01&lt;00:02,  1.21it/s]</pre>": "shows a progress bar",
    '<a href="index.html"><b><a href="a.png">…</a></b></a>': "a.png: in another link",
}


@pytest.fixture
def site(tmp_path):
    (tmp_path / "api").mkdir()
    (tmp_path / "index.html").write_text(GOOD, encoding="utf-8")
    (tmp_path / "api" / "gini.html").write_text(
        '<p id="gini">…<p id="a b"><a href="../index.html#top">', encoding="utf-8"
    )
    for picture in ("a.png", "api/a 2.png"):
        (tmp_path / picture).touch()
    return tmp_path


def test_links_that_lead_somewhere(site):
    assert list(broken(site)) == []


@pytest.mark.parametrize("tag", BAD)
def test_links_that_do_not(site, tag):
    (site / "bad.html").write_text(tag, encoding="utf-8")
    assert list(broken(site)) == [f"bad.html: {BAD[tag]}"]


@pytest.mark.parametrize(("tag", "status"), [("", 0), ('<a href="nowhere.html">', 1)])
def test_exit_status(site, tag, status):
    (site / "page.html").write_text(tag, encoding="utf-8")
    command = [sys.executable, "-m", "tests.docs.links", str(site)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == status
    assert run.stderr.strip() == ("page.html: nowhere.html: no such file" if status else "")
