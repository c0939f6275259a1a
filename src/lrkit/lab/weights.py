"""Weights to begin with: a file of them, and the copy that a run keeps for its resume.

The file holds `{"format": 1, "model": state_dict}`, tensors and plain Python types, and is read
by `torch.load(weights_only=True)`: one from elsewhere cannot run code.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from lrkit.errors import DataError
from lrkit.lab.contract import first_line
from lrkit.records import Run, write_file
from lrkit.records.files import disk_errors

FORMAT: Final = 1
KEPT: Final = "weights.pt"
"""The name of a run's own copy."""
NAMED: Final = 3
"""How many names an error lists."""


@dataclass(frozen=True, eq=False)
class Beginning:
    """Weights to begin with, as the bytes of their file; *source* says where they came from."""

    state: Mapping[str, Tensor]
    raw: bytes
    source: str

    @property
    def header(self) -> dict[str, Any]:
        """What the journal of a run says of them."""
        return {"file": KEPT, "sha256": hashlib.sha256(self.raw).hexdigest(), "source": self.source}

    def put(self, model: nn.Module) -> None:
        """Give *model* the weights; raise `DataError` with the names where they do not fit."""
        put_weights(model, self.state, self.source)

    def keep(self, folder: str | os.PathLike[str]) -> None:
        """Write the copy that a resume of the run in *folder* begins with."""
        write_file(Path(folder, KEPT), self.raw)


def write_weights(path: str | os.PathLike[str], state: Mapping[str, Tensor]) -> Path:
    """Write *state*, a model's `state_dict()`, as a file of weights to *path*, and return it.

    `train(weights=path)` begins with them. Raises `DataError` when the file cannot be written.

    >>> import tempfile
    >>> model = nn.Linear(2, 1)
    >>> path = write_weights(tempfile.mkdtemp() + "/w.pt", model.state_dict())
    >>> list(read_weights(path).state)
    ['weight', 'bias']
    """
    return write_file(path, _encoded(state))


def read_weights(given: str | os.PathLike[str] | Mapping[str, Tensor]) -> Beginning:
    """Return the weights in the file at *given*, or those of the `state_dict()` *given*.

    Raises `DataError` for a file that cannot be read, is no file of weights, or is of a newer
    format.
    """
    if isinstance(given, Mapping):
        return Beginning(given, _encoded(given), "a state_dict")
    with disk_errors(given, "read"):
        raw = Path(given).read_bytes()
    return Beginning(_decoded(raw, os.fspath(given)), raw, os.fspath(given))


def put_weights(model: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Give *model* the weights *state*; raise `DataError` with the names where they do not fit."""
    known = model.state_dict()
    shapes = [
        f"{name} is {tuple(state[name].shape)} and must be {tuple(value.shape)}"
        for name, value in known.items()
        if name in state and isinstance(value, Tensor) and state[name].shape != value.shape
    ]
    lacks = [f"{name} is missing" for name in known if name not in state]
    foreign = [f"{name} is not the model's" for name in state if name not in known]
    if wrong := [*lacks, *foreign, *shapes]:
        more = f" and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
        raise DataError(
            f"the weights in {source} do not fit the task's model: {', '.join(wrong[:NAMED])}"
            f"{more}; build the task with the options it had then"
        )
    model.load_state_dict(state)


def weights_of(run: Run) -> Beginning | None:
    """Return the weights that *run* was begun with, None where its seed made them.

    Raises `DataError` where the run's copy is gone or not what it was.
    """
    about = run.header.get("weights")
    if about is None:
        return None
    path = run.folder / str(about["file"])
    if not path.is_file():
        raise DataError(
            f"run {run.name} was begun with given weights ({about['source']}), and its copy "
            f"{path} is gone; restore it, or train anew with weights="
        )
    found = read_weights(path)
    if found.header["sha256"] != about["sha256"]:
        raise DataError(f"{path} is not what the run began with; restore it from a copy")
    return Beginning(found.state, found.raw, str(about["source"]))


def _encoded(state: Mapping[str, Tensor]) -> bytes:
    out = io.BytesIO()
    # A copy: torch would save the whole storage that a view is a part of.
    plain = {name: value.detach().cpu().clone() for name, value in state.items()}
    torch.save({"format": FORMAT, "model": plain}, out)
    return out.getvalue()


def _decoded(raw: bytes, path: str) -> Mapping[str, Tensor]:
    rule = 'a file of weights holds {"format": 1, "model": state_dict}'
    try:
        data = torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its readers do
        raise DataError(
            f"{rule}, {path} cannot be loaded ({first_line(error)}); write it with "
            "lrkit.lab.weights.write_weights"
        ) from error
    if not isinstance(data, dict) or not isinstance(data.get("model"), Mapping):
        raise DataError(f"{rule}, {path} does not; write it with lrkit.lab.weights.write_weights")
    if data.get("format") != FORMAT:
        raise DataError(
            f"{path} is in format {data.get('format')!r}, this lrkit reads {FORMAT}; update lrkit"
        )
    wrong = [name for name, value in data["model"].items() if not isinstance(value, Tensor)]
    if wrong:
        raise DataError(f"{rule} of tensors, {path} has none for {wrong[0]}; write it anew")
    model: Mapping[str, Tensor] = data["model"]
    return model
