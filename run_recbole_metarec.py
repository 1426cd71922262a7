"""Command line: python run_recbole_metarec.py --model=MetaRec [--key=value ...]."""

import sys

from recbole_metarec.cli.interrupts import answer_signals, end_at_once, ending_at_once, status_of


def main() -> int:
    """Import and run the command line; an interrupt is one line from the beginning to the end."""
    try:
        answer_signals()
        with ending_at_once():
            from recbole_metarec.cli.main import main as command
        return command()
    except KeyboardInterrupt as interrupt:  # before the command took note of it
        word, status = status_of(interrupt)
        print(word, file=sys.stderr)
        return status
    finally:
        end_at_once()


if __name__ == "__main__":
    sys.exit(main())
