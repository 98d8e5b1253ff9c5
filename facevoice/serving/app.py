"""The routes of the server: the page, its files, and the JSON interface.

Queries are answered one after the other, because models and decoders share state.
Files of a query are in a temporary directory while they are read.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from facevoice.gallery.gallery import check_name
from facevoice.reports.rendering import render
from facevoice.serving.answers import AUDIO, FACE, NOUNS, Backend, Enroller
from facevoice.serving.openapi import openapi
from facevoice.serving.responses import ERROR_HANDLERS, STATIC_FILES
from facevoice.serving.security import Access, Guard, Limits, check_token
from tfdata.errors import FaceVoiceError
from tfdata.text import counted, listed, printable, quoted

T = TypeVar("T")
MAX_FILE_NAME = 100  # characters that are recorded of it
_NEEDED = {
    ((FACE,),): "Give a photograph of a face.",
    ((AUDIO,),): "Give a clip of a voice.",
    ((FACE, AUDIO),): "Give a photograph of a face, and a clip of the voice of the same person.",
    ((FACE,), (AUDIO,), (FACE, AUDIO)): "Give a photograph of a face, a clip of a voice, or both "
    "of one person.",
}


@dataclass(frozen=True)
class Upload:
    """The fields of a request.

    Attributes:
      media: field to the content of a file.
      names: field to the name of a file, without its folder.
      name: of a person.
    """

    media: Mapping[str, bytes]
    names: Mapping[str, str]
    name: str | None


def make_app(backend: Backend, access: Access, limits: Limits) -> ASGIApp:
    """Returns the application of a run or a gallery.

    Args:
      backend: what answers queries; it is prepared before this function returns.
      access: who may send requests.
      limits: of requests.

    Raises:
      FaceVoiceError: the encoders cannot be loaded.
    """
    server = _Server(backend, access, limits)
    routes = [
        Route("/", server.page),
        Route("/api", server.interface),
        Route("/openapi.json", server.openapi),
        STATIC_FILES,
        Route("/identify", server.identify, methods=["POST"]),
    ]
    if backend.has_gallery:
        routes += [
            Route("/people", server.people),
            Route("/enroll", server.enroll, methods=["POST"]),
            Route("/forget", server.forget, methods=["POST"]),
        ]
    return Guard(Starlette(routes=routes, exception_handlers=ERROR_HANDLERS), access, limits)


class _Server:
    def __init__(self, backend: Backend, access: Access, limits: Limits) -> None:
        self._backend, self._access, self._limits = backend, access, limits
        self._thread = ThreadPoolExecutor(1, "facevoice")
        self._waiting = 0
        self._thread.submit(backend.warm).result()

    async def page(self, _: Request) -> Response:
        backend = self._backend
        accepts = backend.accepts
        html = render(
            "serve.html",
            title=backend.title,
            has_gallery=backend.has_gallery,
            needed=_NEEDED[accepts],
            takes_face=any(FACE in fields for fields in accepts),
            takes_audio=any(AUDIO in fields for fields in accepts),
            max_bytes=self._limits.body_bytes,
        )
        return HTMLResponse(html)

    async def interface(self, _: Request) -> Response:
        return HTMLResponse(render("serve_api.html", api=self._description()))

    async def openapi(self, _: Request) -> Response:
        return JSONResponse(self._description())

    async def identify(self, request: Request) -> Response:
        upload = await _read_upload(request, (FACE, AUDIO))
        answer = await self._in_turn(lambda: _with_files(upload.media, self._backend.identify))
        return JSONResponse(asdict(answer))

    async def people(self, request: Request) -> Response:
        check_token(request, self._access.token)
        found = await self._in_turn(self._gallery.people)
        return JSONResponse({"people": [{"name": name} | found[name] for name in found]})

    async def enroll(self, request: Request) -> Response:
        check_token(request, self._access.token)
        upload = await _read_upload(request, (FACE, AUDIO, "name"))
        name = _person(upload)

        def enroll(media: Mapping[str, str]) -> int:
            return self._gallery.enroll(name, media, upload.names)

        added = await self._in_turn(lambda: _with_files(upload.media, enroll))
        return JSONResponse({"name": name, "added": added})

    async def forget(self, request: Request) -> Response:
        check_token(request, self._access.token)
        name = _person(await _read_upload(request, ("name",)))
        await self._in_turn(lambda: self._gallery.forget(name))
        return JSONResponse({"name": name})

    @property
    def _gallery(self) -> Enroller:
        return cast(Enroller, self._backend)

    def _description(self) -> dict[str, Any]:
        return openapi(self._backend.has_gallery, self._limits)

    async def _in_turn(self, work: Callable[[], T]) -> T:
        """Returns the result of a function after those of earlier requests.

        Raises:
          HTTPException: too many requests wait, or the answer takes too long.
        """
        if self._waiting >= self._limits.waiting:
            raise HTTPException(
                503,
                f"{counted(self._waiting, 'request')} are waiting already; try again later.",
                {"Retry-After": "5"},
            )
        self._waiting += 1
        loop = asyncio.get_running_loop()
        future = self._thread.submit(work)
        future.add_done_callback(lambda _: self._release(loop))
        try:
            async with asyncio.timeout(self._limits.answer_seconds):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise HTTPException(
                503,
                f"There was no answer within {self._limits.answer_seconds:g} s; send shorter or "
                f"smaller files, or try again later.",
            ) from None

    def _release(self, loop: asyncio.AbstractEventLoop) -> None:
        def release() -> None:
            self._waiting -= 1

        with suppress(RuntimeError):  # the server has stopped
            loop.call_soon_threadsafe(release)


def _with_files(media: Mapping[str, bytes], use: Callable[[Mapping[str, str]], T]) -> T:
    """Calls a function with the paths of files, which exist for this time only.

    Raises:
      FaceVoiceError: of the function; it names fields instead of paths.
    """
    with tempfile.TemporaryDirectory(prefix="facevoice-serve-") as folder:
        paths = {}
        for field, content in media.items():
            paths[field] = str(Path(folder, field))
            Path(paths[field]).write_bytes(content)
        try:
            return use(paths)
        except FaceVoiceError as error:
            message = str(error)
            for field, path in paths.items():
                message = message.replace(path, NOUNS[field])
            raise type(error)(message) from None


async def _read_upload(request: Request, allowed: tuple[str, ...]) -> Upload:
    """Reads the form of a request.

    Raises:
      HTTPException: it is not a form, or has other fields.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise HTTPException(
            415, f"The request is {quoted(kind)}; send a form as multipart/form-data."
        )
    async with request.form(max_files=2, max_fields=1, max_part_size=1 << 16) as form:
        return await _fields(form, allowed)


