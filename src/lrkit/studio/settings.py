"""What one studio is told when it starts."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lrkit.errors import DataError

OWN: Final = ".studio"
"""The studio's own folder among the runs: its token, and what it has spawned."""


@dataclass(frozen=True)
class Settings:
    """Where the runs are, who may ask, and whether anything may be changed.

    *root* is the folder of the runs (it need not exist yet), *token* what every request must
    carry, *work* the folder that spawned commands run in. A *read_only* studio refuses whatever
    would change a run or start a training.
    """

    root: Path
    token: str = field(repr=False)
    read_only: bool = False
    work: Path = field(default_factory=Path.cwd)

    @property
    def own(self) -> Path:
        """The studio's own folder."""
        return self.root / OWN


def kept_token(root: Path) -> str:
    """Return the token kept in *root*, or make and keep one; only its owner may read it.

    It outlives the server, so that a page that was open goes on by itself when the studio is
    started again on the same port. Raises `DataError` when it can neither be read nor written.
    """
    path = root / OWN / "token"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            return _read_token(path)
        with os.fdopen(descriptor, "w") as file:
            token = secrets.token_urlsafe(32)
            file.write(token)
        return token
    except OSError as error:
        raise DataError(
            f"the studio keeps its token in {path}, which cannot be used "
            f"({error.strerror or error}); choose another folder of runs, or use --read-only"
        ) from error


def _read_token(path: Path) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor) as file:
        about = os.fstat(file.fileno())
        if about.st_uid != os.getuid() or about.st_mode & 0o077:
            raise DataError(
                f"a token is its owner's alone, {path} can be read by others; remove the file, "
                "a new one is made"
            )
        token = file.read().strip()
    if len(token) < 32:
        raise DataError(
            f"a token has 32 characters or more, {path} has {len(token)}; remove the file, a new "
            "one is made"
        )
    return token
