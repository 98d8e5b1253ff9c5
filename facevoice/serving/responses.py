"""Answers that all servers give: style sheets and scripts of pages, and errors as one line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from facevoice.evaluation.errors import EvaluationError
from facevoice.gallery.gallery import GalleryError
from facevoice.inspection.examples import NotFoundError
from facevoice.serving.security import error_response
from facevoice.serving.worker import WorkerError
from tfdata.errors import FaceVoiceError
from tfdata.text import printable

_STATIC = {
    "style.css": "reports/templates",
    "serve.css": "serving/static",
    "serve.js": "serving/static",
    "capture.js": "serving/static",
}
_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css"}


async def _static(request: Request) -> Response:
    """Returns a file of the page."""
    name = request.path_params["name"]
    if name not in _STATIC:
        raise HTTPException(404, "There is no such file.")
    content = files("facevoice").joinpath(_STATIC[name], name).read_bytes()
    return Response(content, media_type=_MEDIA_TYPES[Path(name).suffix])


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers) if error.headers else None
    return error_response(error.status_code, error.detail, headers)


async def _usual_error(_: Request, error: Exception) -> Response:
    status = 500
    if isinstance(error, EvaluationError | GalleryError | WorkerError):
        status = 422
    elif isinstance(error, NotFoundError):
        status = 404
    return error_response(status, printable(str(error)))


async def _unexpected_error(_: Request, error: Exception) -> Response:
    return error_response(500, f"The server failed ({type(error).__name__}); its log says more.")


STATIC_FILES = Route("/static/{name}", _static)
ERROR_HANDLERS: Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    HTTPException: _http_error,
    FaceVoiceError: _usual_error,
    Exception: _unexpected_error,
}
