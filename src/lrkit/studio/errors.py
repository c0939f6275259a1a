"""What goes wrong, as the page and scripts read it: one JSON shape for every refusal."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from lrkit.errors import DataError, HorizonError, LoopError, LrkitError, SpecError


class NotFoundError(LrkitError):
    """What was asked for is not there."""


class ReadOnlyError(LrkitError):
    """A change was asked for, and this studio only shows."""


class BusyError(LrkitError):
    """Too much is being done already."""


# The first that fits counts, so what is more special stands first.
KINDS: Final[tuple[tuple[type[LrkitError], str, int], ...]] = (
    (NotFoundError, "not found", 404),
    (ReadOnlyError, "read only", 403),
    (BusyError, "busy", 429),
    (HorizonError, "horizon", 422),
    (SpecError, "spec", 422),
    (DataError, "data", 409),
    (LoopError, "loop", 409),
)


SHORT: Final = 60
"""Characters of a refused value that are told."""


class Problem(BaseModel):
    """A refusal: its kind, the rule, the value and the remedy, and the character it is about."""

    kind: str
    message: str
    text: str | None = None
    position: int | None = None


class Refusal(BaseModel):
    """The body of every answer that is no success."""

    error: Problem


REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    code: {"model": Refusal, "description": text}
    for code, text in {
        400: "The request cannot be read",
        401: "The token is missing or wrong",
        403: "Refused: a foreign Host or Origin, or a studio that only shows",
        404: "Not found",
        409: "A file or a run does not allow it",
        413: "The body is too large",
        422: "A schedule or a value breaks a rule",
        429: "Too much is being done already",
    }.items()
}
"""What every route may answer besides its own, for the OpenAPI description."""


def refusal(status: int, kind: str, message: str, **more: Any) -> JSONResponse:
    """Return the answer that says what is wrong."""
    problem = Problem(kind=kind, message=message, **more)
    return JSONResponse({"error": problem.model_dump()}, status)


def attach(app: FastAPI) -> None:
    """Make *app* answer errors in that shape."""
    app.add_exception_handler(LrkitError, _on_lrkit)
    app.add_exception_handler(RequestValidationError, _on_request)
    app.add_exception_handler(HTTPException, _on_http)


def _on_lrkit(request: Request, error: Exception) -> JSONResponse:
    for cls, kind, status in KINDS:
        if isinstance(error, cls):
            if isinstance(error, SpecError):
                more = {"text": error.text, "position": error.position}
                return refusal(status, kind, error.reason, **more)
            return refusal(status, kind, str(error))
    raise error  # lrkit's own fault: a 500 with a traceback in the server's log


def _on_request(request: Request, error: Exception) -> JSONResponse:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    return refusal(422, "request", "; ".join(map(_broken, found[:5])) or str(error))


def _broken(one: dict[str, Any]) -> str:
    """Return which part of a request breaks which rule, and what it was where that is short."""
    place, value = ".".join(str(part) for part in one["loc"][1:]), one.get("input")
    got = f", got {value!r}" if isinstance(value, (int, float, str)) else ""
    return f"`{place}`: {one['msg']}" + (got if len(got) <= SHORT else "")


def _on_http(request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = str(error.detail) if isinstance(error, HTTPException) else str(error)
    answer = refusal(status, "request", detail)
    if isinstance(error, HTTPException) and error.headers:
        answer.headers.update(error.headers)
    return answer
