"""Pictures as vectors: the mean of those that can be read."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from recbole_metarec.errors import UserError
from recbole_metarec.features.image import ImageEncoder, build_encoder, encode_pictures
from recbole_metarec.features.pictures import MOST, find_files

Image = pytest.importorskip("PIL.Image")


def paint(path: Path, colour: tuple[int, int, int]) -> Path:
    Image.new("RGB", (8, 6), colour).save(path)
    return path


def prepare(picture: Any) -> torch.Tensor:
    return torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1).float()


COLOURS = ImageEncoder(prepare, lambda pictures: pictures.mean((2, 3)))


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_items_get_the_mean_of_their_pictures(
    tmp_path: Path, batch_size: int, caplog: pytest.LogCaptureFixture
) -> None:
    red, blue = paint(tmp_path / "r.png", (200, 0, 0)), paint(tmp_path / "b.png", (0, 0, 100))
    broken = tmp_path / "x.png"
    broken.write_bytes(b"no picture")
    with caplog.at_level(logging.WARNING):
        found = encode_pictures([[red], [], [red, blue], [broken], [broken, blue]], COLOURS, batch_size, False)
    np.testing.assert_allclose(found[[0, 2, 4]], [[200, 0, 0], [100, 0, 50], [0, 0, 100]])
    assert np.isnan(found[[1, 3]]).all()
    assert f"2 pictures cannot be read and are left out, {broken} the first" in caplog.text


def test_without_any_picture_the_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--image_folder: no picture"):
        encode_pictures([[], []], COLOURS, 2, False)


def test_files_are_found_by_the_last_part_of_their_address(tmp_path: Path) -> None:
    paths = [paint(tmp_path / f"{i}.png", (0, 0, i)) for i in range(MOST + 2)]
    names = [f"https://x.y/images/{path.name}?size=3" for path in paths]
    assert find_files(tmp_path, [*names[:1], "https://x.y/nothing.png", *names[1:]]) == paths[:MOST]


@pytest.mark.parametrize("package", ["torchvision", "timm", "open_clip"])
def test_without_the_package_the_extra_is_named(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=rf"--image_encoder={package}:x: needs {package}; .*\[image\]"):
        build_encoder(f"{package}:x", tmp_path / "w.pth")


def test_wrong_weights_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def create_model(name: str, **options: Any) -> Any:
        raise RuntimeError("size mismatch\nfor fc")

    timm = ModuleType("timm")
    timm.__dict__["create_model"] = create_model
    monkeypatch.setitem(sys.modules, "timm", timm)
    torch.save({}, tmp_path / "w.pth")
    with pytest.raises(UserError, match=r"w\.pth: size mismatch for fc"):
        build_encoder("timm:x", tmp_path / "w.pth")


@pytest.mark.parametrize("package", ["torchvision:resnet18", "timm:resnet18", "open_clip:RN50"])
def test_real_encoders_load_weights_and_see(package: str, tmp_path: Path) -> None:
    name, _, model = package.partition(":")
    pytest.importorskip(name)
    torch.manual_seed(0)
    if name == "torchvision":
        from torchvision import models

        network = models.get_model(model, weights=None)
    elif name == "timm":
        import timm

        network = timm.create_model(model, pretrained=False)
    else:
        import open_clip

        network = open_clip.create_model(model, pretrained=None)
    weights = tmp_path / "w.pth"
    torch.save(network.state_dict(), weights)
    files = [[paint(tmp_path / "r.png", (200, 0, 0))], [paint(tmp_path / "b.png", (0, 0, 100))]]
    vectors = encode_pictures(files, build_encoder(package, weights), 2, False)
    assert vectors.shape[1] in (512, 1024)
    assert np.isfinite(vectors).all()
    assert not np.allclose(vectors[0], vectors[1])
