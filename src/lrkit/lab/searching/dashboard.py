"""Optuna's dashboard on a search: its own page, served to this machine alone."""

from __future__ import annotations

import importlib
import os
import socketserver
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from lrkit.errors import DataError, LrkitError, SpecError
from lrkit.lab.searching.order import read_order
from lrkit.search.storage import exists, place_of

HOST: Final = "127.0.0.1"


def serve_dashboard(
    out: str | os.PathLike[str],
    storage: str | None = None,
    *,
    port: int | None = None,
    told: Callable[[str], None] = print,
) -> None:
    """Serve Optuna's dashboard on the search in *out* (or in *storage*) until Ctrl-C.

    It listens on 127.0.0.1 and *port* (None: a free one); *told* is called with the link.

    Raises `LrkitError` where the dashboard is not installed, `DataError` where there is no search,
    and `SpecError` for a port that is none or taken.
    """
    try:
        dashboard = importlib.import_module("optuna_dashboard")
    except ModuleNotFoundError as error:
        raise LrkitError(
            f"the dashboard needs {error.name}, which is not installed; "
            "pip install 'lrkit[search,dashboard]'"
        ) from error
    folder = Path(os.path.abspath(out))
    if storage is None:
        read_order(folder)  # raises where there is no search
    place = place_of(storage or folder)
    if not exists(place):
        raise DataError(f"{folder} has no trial yet; search first")
    with _server(port, _own(dashboard.wsgi(place.url))) as server:
        told(f"http://{HOST}:{server.server_port}/")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    """Answers each request in a thread of its own: the page asks for several at once."""

    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    """Writes no line for each request."""

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def _own(app: Any) -> Any:
    """Answer only what asks for this machine: a page from elsewhere may not be led here."""

    def answer(environ: dict[str, Any], start: Any) -> Any:
        if environ.get("HTTP_HOST", "").rpartition(":")[0] not in (HOST, "localhost"):
            start("403 Forbidden", [("Content-Type", "text/plain")])
            return [b"this page is for this machine alone"]
        return app(environ, start)

    return answer


def _server(port: int | None, app: Any) -> WSGIServer:
    if port is not None and not 0 <= port <= 65535:
        raise SpecError(f"`0 <= port <= 65535` must hold, got {port}; leave it out for a free one")
    try:
        return make_server(HOST, port or 0, app, server_class=_Server, handler_class=_Quiet)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        remedy = "leave it out for a free one"
        raise SpecError(f"port {port} cannot be used: {reason}; {remedy}") from error
