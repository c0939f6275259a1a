"""The studio: a local page that designs schedules, watches and steers runs, and shows landscapes.

A view plus edits. It reads `records`, calls the pure rooms (`schedules`, `control`, the functions
of two variables of `landscape`), puts edits into a run's inbox, and starts trainings only by
spawning the command line. It imports neither torch nor the rooms that train, so it starts in a
blink and a fault of it cannot touch a training.

`serve` runs it on 127.0.0.1; `create_app` returns the ASGI application for `Settings`. Both need
`pip install 'lrkit[studio]'` and are loaded when they are first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lrkit.studio.app import create_app
    from lrkit.studio.serving import serve
    from lrkit.studio.settings import Settings

__all__ = ["Settings", "create_app", "serve"]

# No module is called like a public name: importing it would put it in the name's place.
_HOMES: Final = {"app": ("create_app",), "serving": ("serve",), "settings": ("Settings",)}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"lrkit.studio.{home}"), name)
    raise AttributeError(f"module 'lrkit.studio' has no attribute {name!r}")
