"""``python -m recbole_metarec.amazon`` is ``recbole-metarec amazon``."""

import sys

from recbole_metarec.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["amazon", *sys.argv[1:]]))
