"""The tiny autoencoder: the numbers of diffusers' from every form of its files, and what previews do with one."""

import io
import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from nodes.diffusion.checkpoint import load_vae
from nodes.diffusion.preview import LatentColors, Preview
from nodes.diffusion.safetensors_file import BadCheckpoint, SafetensorsFile, write_safetensors
from nodes.diffusion.taesd import TinyAutoencoder, TinyConfig, tiny_autoencoder
from nodes.diffusion.tiny_preview import TinyPreview, tiny_file
from nodes.diffusion.weights_file import ALLOWED
from tests.diffusion.checkpoints import CPU

WIDTH = 8


def plus_one(name: str) -> str:
    """The number of a decoder's module as the published files have it: one more than diffusers'."""
    number, rest = name.split(".", 1)
    return f"{int(number) + 1}.{rest}"


def halves(tensors: Mapping[str, Tensor], encoder: str | None, decoder: str | None) -> dict[str, Tensor]:
    """The halves under these prefixes, numbered as in the published files; None leaves one out."""
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        half, _, rest = name.partition(".layers.")
        if half == "encoder" and encoder is not None:
            found[encoder + rest] = tensor
        if half == "decoder" and decoder is not None:
            found[decoder + plus_one(rest)] = tensor
    return found


@pytest.fixture(scope="module")
def reference() -> Any:
    diffusers: Any = import_module("diffusers")
    widths = (WIDTH,) * 4
    network = diffusers.AutoencoderTiny(encoder_block_out_channels=widths, decoder_block_out_channels=widths).eval()
    generator = torch.Generator().manual_seed(0)
    for tensor in network.state_dict().values():
        tensor.copy_(torch.randn(tensor.shape, generator=generator) / max(1, tensor[0].numel()) ** 0.5)
    return network.requires_grad_(False)


@pytest.fixture(scope="module")
def tensors(reference: Any) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in reference.state_dict().items()}


