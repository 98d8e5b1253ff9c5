"""Standard error is discarded for C libraries, and comes back."""

from __future__ import annotations

import os
import threading

from facevoice.features.native_output import without_native_stderr


def test_standard_error_comes_back_after_the_last_of_several_threads(capfd):
    is_in, may_leave = threading.Event(), threading.Event()

    def other():
        with without_native_stderr():
            is_in.set()
            may_leave.wait(30)
            os.write(2, b"hidden, too\n")

    thread = threading.Thread(target=other)
    with without_native_stderr():
        thread.start()
        assert is_in.wait(30)
        os.write(2, b"hidden\n")
    may_leave.set()
    thread.join()
    os.write(2, b"shown\n")
    assert capfd.readouterr().err == "shown\n"
