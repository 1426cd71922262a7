"""The form of checkpoints: what their files are called, which versions of it are read, and how they are refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recbole_metarec.errors import UserError

FORMAT = "recbole_metarec/2"
OLD_FORMAT = "recbole_metarec/1"
FORMATS = (OLD_FORMAT, FORMAT)
"""What `checkpoint.load` reads."""

SUFFIX = ".safetensors"

TREE = "tree"
"""Under which the header has all that is no tensor."""

LONGEST_HEADER = 100_000_000
"""What readers of safetensors accept."""


def is_tensor_file(path: Path) -> bool:
    """Tell from its first bytes whether a file may be one of tensors: the length of a JSON object, then that."""
    with path.open("rb") as file:
        begin = file.read(9)
    return len(begin) == 9 and begin[8:] == b"{" and int.from_bytes(begin[:8], "little") <= LONGEST_HEADER


def check_format(path: Path, found: object, wanted: str = FORMAT) -> None:
    """Refuse, with a `UserError`, a file whose format is another than is wanted."""
    if found == wanted:
        return
    number = re.fullmatch(r"recbole_metarec/(\d{1,9})", str(found))
    if number and int(number[1]) > int(FORMAT.rpartition("/")[2]):
        raise UserError([f"{path}: is of a newer format ({found}): update the package recbole-metarec"])
    raise UserError([f"{path}: not a checkpoint of format {FORMAT}"])


def require_weights(state: Mapping[str, Any], file: str) -> None:
    """Refuse, with a `UserError`, a checkpoint whose weights are none; it need not have any."""
    if not isinstance(state.get("state_dict", {}), dict):
        raise UserError([f"{file}: is damaged: state_dict is of type {type(state['state_dict']).__name__}"])


@contextmanager
def named_when_damaged(path: str | Path) -> Iterator[None]:
    """Let what fails while a checkpoint's values are taken over say which file it is.

    Parameters
    ----------
    path : path
        Of the checkpoint.

    Raises
    ------
    UserError
        If a value is missing or of another type or size than is wanted.
    """
    try:
        yield
    except UserError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError, OverflowError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError([f"{path}: is damaged: {type(error).__name__}: {reason}"]) from error
