"""Command line: python run_recbole_metarec.py --model=MetaRec [--key=value ...]."""

import os
import signal
import sys


def main() -> int:
    """Import and run the command line; an interrupt is one line from the beginning."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # which a job in the background has not
        signal.signal(signal.SIGINT, _end)
    from recbole_metarec.cli.main import main as command

    signal.signal(signal.SIGINT, before)
    return command()


def _end(*_: object) -> None:
    os.write(2, b"interrupted\n")
    os._exit(130)  # imports have nothing to clean up, and some take an interrupt for another error


if __name__ == "__main__":
    sys.exit(main())
