"""The random states of a training: Python's, NumPy's and torch's, on every device."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class RandomState:
    """All global random states at one moment."""

    python: tuple[Any, ...]
    numpy: tuple[Any, ...]
    cpu: Tensor
    devices: Mapping[str, Tensor]

    @classmethod
    def now(cls, device: torch.device | None = None) -> RandomState:
        """Return the states as they are, those of all GPUs when *device* is one.

        None: those of every device that is there.
        """
        state: Any = np.random.get_state()
        return cls(random.getstate(), state, torch.get_rng_state(), _device_states(device))

    def restore(self) -> None:
        """Make this the random state again; a GPU that is not there is left out."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)
        torch.set_rng_state(self.cpu)
        for name, state in self.devices.items():
            device = torch.device(name)
            if device.type == "mps":
                torch.mps.set_rng_state(state)
            elif torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count():
                torch.cuda.set_rng_state(state, device)

    def to_dict(self) -> dict[str, Any]:
        """Return the states as tensors and plain numbers, which `weights_only` loads."""
        version, numbers, gauss = self.python
        kind, keys, position, has_gauss, cached = self.numpy
        return {
            "python": [version, torch.tensor(numbers, dtype=torch.int64), gauss],
            "numpy": [
                str(kind),
                torch.from_numpy(keys.astype(np.int64)),
                int(position),
                int(has_gauss),
                float(cached),
            ],
            "torch": self.cpu,
            "devices": dict(self.devices),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RandomState:
        """Return what `to_dict` wrote."""
        version, numbers, gauss = data["python"]
        kind, keys, position, has_gauss, cached = data["numpy"]
        return cls(
            (version, tuple(numbers.tolist()), gauss),
            (kind, keys.numpy().astype(np.uint32), position, has_gauss, cached),
            data["torch"],
            dict(data["devices"]),
        )


@contextmanager
def seeded(seed: int, device: torch.device | str) -> Iterator[None]:
    """Seed Python, NumPy and torch for the block; the caller's states come back after it.

    torch takes *seed* as it is. The other two take streams of their own made from it, because
    NumPy's old generator has no room for 64 bits.
    """
    before = RandomState.now(torch.device(device))
    try:
        seed_all(seed)
        yield
    finally:
        before.restore()


def seed_all(seed: int) -> None:
    """Seed Python, NumPy and torch as `seeded` does, for good."""
    streams = np.random.SeedSequence(seed).generate_state(2)
    torch.manual_seed(seed)
    random.seed(int(streams[0]))
    np.random.seed(int(streams[1]))


def _device_states(device: torch.device | None) -> dict[str, Tensor]:
    if device is None:
        # A CUDA that nobody has used yet has no state to speak of, and asking would start it.
        cuda = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
        mps = torch.backends.mps.is_available()
        found = _device_states(torch.device("cuda")) if cuda else {}
        return found | (_device_states(torch.device("mps")) if mps else {})
    if device.type == "cuda":
        return {f"cuda:{i}": s for i, s in enumerate(torch.cuda.get_rng_state_all())}
    if device.type == "mps":
        return {"mps": torch.mps.get_rng_state()}
    return {}
