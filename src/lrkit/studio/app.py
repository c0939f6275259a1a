"""The ASGI application: the guard before everything, the API, and the page's files."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Final

from fastapi import FastAPI, Header
from fastapi.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from lrkit import __version__
from lrkit.plots.interactive import plotly_js
from lrkit.studio import errors
from lrkit.studio.areas import AREAS
from lrkit.studio.guard import Guard
from lrkit.studio.jobs import Jobs
from lrkit.studio.settings import Settings

STATIC: Final = Path(__file__).with_name("static")


def create_app(settings: Settings) -> FastAPI:
    """Return the studio of *settings* as an ASGI application.

    Its API is described at `/api/openapi.json`; every request needs the token (see `guard`).
    """
    app = FastAPI(
        title="lrkit studio",
        version=__version__,
        summary="Design schedules, watch and steer runs, explore landscapes; on this machine only.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        responses=errors.REFUSALS,
        generate_unique_id_function=lambda route: "-".join([*map(str, route.tags), route.name]),
    )
    app.state.settings = settings
    app.state.jobs = Jobs(settings)
    errors.attach(app)
    for area in AREAS:
        app.include_router(import_module(f"lrkit.studio.{area}").router)
    app.add_api_route("/", _index, include_in_schema=False)
    app.add_api_route("/static/plotly.js", _plotly, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(Guard, token=settings.token)
    return app


def _index() -> FileResponse:
    return FileResponse(STATIC / "index.html", media_type="text/html")


def _plotly(if_none_match: Annotated[str | None, Header()] = None) -> Response:
    # Five megabytes: a browser that has them asks whether they are still the same, and no more.
    tag = {"ETag": f'"{version("plotly")}"'}
    if if_none_match == tag["ETag"]:
        return Response(status_code=304, headers=tag)
    return Response(_plotly_bytes(), media_type="text/javascript", headers=tag)


@cache
def _plotly_bytes() -> bytes:
    return plotly_js().encode()
