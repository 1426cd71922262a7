"""Whether transfer helps on real Amazon targets: MetaRec, ANT, their controls and RecBole's models, suite by suite.

    python benchmarks/transfer.py --suite office --users 0.1 --seeds=1

Each suite is a property file in `benchmarks/suites/`, above `common.yaml` and, where timestamps are times, above
`common-timed.yaml`; what else stands on the command line lies above them, as `--quantizer=False`. Finished runs are
kept in `comparison_folder` and never made twice.
`benchmarks/recorded.py` prints the tables of `docs/results/transfer.md`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from recbole_metarec.cli.arguments import parse_arguments
from recbole_metarec.comparison.compare import compare
from recbole_metarec.comparison.summary import summarize
from recbole_metarec.comparison.text_report import text_report
from recbole_metarec.settings.users_yaml import read_users_yaml

FOLDER = Path(__file__).parent / "suites"
SUITES = sorted(path.stem for path in FOLDER.glob("*.yaml") if not path.stem.startswith("common"))


def is_timed(name: str) -> bool:
    """Whether a suite's timestamps are times."""
    return name.startswith("timed-")


def read_suite(name: str) -> dict[str, Any]:
    """Return the settings of a suite."""
    common = ["common", "common-timed"] if is_timed(name) else ["common"]
    files = [FOLDER / f"{stem}.yaml" for stem in (*common, name)]
    return {key: value for file in files for key, value in read_users_yaml(file, str(file)).items()}


def main() -> None:
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout, allow_abbrev=False)
    parser.add_argument("--suite", nargs="+", default=SUITES, choices=SUITES)
    parser.add_argument(
        "--users",
        nargs="+",
        type=float,
        default=[1.0, 0.1],
        help="shares of the training users; of timed suites, of the users that are known at all",
    )
    options, others = parser.parse_known_args()
    given = parse_arguments(others)
    for name in options.suite:
        for users in options.users:
            share = {"known_users" if is_timed(name) else "train_users": users}
            comparison = compare({**read_suite(name), **share, **given})
            print(text_report(comparison, summarize(comparison), markdown=True), end="\n\n")


if __name__ == "__main__":
    main()