async def _fields(form: FormData, allowed: tuple[str, ...]) -> Upload:
    media, names, name = {}, {}, None
    for field, value in form.multi_items():
        if field not in allowed or field in media or (field == "name" and name is not None):
            raise HTTPException(
                422, f"The field {quoted(field)} is unknown or repeated; use {listed(allowed)}."
            )
        if isinstance(value, UploadFile) != (field != "name"):
            kind = "text" if field == "name" else "a file"
            raise HTTPException(422, f"The field {quoted(field)} is not {kind}.")
        if not isinstance(value, UploadFile):
            name = value
        elif value.filename or value.size:  # an empty field of a page has neither
            media[field] = await value.read()
            names[field] = _file_name(value.filename or field)
    if not media and FACE in allowed:
        raise HTTPException(422, "No file was sent; send a face image, a clip, or both.")
    return Upload({each: media[each] for each in (FACE, AUDIO) if each in media}, names, name)


def _file_name(text: str) -> str:
    """Returns the name of an uploaded file without its folder, of limited length."""
    name = printable(text.replace("\\", "/").rpartition("/")[2])
    return name[-MAX_FILE_NAME:] or "upload"


def _person(upload: Upload) -> str:
    try:
        return check_name(upload.name or "")
    except ValueError as error:
        raise HTTPException(422, f"The name {quoted(upload.name or '')} {error}.") from None
