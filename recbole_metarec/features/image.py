"""Pictures as vectors: an encoder of torchvision, timm or open_clip, the extra ``[image]``."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from logging import getLogger
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from recbole_metarec.errors import UserError
from recbole_metarec.progress import bar


class ImageEncoder(NamedTuple):
    """What turns pictures into vectors.

    Attributes
    ----------
    prepare : callable
        From a PIL image to a Tensor, shape (3, height, width).
    encode : callable
        From pictures, shape (B, 3, height, width), to vectors, shape (B, W).
    """

    prepare: Callable[[Any], Tensor]
    encode: Callable[[Tensor], Tensor]


def encode_pictures(
    files: Sequence[Sequence[Path]], encoder: ImageEncoder, batch_size: int, progress: bool
) -> npt.NDArray[np.float32]:
    """Average the vectors of each item's pictures.

    Parameters
    ----------
    files : sequence of sequence of Path
        Pictures of each item.
    encoder : ImageEncoder
    batch_size : int
        Pictures in a batch.
    progress : bool
        Show a bar.

    Returns
    -------
    float32 array, shape (n, W)
        Not a number where an item has no picture that can be read; those that cannot are counted in a warning.
    """
    from PIL import Image, UnidentifiedImageError

    owners = [(item, path) for item, paths in enumerate(files) for path in paths]
    sums: npt.NDArray[np.float64] | None = None
    counts, broken = np.zeros(len(files), np.int64), []
    for first in bar(range(0, len(owners), batch_size), desc="batches of pictures", show=progress):
        pictures, items = [], []
        for item, path in owners[first : first + batch_size]:
            try:
                with Image.open(path) as image:
                    pictures.append(encoder.prepare(image.convert("RGB")))
                items.append(item)
            except (OSError, UnidentifiedImageError):
                broken.append(path)
        if not pictures:
            continue
        with torch.no_grad():
            vectors = encoder.encode(torch.stack(pictures)).double().cpu().numpy()
        sums = np.zeros((len(files), vectors.shape[1])) if sums is None else sums
        np.add.at(sums, items, vectors)
        np.add.at(counts, items, 1)
    if broken:
        getLogger().warning(f"{len(broken)} pictures cannot be read and are left out, {broken[0]} the first")
    if sums is None:
        raise UserError(["--image_folder: no picture there can be read; see image_field, too"])
    return np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], np.nan).astype(np.float32)


def build_encoder(name: str, weights: Path) -> ImageEncoder:
    """Build an encoder without its classifier, with weights from a file.

    Parameters
    ----------
    name : str
        ``package:model``, as in ``torchvision:resnet18``, ``timm:vit_base_patch16_224`` or ``open_clip:ViT-B-32``.
    weights : Path
        A file of its ``state_dict``.

    Returns
    -------
    ImageEncoder

    Raises
    ------
    UserError
        If the package, the model or the weights are not there.
    """
    package, _, model = name.partition(":")
    try:
        return {"torchvision": _torchvision, "timm": _timm, "open_clip": _open_clip}[package](model, weights)
    except ImportError:
        raise UserError(
            [f"--image_encoder={name}: needs {package}; pip install 'recbole-metarec[image]', or write vectors"]
        ) from None
    except (OSError, RuntimeError, ValueError, EOFError) as error:
        reason = " ".join(str(error).split())
        raise UserError([f"--image_encoder={name}, --image_weights={weights}: {reason}"]) from None


def _torchvision(model: str, weights: Path) -> ImageEncoder:
    from torchvision import models, transforms

    network = models.get_model(model, weights=None)
    network.load_state_dict(_read(weights))
    # the classifier is the last child of every model of torchvision
    last, _ = list(network.named_children())[-1]
    setattr(network, last, nn.Identity())
    prepare = transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    return ImageEncoder(prepare, network.eval())


def _timm(model: str, weights: Path) -> ImageEncoder:
    import timm

    _refuse_pickles(weights)
    network = timm.create_model(model, pretrained=False, checkpoint_path=str(weights))
    network.reset_classifier(0)
    prepare = timm.data.create_transform(**timm.data.resolve_model_data_config(network), is_training=False)
    return ImageEncoder(prepare, network.eval())


def _open_clip(model: str, weights: Path) -> ImageEncoder:
    import open_clip

    _refuse_pickles(weights)
    network, _, prepare = open_clip.create_model_and_transforms(model, pretrained=str(weights))
    return ImageEncoder(prepare, network.eval().encode_image)


def _refuse_pickles(weights: Path) -> None:
    """Try to read a file without unpickling: some versions of timm and open_clip would unpickle it."""
    if weights.suffix != ".safetensors":
        _read(weights)


def _read(weights: Path) -> dict[str, Tensor]:
    try:
        state: dict[str, Tensor] = torch.load(weights, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ValueError("holds pickled objects, which can run code; save its state_dict alone") from None
    return state
