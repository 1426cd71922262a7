"""Command line: python run_recbole_metarec.py --model=MetaRec [--key=value ...]."""

import sys

from recbole_metarec.command import main

if __name__ == "__main__":
    sys.exit(main())
