"""Kinds of values, as annotations that pydantic checks, and what messages call them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import ConfigDict, GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import CoreSchema, no_info_after_validator_function, no_info_plain_validator_function
from typing_extensions import NotRequired, TypedDict, is_typeddict

from recbole_metarec.lazy import names_in

STRICT = ConfigDict(strict=True, allow_inf_nan=False)
"""How values are checked: none is turned into another type, but that whole numbers are numbers."""

CLOSED = ConfigDict(extra="forbid", **STRICT)
"""How mappings with certain keys are checked: others are refused."""

TOLD = "told"
"""Type of the errors of pydantic that carry a line of their own."""

MOST_SEED = 2**32 - 1
"""The largest seed that numpy takes."""


@dataclass(frozen=True)
class Is:
    """Mark values of which a predicate is true, and what messages call them.

    Parameters
    ----------
    words : str
        Behind "must be".
    good : callable, optional
        By default all values of the annotated type are.
    """

    words: str
    good: Callable[[Any], object] | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(self._checked, handler(source))

    def _checked(self, value: Any) -> Any:
        if self.good is not None and not self.good(value):
            raise ValueError(self.words)
        return value


@dataclass(frozen=True)
class Follows:
    """Mark values that a function finds nothing wrong with.

    Parameters
    ----------
    rule : callable
        Returns what a value must be, in a whole line, or ``None``.
    """

    rule: Callable[[Any], str | None]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_plain_validator_function(self._checked)

    def _checked(self, value: Any) -> Any:
        line = self.rule(value)
        if line is not None:
            raise PydanticCustomError(TOLD, "{line}", {"line": line})
        return value


def mismatch(kind: Any, value: object) -> str | None:
    """Say what a value must be to be of a kind.

    Parameters
    ----------
    kind : type
        As fields of `Settings` have.
    value : object

    Returns
    -------
    str, or None
        As in ``must be a whole number, 1 or more``; ``None`` if it is of that kind.
    """
    try:
        _adapter(kind).validate_python(value)
    except ValidationError as error:
        told = [each["ctx"]["line"] for each in error.errors(include_url=False) if each["type"] == TOLD]
        return told[0] if told else f"must be {words(kind)}"
    return None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    inner = get_args(kind)[0] if hasattr(kind, "__metadata__") else kind
    return TypeAdapter(kind, config=None if is_typeddict(inner) else STRICT)  # such a class brings its own


def words(annotation: Any) -> str:
    """Say what the values of a type are.

    Parameters
    ----------
    annotation : type
        As fields of `Settings` have.

    Returns
    -------
    str
        Behind "must be".
    """
    origin = cast(object, get_origin(annotation))
    inner = get_args(annotation)
    if hasattr(annotation, "__metadata__"):  # Annotated
        own = [part.words for part in inner[1:] if isinstance(part, Is)]
        return own[-1] if own else _spanned(inner[0], inner[1:])
    if origin is Literal:
        return f"one of {', '.join(map(str, inner))}" if len(inner) > 1 else str(inner[0])
    if origin in (Union, UnionType):
        return ", or ".join(words(kind) for kind in sorted(inner, key=_is_single))
    if origin in (list, Sequence):
        return f"a list whose entries are {words(inner[0])}"
    if origin in (dict, Mapping):
        return "a mapping"
    return _PLAIN[annotation]


_PLAIN: dict[Any, str] = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "text",
    NoneType: "~",
}


def _is_single(kind: Any) -> bool:
    origin = cast(object, get_origin(kind))
    return kind is NoneType or origin is Literal


def _spanned(kind: Any, parts: Sequence[Any]) -> str:
    largest = {int: sys.maxsize, float: sys.float_info.max}.get(kind)
    narrow = parts[::-1]  # what an alias is narrowed by stands behind its own bounds
    low = next((f"{part.ge} or more" for part in narrow if isinstance(part, Ge)), "")
    low = next((f"above {part.gt}" for part in narrow if isinstance(part, Gt)), low)
    high = next((f"{part.le} at most" for part in narrow if isinstance(part, Le) and part.le != largest), "")
    span = " and ".join(filter(None, [low, high]))
    return f"{words(kind)}, {span}" if span else words(kind)


# -- numbers ----------------------------------------------------------------------------------------------------------

Whole = Annotated[int, Ge(0), Le(sys.maxsize)]
Count = Annotated[int, Ge(1), Le(sys.maxsize)]
Few = Annotated[int, Ge(1), Le(1000)]
"""Of what is built or done one by one."""
Nonnegative = Annotated[float, Ge(0)]
Positive = Annotated[float, Gt(0)]
Share = Annotated[float, Ge(0), Le(1)]
PositiveShare = Annotated[float, Gt(0), Le(1)]
Seed = Annotated[int, Ge(0), Le(MOST_SEED)]


# -- names ------------------------------------------------------------------------------------------------------------


def is_word(value: object) -> bool:
    """Whether a value is a text of printable characters without blanks around it."""
    return isinstance(value, str) and bool(value) and value == value.strip() and value.isprintable()


def is_place(value: object) -> bool:
    """Whether a value may name a file or folder."""
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def is_path(value: object) -> bool:
    """Whether the system can look a path up at all: no part of it is longer than a name may be."""
    if not isinstance(value, str) or not is_place(value):
        return False
    return len(os.fsencode(value)) < 4096 and all(len(os.fsencode(part)) < 256 for part in value.split("/"))


def is_dataset(value: object) -> bool:
    """Whether a value may name a dataset, which names its folder and its files."""
    # RecBole's log file has the name of the dataset and some 60 characters more
    if not isinstance(value, str) or not is_word(value) or len(os.fsencode(value)) > 160:
        return False
    return value not in (".", "..") and not set(value) & set('/\\*?[]"<>|')


Word = Annotated[str, Is("a name", is_word)]
Column = Annotated[str, Is("the name of a column", is_word)]
Columns = Annotated[Sequence[Column], Is("a list of names of columns, as in [rating,price]")]
Dataset = Annotated[str, Is("the name of a folder in data_path, without / and signs as * or ?", is_dataset)]
Folder = Annotated[str, Is("the name of a folder", is_path)]
FolderToWrite = Annotated[str, Is("the name of a folder", is_place)]
"""Whether it can be written is tried."""
FileToRead = Annotated[str, Is("the name of a file", is_path)]
FileToWrite = Annotated[str, Is("the name of a file", is_place)]


def listed(value: Any) -> list[Any]:
    """Return the values of a list, or a value that stands alone as a list of one."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def some_of(*names: str) -> Follows:
    """Mark lists of some of several names, each once, however they are cased; one name may stand alone."""

    def rule(value: Any) -> str | None:
        found = [name.lower() if isinstance(name, str) else name for name in listed(value)]
        good = bool(found) and all(name in names for name in found) and len({*found}) == len(found)
        return None if good else f"must list some of {', '.join(names)}"

    return Follows(rule)


