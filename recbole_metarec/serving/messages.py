"""What the service is asked and what it answers, with the limits of both."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, Strict
from pydantic_core import CoreSchema

MAX_BODY = 1 << 20  # bytes
MAX_K = 1_000
MAX_SEQUENCES = 256
MAX_LENGTH = 10_000
MAX_ITEMS = 100

ItemId = Annotated[str, Field(max_length=1_000)]
Sequence = Annotated[list[ItemId], Field(max_length=MAX_LENGTH)]


class _InOneLine:
    """Says what a value must be in one line, where pydantic has one for each type that it may have."""

    def __init__(self, said: str) -> None:
        self.said = said

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = {**handler(source), "custom_error_type": "time", "custom_error_message": self.said}
        return cast(CoreSchema, schema)


Time = Annotated[
    Annotated[float, Strict()] | str, _InOneLine("Input should be seconds since 1970 or ISO text, as 2014-07-01")
]
At = Annotated[
    Time | None,
    Field(
        description="When the recommendation is asked for: seconds since 1970 or ISO 8601, now by default. Evidence "
        "that knows the clock reads it; what a sequence has later is not read.",
        examples=["2026-11-28"],
    ),
]
Times = Annotated[list[Time], Field(max_length=MAX_LENGTH)]
Model = Annotated[str | None, Field(description="Name out of /models, by default the first.", examples=[None])]
K = Annotated[int, Field(ge=1, le=MAX_K, description="How many items.")]


class Request(BaseModel):
    """A question, whose item ids may be written as numbers, too."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True, allow_inf_nan=False)

    model: Model = None


class RecommendRequest(Request):
    """What comes next in sequences."""

    sequences: Annotated[
        list[Sequence],
        Field(
            min_length=1,
            max_length=MAX_SEQUENCES,
            description="For each recommendation the ids of what was had before, oldest first.",
            examples=[[["A", "B"], ["C"]]],
        ),
    ]
    times: Annotated[
        list[Times | None] | None,
        Field(
            max_length=MAX_SEQUENCES,
            description="For each sequence when each of its items was had, or null; by default all just now. "
            "Sequences are put in the order of their times.",
            examples=[[["2026-11-20", "2026-11-21T18:30"], None]],
        ),
    ] = None
    k: K = 10
    exclude_seen: Annotated[bool, Field(description="Leave out what stands in the sequence.")] = True
    candidates: Annotated[
        list[ItemId] | None, Field(description="The only items to choose from, by default all.", examples=[None])
    ] = None
    exclude: Annotated[list[ItemId] | None, Field(description="Items to leave out.", examples=[None])] = None
    at: At = None
    unknown: Annotated[
        Literal["skip", "raise"], Field(description="Leave unknown ids out and name them, or refuse the request.")
    ] = "skip"


class SimilarRequest(Request):
    """What is like items."""

    items: Annotated[list[ItemId], Field(min_length=1, max_length=MAX_ITEMS, examples=[["A"]])]
    k: K = 10
    across: Annotated[
        Literal["source"] | None,
        Field(
            description="source is for items of the domains that /models lists as sources, named domain/id.",
            examples=[None],
        ),
    ] = None


class ExplainRequest(Request):
    """What the scores of items behind a sequence are made of."""

    sequence: Annotated[Sequence, Field(examples=[["A", "B"]])]
    times: Annotated[
        Times | None, Field(description="When each of its items was had.", examples=[["2026-11-20", "2026-11-21"]])
    ] = None
    items: Annotated[list[ItemId], Field(min_length=1, max_length=MAX_ITEMS, examples=[["C"]])]
    at: At = None


class Item(BaseModel):
    """An item of the catalogue."""

    item_id: str
    title: str | None
    image: Annotated[str | None, Field(description="Address of a picture.")]


class ScoredItem(Item):
    """An item among others."""

    score: float
    rank: int


class Recommendations(BaseModel):
    """Items for each sequence, the best first."""

    model: str
    recommendations: list[list[ScoredItem]]
    unknown_items: Annotated[list[str], Field(description="Ids in the request that the model does not know.")]


class SimilarItems(BaseModel):
    """Items for each that was asked about, the most alike first."""

    model: str
    similar: list[list[ScoredItem]]


class Part(BaseModel):
    """A part of a score."""

    name: str
    value: Annotated[float | None, Field(description="What it adds; null where it rules the item out.")]
    mean: Annotated[float | None, Field(description="What it adds to items on average.")]


class Explanation(Item):
    """What the score of an item is made of."""

    score: Annotated[float | None, Field(description="Sum of the parts; null where the model rules the item out.")]
    parts: list[Part]
    transitions: Annotated[
        dict[str, float], Field(description="Items of the sequence that lead to it, each with its share.")
    ]
    sentence: Annotated[str, Field(description="The same in words.")]


class Explanations(BaseModel):
    """What the scores of items are made of, in the order in which they were asked about."""

    model: str
    explanations: list[Explanation]


class Found(BaseModel):
    """Items that a search found."""

    items: list[Item]


class ModelCard(BaseModel):
    """A model that is served."""

    name: str
    model: str
    dataset: str
    n_items: int
    has_titles: bool
    has_images: bool
    sources: Annotated[list[str], Field(description="Domains whose items have one space with the model's own.")]
    knows_clock: Annotated[bool, Field(description="Whether the time of a request changes what is recommended.")]
    last_day: Annotated[date | None, Field(description="The last that its evidence counts, where it knows the clock.")]


class Health(BaseModel):
    """That the service answers."""

    status: Literal["ok"] = "ok"


class Problems(BaseModel):
    """Why there is no answer."""

    detail: Annotated[list[str], Field(description="What is wrong and what to write instead, one line each.")]
