"""A backend that hangs or crashes, as decoders of hostile files may; its content says how."""

from __future__ import annotations

import gc
import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

from facevoice.evaluation.errors import UnusableError
from facevoice.serving.answers import Answer, Match


class Misbehaving:
    """Does what the file of a face says."""

    title, accepts, has_gallery = "misbehaving", (("face",),), False

    def warm(self):
        pass

    def identify(self, media):
        said = Path(media["face"]).read_text()
        if said == "hang":
            time.sleep(1000)
        elif said == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif said == "exit":
            os._exit(3)
        elif said == "go silent":  # as a process that hangs at its exit
            for each in gc.get_objects():
                if isinstance(each, Connection):
                    each.close()
            time.sleep(1000)
        elif said == "bad":
            raise UnusableError(f"{media['face']} cannot be used.")
        elif said == "error":
            raise ZeroDivisionError("of the backend")
        people = (Match(f"{said} of {os.getpid()}", 1.0),)
        return Answer(said, True, people, "score", None, "none", None, None, None)


def broken():
    raise OSError(2, "No such file or directory", "run")
