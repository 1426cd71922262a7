"""Command line: python run_recbole_metarec.py --model=MetaRec [--key=value ...]."""

import sys

from recbole_metarec.cli.interrupts import ending_at_once


def main() -> int:
    """Import and run the command line; an interrupt is one line from the beginning."""
    with ending_at_once():
        from recbole_metarec.cli.main import main as command
    return command()


if __name__ == "__main__":
    sys.exit(main())
