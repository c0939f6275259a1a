"""What the base install must do without torch, plotting files or data: run by `make test-base`.

A plain script, because the environment it runs in has no pytest.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import lrkit as lr

SHOW = ["show", "0.3 * (warmup(5ep) >> cosine())", "--total", "30ep", "--steps-per-epoch", "235"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lrkit")), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def check(holds: bool, what: str) -> None:
    if not holds:
        raise SystemExit(f"base install: {what}")
    print(f"ok: {what}")


def main() -> None:
    for name in ("torch", "matplotlib", "plotly", "sklearn", "scipy", "fastapi"):
        check(importlib.util.find_spec(name) is None, f"{name} is not installed")
    shown = run(*SHOW)
    check(shown.returncode == 0 and "1,175" in shown.stdout, "lrkit show works")
    data = json.loads(run(*SHOW, "--json").stdout)
    check("0.3" in json.dumps(data), "lrkit show --json is JSON")
    check(run("schedules").returncode == 0, "lrkit schedules works")
    check(run("--help").returncode == 0, "lrkit --help works")
    check(run("landscape", "functions").returncode == 0, "lrkit landscape functions works")
    descent = ["landscape", "descend", "ravine", "-s", "0.05 * cosine()"]
    check(run(*descent).returncode == 0, "lrkit landscape descend works")
    picture = [*SHOW, "--png", "never.png"]
    for arguments in (["train", "lenet-digits"], ["studio", "--no-browser"], picture):
        refused = run(*arguments)
        one_line = refused.stderr.strip().count("\n") == 0 and "pip install" in refused.stderr
        check(refused.returncode == 2 and one_line, f"{arguments[0]} names the missing extra")
    try:
        lr.Scheduler  # noqa: B018
    except lr.LrkitError as error:
        check("pip install 'lrkit[torch]'" in str(error), "lr.Scheduler names the missing extra")
    else:
        check(False, "lr.Scheduler needs torch")
    journal = lr.replay  # the journal needs no extra
    check(callable(journal), "lr.replay is there")


if __name__ == "__main__":
    main()
