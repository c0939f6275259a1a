"""Where a run comes from: versions, git state, script and command, as far as they can be known."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, Final

PACKAGES: Final = ("lrkit", "numpy", "torch", "scikit-learn")
LARGEST_SCRIPT: Final = 1 << 20  # bytes
GIT_SECONDS: Final = 5.0


def provenance() -> dict[str, Any]:
    """Return `versions`, `git`, `script` and `command` of this process as plain data.

    `versions` maps Python and packages to the versions installed (none is imported to find out).
    `git` holds `commit`, `branch` and `dirty` of the working folder, or is None outside a
    repository. `script` holds `path` and `text` of the program, or is None when there is no file
    of the user's own (a notebook, an installed command). `command` is the command line.

    >>> sorted(provenance())
    ['command', 'git', 'script', 'versions']
    """
    return {
        "versions": _versions(),
        "git": _git(os.getcwd()),
        "script": _script(),
        "command": list(sys.argv),
    }


@functools.cache
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


@functools.cache
def _git(folder: str) -> dict[str, Any] | None:
    # Once a process and folder: a comparison opens many journals, and git takes milliseconds.
    try:
        commit = _ask_git(folder, "rev-parse", "HEAD")
        branch = _ask_git(folder, "rev-parse", "--abbrev-ref", "HEAD")
        changes = _ask_git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):  # no git, no repository, no commit yet
        return None
    return {"commit": commit, "branch": branch, "dirty": bool(changes)}


def _ask_git(folder: str, *arguments: str) -> str:
    # Optional locks off: asking must not get in the way of a commit made meanwhile.
    answer = subprocess.run(
        ["git", "--no-optional-locks", "-C", folder, *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=GIT_SECONDS,
        stdin=subprocess.DEVNULL,
    )
    return answer.stdout.strip()


def _script() -> dict[str, str] | None:
    source = getattr(sys.modules.get("__main__"), "__file__", None)
    if source is None:
        return None
    path = Path(source).resolve()
    installed = Path(sys.prefix).resolve() in path.parents or "site-packages" in path.parts
    try:
        if installed or path.stat().st_size > LARGEST_SCRIPT:
            return None
        return {"path": str(path), "text": path.read_text(errors="replace")}
    except OSError:  # the file has gone since the program started
        return None
