"""The routes of the pages of a dataset: people, pairs, rejected media, and pictures and sounds.

Pages work without scripts: filters are forms, and tables are sorted and paged by links.
"""

from __future__ import annotations

import io
from collections.abc import Collection
from typing import Any
from urllib.parse import urlencode

import soundfile
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from facevoice.features import MediaError
from facevoice.features.reject_reasons import Reason
from facevoice.inspection.examples import NotFoundError
from facevoice.inspection.sounds import read_sound
from facevoice.reports.image_encoding import face_png, spectrogram_png
from facevoice.reports.rendering import render
from facevoice.serving.dataset_browser import SORT_KEYS, DatasetBrowser
from facevoice.serving.responses import ERROR_HANDLERS, STATIC_FILES
from facevoice.serving.security import Access, Guard, Limits
from tfdata.schema import SPLITS
from tfdata.text import listed, quoted

_MAX_PAGE_DIGITS = 9


def make_dataset_app(browser: DatasetBrowser, access: Access, limits: Limits) -> ASGIApp:
    """Returns the application of a dataset.

    Args:
      browser: of the dataset.
      access: who may send requests.
      limits: of requests.
    """
    pages = _Pages(browser)
    routes = [
        Route("/", pages.people),
        Route("/pairs", pages.pairs),
        Route("/rejects", pages.rejects),
        Route("/face/{split}/{number:int}.png", pages.face),
        Route("/spectrogram/{split}/{number:int}.png", pages.spectrogram),
        Route("/audio/{split}/{number:int}.wav", pages.audio),
        STATIC_FILES,
    ]
    return Guard(Starlette(routes=routes, exception_handlers=ERROR_HANDLERS), access, limits)


class _Pages:
    """Functions of routes; Starlette calls them in threads, as they are not coroutines."""

    def __init__(self, browser: DatasetBrowser) -> None:
        self._browser = browser

    def people(self, request: Request) -> Response:
        query = _Query(request)
        sort = query.choice("sort", SORT_KEYS) or "name"
        reverse = query.choice("order", ("up", "down")) == "down"
        name, split = query.text("name"), query.choice("split", SPLITS)
        found = self._browser.people(query.page(), sort, reverse, name, split)
        return self._render(
            "data_people.html",
            query,
            page=found,
            columns=tuple(SORT_KEYS),
            sort=sort,
            reverse=reverse,
            name=name,
            split=split,
        )

    def pairs(self, request: Request) -> Response:
        browser, query = self._browser, _Query(request)
        label, split = query.number("person"), query.choice("split", SPLITS)
        person = None if label is None else browser.person(label)
        video = query.text("video") if person else ""
        found = browser.pairs(query.page(), label, video, split)
        shown = []
        for of_split, number in found.items:
            example = browser.example(of_split, number)
            has_audio = browser.audio_file(example) is not None
            shown.append((of_split, number, example, has_audio))
        return self._render(
            "data_pairs.html",
            query,
            page=found,
            shown=shown,
            settings=browser.settings,
            people=browser.manifest.people,
            person=person,
            meta={} if label is None else browser.meta(label),
            videos=[] if label is None else browser.videos(label),
            video=video,
            split=split,
        )

    def rejects(self, request: Request) -> Response:
        query = _Query(request)
        reason = query.choice("reason", self._browser.reasons)
        return self._render(
            "data_rejects.html",
            query,
            page=self._browser.rejects(query.page(), reason),
            reason=reason,
            reasons=self._browser.reasons,
            descriptions={reason.value: reason.description for reason in Reason},
        )

    def face(self, request: Request) -> Response:
        return _png(face_png(self._example(request).image))

    def spectrogram(self, request: Request) -> Response:
        return _png(spectrogram_png(self._example(request).spectrogram))

    def audio(self, request: Request) -> Response:
        example, settings = self._example(request), self._browser.settings
        path = self._browser.audio_file(example)
        if path is None:
            raise NotFoundError(f"The clip {quoted(example.audio_source)} is not below --audio.")
        try:
            samples = read_sound(path, example, settings)
        except MediaError as error:
            raise NotFoundError(f"{path.name} cannot be used: {error}.") from None
        wav = io.BytesIO()
        soundfile.write(wav, samples, settings.sample_rate_hz, subtype="PCM_16", format="WAV")
        return Response(wav.getvalue(), media_type="audio/wav")

    def _example(self, request: Request) -> Any:
        return self._browser.example(**request.path_params)

    def _render(self, template: str, query: _Query, **context: Any) -> Response:
        html = render(
            template,
            title=self._browser.title,
            here=query.path,
            link=query.link,
            splits=SPLITS,
            **context,
        )
        return HTMLResponse(html)


class _Query:
    """The part of an address behind the question mark; invalid values are errors.

    Attributes:
      path: of the address.
    """

    def __init__(self, request: Request) -> None:
        self.path = request.url.path
        self._params = dict(request.query_params)

    def text(self, name: str) -> str:
        return self._params.get(name, "")

    def choice(self, name: str, allowed: Collection[str]) -> str:
        """Returns a value, or "" if there is none."""
        value = self.text(name)
        if value and value not in allowed:
            raise HTTPException(
                422, f"{name} is {quoted(value)}; use {listed([*allowed], 'or') or 'none'}."
            )
        return value

    def number(self, name: str) -> int | None:
        """Returns a whole number from 0, or None if there is none."""
        value = self.text(name)
        if not value:
            return None
        if not (value.isascii() and value.isdigit() and len(value) <= _MAX_PAGE_DIGITS):
            raise HTTPException(422, f"{name} is {quoted(value)}; use a whole number.")
        return int(value)

    def page(self) -> int:
        return max(1, self.number("page") or 1)

    def link(self, path: str = "", **changes: Any) -> str:
        """Returns the address with other values; without `page`, that of the first page.

        Args:
          path: another page, without the present values.
          changes: values; "" removes one.
        """
        kept = {} if path else {name: self._params[name] for name in self._params if name != "page"}
        values = {name: value for name, value in (kept | changes).items() if value != ""}
        return f"{path or self.path}?{urlencode(values)}" if values else path or self.path


def _png(content: bytes) -> Response:
    return Response(content, media_type="image/png")
