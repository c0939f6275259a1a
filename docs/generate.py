"""Write every generated page of the docs, or with --check fail where one is stale."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    scripts = sorted(Path(__file__).parent.glob("generate_*.py"))
    codes = [subprocess.run([sys.executable, script, *arguments]).returncode for script in scripts]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
