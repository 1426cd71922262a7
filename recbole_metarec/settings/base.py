"""What a class of settings is: typed fields, each with its default, rule, help, and where the default comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo
from typing_extensions import Self

from recbole_metarec.settings.kinds import STRICT, mismatch, words


class Keyed(Protocol):
    """What settings are read from: a mapping, or RecBole's Config."""

    def __contains__(self, key: object) -> bool: ...

    def __getitem__(self, key: str, /) -> Any: ...


CrossCheck = tuple[tuple[str, ...], Callable[[Mapping[str, Any]], Iterator[str]]]
"""A check of several keys together, given all settings of a run; it is left out where one of the keys is wrong."""


Decides = Literal["value", "content", "nothing"]
"""What of a setting results hang on: its value, what is in the file that it names, or nothing."""


def option(default: Any, help: str = "", source: str = "", decides: Decides = "value") -> Any:
    """Describe a field of `Settings`.

    Parameters
    ----------
    default : Any
        Its value where nobody says otherwise.
    help : str
        What it does.
    source : str
        Where the default comes from: a paper, another project's code, or this package's own experiments ("Ours").
    decides : {"value", "content", "nothing"}
        What of it results hang on; see `Decides`.

    Returns
    -------
    pydantic.fields.FieldInfo
    """
    return Field(default, description=help, json_schema_extra={"source": source, "decides": decides})


def redefault(settings: type[Settings], key: str, default: Any, source: str) -> Any:
    """Describe a field of a component as it is but for its default; see `option`.

    Parameters
    ----------
    settings : type of Settings
        The component.
    key : str
        Name of the field.
    default : Any
        What a model has instead.
    source : str
        Where that comes from.

    Returns
    -------
    pydantic.fields.FieldInfo
    """
    field = settings.model_fields[key]
    extra = field.json_schema_extra
    assert isinstance(extra, dict)
    return Field(default, description=field.description, json_schema_extra={**extra, "source": source})


def deciding(settings: type[Settings], decides: Decides) -> list[str]:
    """List the fields of which results hang on what ``decides`` says; fields without `option` decide by their value."""
    extras = {key: field.json_schema_extra for key, field in settings.model_fields.items()}
    return [key for key, extra in extras.items() if isinstance(extra, Mapping) and extra.get("decides") == decides]


class Settings(BaseModel):
    """Settings of a component, under the flat keys of RecBole's configuration files.

    The type of a field is its rule: ``int`` takes no truth value, and ``float`` nothing that is not finite. Classes are
    put together by inheritance, so that a model's settings are those of each of its components.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True, **STRICT)

    group: ClassVar[str] = ""
    """Heading of the fields in help and property files."""

    checks: ClassVar[tuple[CrossCheck, ...]] = ()
    """Of its own fields together; see `cross_checks`."""

    @classmethod
    def of(cls, settings: Keyed) -> Self:
        """Take the fields from a configuration; what it lacks is at its default.

        Parameters
        ----------
        settings : mapping or recbole.config.Config
            Values by key; other keys are passed over.

        Returns
        -------
        Settings

        Raises
        ------
        pydantic.ValidationError
            If a value breaks a rule; see `problem`.
        """
        return cls(**{key: settings[key] for key in cls.model_fields if key in settings})

    def plain_of(self, component: type[Settings]) -> dict[str, Any]:
        """Return the values of a component's keys, which `of` takes again."""
        return {key: getattr(self, key) for key in component.model_fields}

    @classmethod
    def cross_checks(cls) -> list[CrossCheck]:
        """List the checks of each component."""
        return [check for part in cls.__mro__ for check in vars(part).get("checks", ())]

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Return the default of each field."""
        return {key: field.default for key, field in cls.model_fields.items()}


def problem(settings: type[Settings], key: str, value: Any) -> str | None:
    """Check a value against the rule of a field.

    Parameters
    ----------
    settings : type of Settings
        The class that has the field.
    key : str
        Name of the field.
    value : Any

    Returns
    -------
    str, or None
        What the value must be, as in ``must be a whole number, 1 or more``; ``None`` if it is.
    """
    return mismatch(kind_of(settings, key), value)


@cache
def kind_of(settings: type[Settings], key: str) -> Any:
    """Return the type of a field, with all that narrows it."""
    return _annotation(settings.model_fields[key])


def words_of(field: FieldInfo) -> str:
    """Say what the values of a field are, as in ``a whole number, 1 or more``."""
    return words(_annotation(field))


def _annotation(field: FieldInfo) -> Any:
    annotation: Any = field.annotation
    for part in field.metadata:
        annotation = Annotated[annotation, part]
    return annotation


class Documented(NamedTuple):
    """A field as help and property files show it.

    Attributes
    ----------
    group : str
        Heading of its component.
    key : str
    field : pydantic.fields.FieldInfo
    """

    group: str
    key: str
    field: FieldInfo

    @property
    def help(self) -> str:
        """What the field does."""
        return self.field.description or ""

    @property
    def source(self) -> str:
        """Where the default comes from; empty where there is nothing to say."""
        extra = self.field.json_schema_extra
        return str(extra.get("source", "")) if isinstance(extra, Mapping) else ""


def documented(settings: type[Settings]) -> Iterator[Documented]:
    """List the fields of a class, those of each component together.

    Parameters
    ----------
    settings : type of Settings

    Yields
    ------
    Documented
    """
    for key, field in settings.model_fields.items():
        owners = [
            each
            for each in settings.__mro__
            if issubclass(each, Settings) and key in vars(each).get("__annotations__", {})
        ]
        yield Documented(owners[-1].group, key, field)
