"""``python -m recbole_metarec.data.amazon``: the former name of ``recbole-metarec amazon``."""

import sys

from recbole_metarec.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["amazon", *sys.argv[1:]]))
