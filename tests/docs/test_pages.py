"""The README and every page of the docs: each example runs, each link leads somewhere."""

from __future__ import annotations

import doctest
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
PAGES = [REPO / "README.md", *sorted((REPO / "docs").glob("*.md"))]
COMMAND = re.compile(r"^\$ (lrkit .*)$", re.MULTILINE)
# Once each: a page may give the README's command again.
COMMANDS = [
    (page, line)
    for line, page in {
        line: page.name for page in reversed(PAGES) for line in COMMAND.findall(page.read_text())
    }.items()
]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_the_python_examples_of_a_page_run(page, tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="the pages train with torch")
    monkeypatch.chdir(tmp_path)
    test = doctest.DocTestParser().get_doctest(page.read_text(), {}, page.name, str(page), 0)
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test)
    assert result.failed == 0


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[f"{p}: {c[:60]}" for p, c in COMMANDS])
def test_the_commands_of_a_page_run(page, line, tmp_path):
    pytest.importorskip("torch", reason="the pages train with torch")
    program, *arguments = shlex.split(line, comments=True)
    (tmp_path / "studies").symlink_to(REPO / "studies")
    done = subprocess.run(
        [Path(sys.executable).with_name(program), *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    # 1 says that a linter found something, which is what the page says of that command.
    assert done.returncode == (1 if arguments[0] == "lint" else 0), done.stderr
    assert done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_the_links_of_a_page_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_page_is_linked_from_the_readme():
    readme = (REPO / "README.md").read_text()
    for page in PAGES[1:]:
        assert f"docs/{page.name}" in readme, f"docs/{page.name} is not linked from the README"


@pytest.mark.parametrize(
    "script", sorted((REPO / "docs").glob("generate_*.py")), ids=lambda p: p.name
)
def test_a_generated_page_is_what_the_code_says(script):
    pytest.importorskip("matplotlib", reason="the gallery needs the plots extra")
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
