"""Running the studio: a socket on 127.0.0.1, the link that opens the page, and the way out."""

from __future__ import annotations

import contextlib
import socket
import webbrowser
from collections.abc import Callable
from types import FrameType
from typing import Final

import uvicorn

from lrkit.errors import DataError
from lrkit.studio.app import create_app
from lrkit.studio.settings import Settings

HOST: Final = "127.0.0.1"
PORT: Final = 8912
LONGEST_HEAD: Final = 1 << 16
GRACE: Final = 2  # seconds that open streams get to end


def serve(
    settings: Settings,
    *,
    port: int | None = None,
    browser: bool = True,
    told: Callable[[str], None] = print,
) -> None:
    """Serve the studio of *settings* on 127.0.0.1 until Ctrl-C.

    *port* None means 8912, or any free one where that is taken; 0 means any free one. *told* is
    called once with the link that opens the page; with *browser* it is opened, too. What the
    studio has started goes on when it ends. Raises `DataError` for a *port* that is taken.
    """
    listener = _listen(port)
    link = f"http://{HOST}:{listener.getsockname()[1]}/?token={settings.token}"
    config = uvicorn.Config(
        create_app(settings),
        log_level="warning",
        access_log=False,  # its lines would hold the token
        server_header=False,
        timeout_graceful_shutdown=GRACE,
        h11_max_incomplete_event_size=LONGEST_HEAD,
        http="h11",
        ws="none",
        lifespan="on",
    )
    told(link)
    if browser:
        webbrowser.open(link)
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C is how it ends
        Server(config).run(sockets=[listener])


class Server(uvicorn.Server):
    """uvicorn's server, which tells the open streams to end when it is asked to end itself.

    Else a page that is open would hold it up until the streams are broken off.
    """

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take in a signal."""
        for end in getattr(self.config.app.state, "at_end", ()):  # type: ignore[union-attr]
            end()
        super().handle_exit(sig, frame)


def _listen(port: int | None) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # A studio that was killed a moment ago must be able to come back on its port.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, PORT if port is None else port))
    except OSError as error:
        if port is not None:
            listener.close()
            raise DataError(
                f"port {port} cannot be used ({(error.strerror or str(error)).lower()}); "
                "leave --port out to take a free one"
            ) from error
        listener.bind((HOST, 0))
    listener.listen(128)
    return listener
