"""Command line: python run_recbole_metarec.py --model=MetaRec [--key=value ...]."""

import sys

from recbole_metarec.quick_start import main

if __name__ == "__main__":
    sys.exit(main())