def named_in(place: str, *shipped: str) -> Follows:
    """Mark the names of a table that others can add to.

    Parameters
    ----------
    place : str
        ``package.module:TABLE``; it may be slow to import, and is not for this.
    *shipped : str
        Names that are in it from the beginning.
    """

    def rule(value: Any) -> str | None:
        names = names_in(place, shipped)
        return None if isinstance(value, str) and value in names else f"must be one of {', '.join(names)}"

    return Follows(rule)


def some_named_in(place: str, *shipped: str) -> Follows:
    """Mark lists of some names of such a table, each once; see `named_in`."""

    def rule(value: Any) -> str | None:
        names = names_in(place, shipped)
        good = isinstance(value, (list, tuple)) and bool(value) and all(name in names for name in value)
        return None if good and len({*value}) == len(value) else f"must list some of {', '.join(names)}"

    return Follows(rule)


# -- RecBole's, which models of this package have, too ----------------------------------------------------------------

Learner = Literal["adam", "adamw", "sgd", "adagrad", "rmsprop"]
WindowLength = Annotated[Count, Le(10_000)]


class _ClipNorm(TypedDict):
    __pydantic_config__ = CLOSED  # type: ignore[misc]

    max_norm: Positive
    norm_type: NotRequired[Positive | Literal["inf"]]


ClipNorm = Annotated[_ClipNorm, Is("a mapping as in {max_norm: 5.0}")]


class _Negatives(TypedDict, total=False):
    __pydantic_config__ = CLOSED  # type: ignore[misc]

    distribution: Literal["uniform", "popularity", "None"] | None
    sample_num: Count
    alpha: Nonnegative
    dynamic: bool
    candidate_num: Whole


Negatives = Annotated[_Negatives, Is("a mapping as in {distribution: uniform, sample_num: 1}")]