def random(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("form", ["diffusers", "taesd_", "plain", "bare", "half precision"])
@torch.no_grad()
def test_every_form_of_its_files_gives_the_numbers_of_diffusers(
    form: str, reference: Any, tensors: dict[str, Tensor], tmp_path: Path
) -> None:
    forms = {
        "diffusers": [tensors],
        "taesd_": [halves(tensors, "taesd_encoder.", "taesd_decoder.")],
        "plain": [halves(tensors, "encoder.", "decoder.")],
        "bare": [halves(tensors, "", None), halves(tensors, None, "")],
        "half precision": [{name: tensor.half() for name, tensor in tensors.items()}],
    }
    pictures, latents = random(2, 3, 40, 24).sigmoid(), 2 * random(2, 4, 5, 3)
    accuracy = 2e-2 if form == "half precision" else 1e-4
    encoded = reference.encode(pictures * 2 - 1).latents
    decoded = ((reference.decode(latents).sample + 1) / 2).clamp(0, 1)
    assert decoded.std() > 0.01
    for index, contents in enumerate(forms[form]):
        write_safetensors(contents, tmp_path / f"{index}.safetensors")
        vae = load_vae(tmp_path / f"{index}.safetensors", CPU)
        assert vae.scale is None
        if vae.missing != "encoder":
            torch.testing.assert_close(vae.encode(pictures), encoded, rtol=0, atol=accuracy)
        if vae.missing != "decoder":
            torch.testing.assert_close(vae.decode(latents), decoded, rtol=0, atol=accuracy)
    assert [load_vae(path, CPU).missing for path in sorted(tmp_path.iterdir())] == (
        ["decoder", "encoder"] if form == "bare" else [None]
    )


def test_its_weights_have_the_names_of_the_published_files() -> None:
    names = TinyAutoencoder(TinyConfig()).state_dict()
    assert len(names) == 67 + 67
    assert {"encoder.1.conv.4.bias", "encoder.10.weight", "encoder.14.bias", "decoder.1.weight"} <= names.keys()
    assert {"decoder.5.conv.0.weight", "decoder.17.weight", "decoder.18.conv.4.bias", "decoder.19.bias"} <= names.keys()
    assert "decoder.17.bias" not in names


@pytest.mark.parametrize(
    ("key", "other", "said"),
    [
        ("decoder.layers.8.conv.2.bias", None, "'decoder.layers.8.conv.2.bias' is missing"),
        ("decoder.layers.18.bias", torch.zeros(4), r"expected float \[3\], got float32 \[4\]"),
        ("decoder.layers.0.weight", torch.zeros(4096, 4, 3, 3), "4096 channels"),
        ("decoder.layers.18.bias", torch.zeros(3).int(), "got int32"),
    ],
)
def test_a_damaged_file_is_refused_by_its_name_and_key(
    key: str, other: Tensor | None, said: str, tensors: dict[str, Tensor], tmp_path: Path
) -> None:
    changed = {name: tensor for name, tensor in tensors.items() if name != key}
    write_safetensors(changed if other is None else changed | {key: other}, tmp_path / "odd.safetensors")
    with pytest.raises(BadCheckpoint, match=f"odd.safetensors: .*{said}"):
        load_vae(tmp_path / "odd.safetensors", CPU)


def test_a_file_of_something_else_is_no_tiny_autoencoder(tmp_path: Path) -> None:
    write_safetensors({"0.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(BadCheckpoint, match="no tiny autoencoder in it"):
        tiny_autoencoder(SafetensorsFile(tmp_path / "other.safetensors"), CPU)


def test_the_file_of_a_family_is_found_by_its_name() -> None:
    names = (
        "taesd_encoder.safetensors", "taesd_decoder.safetensors", "taesd_decoder.pth", "taesd3_decoder.safetensors",
        "taesdxl_decoder.pth", "taef1_decoder.safetensors", "taesd.txt", "other/TAESDXL/model.safetensors",
    )  # fmt: skip
    files = {name: Path("/models") / name for name in names}
    assert tiny_file(files, 0.18215) == files["taesd_decoder.safetensors"]
    assert tiny_file(files, 0.13025) == files["other/TAESDXL/model.safetensors"]
    assert tiny_file(files, 0.5) is None
    assert tiny_file({}, 0.18215) is None


COLORS = LatentColors(torch.zeros(4, 3), torch.tensor([1.0, 0.0, 0.0]))  # all red


def shown(preview: Preview) -> Image.Image:
    with Image.open(io.BytesIO(preview.encode()[0])) as picture:
        picture.load()
        return picture


def is_red(picture: Image.Image) -> bool:
    first = picture.getpixel((0, 0))
    return isinstance(first, tuple) and first[0] > 200 and first[1] + first[2] < 20


@pytest.fixture
def decoder(tensors: dict[str, Tensor], tmp_path: Path) -> Path:
    write_safetensors(halves(tensors, None, ""), tmp_path / "taesd_decoder.safetensors")
    return tmp_path / "taesd_decoder.safetensors"


def test_a_preview_is_decoded_where_there_is_a_file(decoder: Path) -> None:
    latents = random(2, 4, 6, 9)
    picture = shown(Preview(latents, COLORS, TinyPreview(decoder, CPU)))
    assert picture.size == (72, 48)
    decoded = load_vae(decoder, CPU).decode(latents[:1])[0]
    pixels = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).reshape(48, 72, 3) / 255
    assert (pixels.movedim(2, 0) - decoded).abs().mean() < 0.05
    assert not is_red(picture)


@pytest.mark.parametrize("size", [(64, 64), (200, 50), (1, 300)])
def test_large_latents_are_made_smaller_first(decoder: Path, size: tuple[int, int]) -> None:
    seen = TinyPreview(decoder, CPU)(random(4, *size))
    assert seen is not None
    assert max(seen.shape) == 8 * 32
    assert shown(Preview(random(1, 4, *size), COLORS, TinyPreview(decoder, CPU))).size[0] <= 512


def broken(tensors: dict[str, Tensor], folder: Path) -> dict[str, Path]:
    """Files that cannot be used for previews, by what is wrong with them."""
    files = {name: folder / f"{name}.safetensors" for name in ("absent", "text", "encoder", "nan", "channels")}
    files["text"].write_text("not a file of weights")
    write_safetensors(halves(tensors, "", None), files["encoder"])
    write_safetensors({name: tensor * float("nan") for name, tensor in tensors.items()}, files["nan"])
    other = TinyAutoencoder(TinyConfig(WIDTH, 16, encodes=False)).state_dict()
    write_safetensors({name: tensor.clone() for name, tensor in other.items()}, files["channels"])
    return files


@pytest.mark.parametrize("fault", ["absent", "text", "encoder", "nan", "channels"])
def test_a_file_that_cannot_be_used_leaves_the_colors(fault: str, tensors: dict[str, Tensor], tmp_path: Path) -> None:
    path = broken(tensors, tmp_path)[fault]
    assert is_red(shown(Preview(random(1, 4, 8, 8), COLORS, TinyPreview(path, CPU))))


@pytest.mark.parametrize("allowed", [True, False])
def test_a_published_pickle_is_used_if_pickles_are_allowed(
    allowed: bool, tensors: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(halves(tensors, None, ""), tmp_path / "taesd_decoder.pth")
    monkeypatch.setenv(ALLOWED, "1" if allowed else "0")
    seen = TinyPreview(tmp_path / "taesd_decoder.pth", CPU)(random(4, 8, 8))
    assert (seen is not None) == allowed


def test_a_file_is_read_once_and_again_when_it_was_changed(decoder: Path) -> None:
    preview, latent = TinyPreview(decoder, CPU), random(4, 8, 8)
    first, status = preview(latent), decoder.stat()
    assert first is not None
    useless = decoder.with_name("useless")
    useless.write_bytes(b"0" * status.st_size)
    os.utime(useless, ns=(status.st_atime_ns, status.st_mtime_ns))
    useless.replace(decoder)
    again = preview(latent)
    assert again is not None
    assert torch.equal(again, first)
    os.utime(decoder, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert preview(latent) is None
