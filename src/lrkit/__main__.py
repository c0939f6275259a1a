"""`python -m lrkit`, and so `torchrun --nproc-per-node 2 -m lrkit train ...`."""

from __future__ import annotations

import os
import sys

from lrkit.cli import main


def _quiet() -> None:
    """Let only the first of several processes speak; errors are said by all."""
    if int(os.environ.get("RANK", "0")) > 0 and "TORCHELASTIC_RUN_ID" in os.environ:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - it is open for as long as we are


if __name__ == "__main__":
    _quiet()
    main()
