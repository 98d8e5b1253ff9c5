"""Serves local pages: `facevoice serve --run runs/cnn_image` identifies people.

--run answers with the model of a run, --gallery with a gallery, in which the page also enrols and
forgets people. The page takes a photograph from a file or the camera, and a clip from a file or the
microphone. Programs use POST /identify; /api describes it.

--data shows the people, pairs and rejected media of a dataset, with filters and page by page; with
--audio, it plays the windows. It needs neither a run nor a gallery.

The server listens on this computer only, unless --host says otherwise. Uploaded files are not kept.
Enrolling and forgetting need a token, which is printed at the start. There is no encryption: to use
the page from another computer, forward the port with SSH (ssh -L 8000:localhost:8000 HOST), so that
browsers also allow camera and microphone.

There is no liveness check: a photograph of a photograph, or a recording of a recording, passes.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from facevoice.commands.answer_flags import add_top_flag
from facevoice.commands.encoder_flags import add_encoder_flags
from facevoice.commands.gallery_flags import add_rate_flag
from facevoice.commands.model_flag import add_model_flag, use_models
from tfdata.command_line import Parser, fail, run, say
from tfdata.flag_types import local_path, number, positive_float

if TYPE_CHECKING:  # imports TensorFlow, which takes seconds
    from starlette.types import ASGIApp

    from facevoice.serving.answers import Backend
    from facevoice.serving.security import Access, Limits

MAX_PORT = 65_535
MOST_UPLOAD_MB = 1000
NEEDED = ("starlette", "uvicorn", "python_multipart")
_OF_QUERIES = (
    *("max_seconds", "max_work_seconds", "top", "false_accept_rate"),
    *("face_encoder", "voice_encoder"),
)


def main(argv: Sequence[str] | None = None, prog: str = "facevoice serve") -> int:
    """Runs the command; returns its exit code."""
    parser = _parser(prog)
    args = parser.parse(argv)
    if args.run is None and args.model:
        parser.error("--model needs --run.")
    if args.data is None and args.audio is not None:
        parser.error("--audio needs --data.")
    for flag in _OF_QUERIES if args.data is not None else ():
        if getattr(args, flag) != parser.get_default(flag):
            parser.error(f"--{flag} has no effect with --data; remove it.")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported
    return run(lambda: _serve(args), needs_training_packages="serving a run" if args.run else "")


def _parser(prog: str) -> Parser:
    parser = Parser(prog=prog, description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--run", type=local_path, metavar="DIR", help="directory of a finished run")
    source.add_argument(
        "--gallery",
        type=local_path,
        metavar="DIR",
        help="directory of a gallery; the first enrolment creates it",
    )
    source.add_argument("--data", type=local_path, metavar="DIR", help="directory of a dataset")
    parser.add_argument(
        "--audio",
        type=local_path,
        metavar="DIR",
        help="directory of the clips or videos that the dataset of --data was built from, to play "
        "its windows",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address to listen on; 0.0.0.0 is all addresses of this computer (default: "
        "%(default)s)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=8000,
        metavar="N",
        help="port to listen on, 0 for a free one (default: %(default)s)",
    )
    parser.add_argument(
        "--allowed_host",
        action="append",
        default=[],
        metavar="NAME",
        help="name or address under which browsers reach the server, if it is not localhost; may "
        "be repeated",
    )
    parser.add_argument(
        "--max_upload_mb",
        type=_megabytes,
        default=25.0,
        metavar="MB",
        help="largest request, in MB (default: %(default)g)",
    )
    parser.add_argument(
        "--max_seconds",
        type=positive_float,
        default=120.0,
        metavar="S",
        help="longest time for an answer, in seconds, with the time that it waits for others "
        "(default: %(default)g)",
    )
    parser.add_argument(
        "--max_work_seconds",
        type=positive_float,
        default=30.0,
        metavar="S",
        help="longest time for the work on one request, in seconds; then the process that reads "
        "files is replaced (default: %(default)g)",
    )
    add_top_flag(parser)
    add_rate_flag(parser)
    add_model_flag(parser)
    add_encoder_flags(parser, "that of the gallery or the run, {} for a new gallery")
    return parser


def _serve(args: argparse.Namespace) -> int | None:
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        return fail(
            f"{missing[0]} is missing; serving needs 'make setup', or pip install -e '.[serve]'."
        )
    import uvicorn

    from facevoice.serving.security import Access, Limits, host_names, is_loopback

    access = Access(host_names(args.host, args.allowed_host))
    limits = Limits(round(args.max_upload_mb * 1e6), answer_seconds=args.max_seconds)
    with _listen(args.host, args.port) as listener:  # before models are loaded
        served = _dataset(args, access, limits) if args.data else _queries(args, access, limits)
        shown = f"[{args.host}]" if ":" in args.host else args.host
        url = f"http://{shown}:{listener.getsockname()[1]}/"
        say(f"Serving {served.title}: {url}")
        if served.has_gallery:
            say(
                f"To enrol and forget people, open {url}#token={access.token}",
                f"The token is {access.token}",
            )
        if not is_loopback(args.host):
            say(
                f"warning: everyone who can reach {args.host} can {served.offers}, and nothing is "
                f"encrypted.",
                file=sys.stderr,
            )
        say("Ctrl-C stops the server.")
        config = uvicorn.Config(
            served.app,
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            limit_concurrency=4 * limits.waiting,
            timeout_graceful_shutdown=5,
        )
        uvicorn.Server(config).run(sockets=[listener])
    return None


@dataclass(frozen=True)
class _Served:
    """An application, its title, what it offers, and whether people can be enrolled."""

    app: ASGIApp
    title: str
    offers: str
    has_gallery: bool = False


def _dataset(args: argparse.Namespace, access: Access, limits: Limits) -> _Served:
    from facevoice.serving.dataset_app import make_dataset_app
    from facevoice.serving.dataset_browser import DatasetBrowser

    browser = DatasetBrowser(args.data, args.audio)
    app = make_dataset_app(browser, access, limits)
    return _Served(app, browser.title, "see the dataset")


def _queries(args: argparse.Namespace, access: Access, limits: Limits) -> _Served:
    from facevoice.serving.app import make_app
    from facevoice.serving.worker import WorkerBackend

    backend = WorkerBackend(partial(_backend, args), args.max_work_seconds)
    app = make_app(backend, access, limits)
    return _Served(app, backend.title, "identify people", backend.has_gallery)


def _backend(args: argparse.Namespace) -> Backend:
    """Opens the run or the gallery, in the process that answers queries."""
    if args.gallery is not None:
        from facevoice.serving.gallery_backend import GalleryBackend

        named = {"face": args.face_encoder, "audio": args.voice_encoder}
        return GalleryBackend(args.gallery, named, args.false_accept_rate, args.top)
    from facevoice.evaluation.runs import open_run
    from facevoice.serving.run_backend import RunBackend

    use_models(args.model)
    opened = open_run(args.run, {"image": args.face_encoder, "audio": args.voice_encoder})
    if warning := opened.revision_warning():
        say(warning, file=sys.stderr)
    return RunBackend(opened, args.top)


def _listen(host: str, port: int) -> socket.socket:
    """Returns a socket that listens.

    Raises:
      OSError: the port is in use, or the address is not one of this computer.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        # Python adds the address to the texts of the system, but not to those of name servers.
        code = error.errno or 0
        reason = os.strerror(code) if code > 0 else error.strerror
        raise OSError(
            error.errno, f"{reason}; choose another --port or --host", f"{host}:{port}"
        ) from None


def _port(text: str) -> int:
    """Parses a port."""
    return number(
        text, int, lambda value: 0 <= value <= MAX_PORT, f"a whole number from 0 to {MAX_PORT}"
    )


def _megabytes(text: str) -> float:
    """Parses the largest size of a request, in MB."""
    return number(
        text,
        float,
        lambda value: 0.001 <= value <= MOST_UPLOAD_MB,
        f"a number from 0.001 to {MOST_UPLOAD_MB}",
    )
