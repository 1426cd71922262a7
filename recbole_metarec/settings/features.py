"""What is known of items, and how it becomes vectors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

from recbole_metarec.settings.base import CrossCheck, Settings, option
from recbole_metarec.settings.kinds import (
    Column,
    Count,
    Few,
    FileToRead,
    Folder,
    FolderToWrite,
    Is,
    Nonnegative,
    Share,
    Word,
    some_named_in,
)

IMAGE_LIBRARIES = ("torchvision", "timm", "open_clip")
"""Libraries whose encoders of pictures can be named."""


def _is_image_encoder(value: Any) -> bool:
    return re.fullmatch(rf"vectors|({'|'.join(IMAGE_LIBRARIES)}):\S+", value) is not None


def _pictures_can_be_encoded(settings: Mapping[str, Any]) -> Iterator[str]:
    encoder, weights, folder = (settings[f"image_{key}"] for key in ("encoder", "weights", "folder"))
    if "image" not in settings["modalities"] or encoder == "vectors":
        return
    if not weights or not Path(weights).is_file():
        yield f"--image_weights={weights}: {encoder} needs a file of its weights; download it first"
    if not folder or not Path(folder).is_dir():
        yield f"--image_folder={folder}: {encoder} needs a folder with the pictures of each domain in NAME/"


_Modalities = Annotated[
    Sequence[str], some_named_in("recbole_metarec.features.modalities:MODALITIES", "text", "image", "price")
]


class FeatureSettings(Settings):
    """Texts, pictures and prices of items, for ANT, and for MetaRec with item_features."""

    group = "Features of items"
    checks: ClassVar[tuple[CrossCheck, ...]] = (
        (("modalities", "image_encoder", "image_weights", "image_folder"), _pictures_can_be_encoded),
    )

    modalities: Annotated[
        Sequence[str], some_named_in("recbole_metarec.features.modalities:MODALITIES", "text", "image", "price")
    ] = option(["text", "image", "price"], "Of these, those that the target has are used.")
    text_fields: Annotated[
        Sequence[Column], Is("a list of names, as in [title,brand]", lambda value: len(value) > 0)
    ] = option(
        ["title", "movie_title", "categories", "class", "brand"],
        "Columns of the .item file that make an item's text; those that a file lacks are left out.",
        "UniSRec, with the names of RecBole's MovieLens files",
    )
    text_encoder: Word = option(
        "tfidf",
        "tfidf | vectors | name of a sentence-transformers model (extra [text]). tfidf is words and pairs of words "
        "after truncated SVD, over all domains of the suite.",
        "Ours",
    )
    text_size: Count = option(512, "Width of tfidf's vectors.", "Ours")
    text_vectors: Word = option(
        "text", "With vectors: read NAME/NAME.text.npz, with item_id (n,) and vector (n, width)."
    )
    price_field: Column | None = option(
        "price", "Column of the price. Prices are sorted into two buckets for each doubling.", "Ours"
    )
    image_field: Column | None = option("image", "Column of up to four names or addresses of pictures.")
    image_encoder: Annotated[
        str,
        Is(
            f"vectors or one of {', '.join(IMAGE_LIBRARIES)} with a model, as in torchvision:resnet18",
            _is_image_encoder,
        ),
    ] = option("vectors", "vectors | torchvision:MODEL | timm:MODEL | open_clip:MODEL (extra [image]).")
    image_vectors: Word = option("image", "With vectors: read NAME/NAME.image.npz, if there is one.")
    image_weights: FileToRead | None = option(None, "File of the encoder's weights.", decides="content")
    image_folder: Folder | None = option(None, "Folder with a folder of pictures for each domain.")
    max_bad_features: Share = option(
        0.1, "Largest share of a file's items that may lack a vector, be unknown or not finite.", "Ours"
    )
    feature_batch_size: Count = option(64, "Texts or pictures that are encoded at a time.", "Ours")
    feature_cache: FolderToWrite = option(
        "saved/features",
        "Folder of computed features, by the hash of what they were computed from.",
        decides="nothing",
    )


class AdapterSettings(Settings):
    """From features to item vectors."""

    group = "Adapter of features"

    n_experts: Few = option(1, "Experts of each modality; 1 is no mixture.", "Ours; ANT has 8")
    adapter_dropout_prob: Share = option(0.2, "Dropout of features.", "ANT")
    fusion_weight: Nonnegative = option(0.1, "Weight of the product of text and image; 0 has none.", "ANT")
