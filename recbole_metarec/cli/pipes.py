"""What becomes of output that nobody reads any more, as behind ``| head``."""

from __future__ import annotations

import os
import sys


def forget_unread() -> None:
    """Let all that is still to be printed where nobody reads come to nothing, at the end of the process, too."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
