"""The ``.item`` files of domains: where they are, and the cells of their columns.

Format: https://recbole.io/docs/user_guide/data/atomic_files.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from recbole_metarec.domains.cells import first_line, read_cells, surplus_problems
from recbole_metarec.domains.header import read_header
from recbole_metarec.errors import UserError


@dataclass(frozen=True)
class ItemFiles:
    """Where the files of all domains are, and how they are written.

    Parameters
    ----------
    root : Path
        Folder with a folder for each domain.
    item_field : str
        Name of the column of items.
    separator : str
        Column separator.
    encoding : str
        Text encoding.
    """

    root: Path
    item_field: str = "item_id"
    separator: str = "\t"
    encoding: str = "utf-8"

    def path(self, domain: str, ending: str) -> Path:
        """Return the path of a domain's file with some ending."""
        return self.root / domain / f"{domain}.{ending}"

    def read(self, domain: str, columns: Sequence[str]) -> pd.DataFrame:
        """Read columns of a domain's ``.item`` file.

        Parameters
        ----------
        domain : str
        columns : sequence of str

        Returns
        -------
        pandas.DataFrame
            The column of items and those asked for, as texts, blank where the file lacks one. The index has line
            numbers; a file that does not exist has no line.

        Raises
        ------
        UserError
            If the file is malformed, or an item stands there twice.
        """
        path = self.path(domain, "item")
        names = list(dict.fromkeys([self.item_field, *columns]))
        if not path.is_file():
            return pd.DataFrame(columns=names, dtype=object)
        header = read_header(path, self.separator, self.encoding)
        if self.item_field not in header:
            raise UserError([f"{path}: field {self.item_field!r} is missing; line 1 has {', '.join(header)}"])
        frame = read_cells(path, list(header), self.separator, self.encoding, quotes=False)
        problems = surplus_problems(path, frame, len(header)) or _repeated(path, frame[self.item_field])
        if problems:
            raise UserError(problems)
        return frame.reindex(columns=names, fill_value="")


def _repeated(path: Path, items: pd.Series) -> list[str]:
    twice = items.duplicated()
    if not twice.any():
        return []
    line, item = first_line(twice), items[twice].iloc[0]
    return [f"{path}: line {line}: item {item} stands there twice; keep one of its lines"]
