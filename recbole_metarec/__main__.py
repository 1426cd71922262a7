"""``python -m recbole_metarec``: the command line."""

import sys

from run_recbole_metarec import main

if __name__ == "__main__":
    sys.exit(main())
