"""Run every benchmark in turn: `python -m bench [NAME ...]`; exits with 1 where a bar is missed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main(names: list[str]) -> int:
    found = sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem[0] != "_")
    scripts = names or [name for name in found if name != "table"]
    codes = {
        name: subprocess.run([sys.executable, "-m", f"bench.{name}"]).returncode for name in scripts
    }
    for name, code in codes.items():
        print(f"{name}: {'every bar met' if code == 0 else 'a bar is missed'}")
    return max(codes.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
