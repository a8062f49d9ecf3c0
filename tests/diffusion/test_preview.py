"""Previews: colours measured from a VAE, and small pictures of latents."""

import io

import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from nodes.diffusion.checkpoint import load_checkpoint
from nodes.diffusion.preview import LatentColors, Preview
from tests.diffusion.checkpoints import CPU, Contents

# The first three channels are the colours, −1…1; the last one has none.
PLAIN = LatentColors(torch.cat([torch.eye(3) / 2, torch.zeros(1, 3)]), torch.full((3,), 0.5))


def opened(preview: Preview) -> Image.Image:
    content, media_type = preview.encode()
    assert media_type == "image/jpeg"
    picture = Image.open(io.BytesIO(content))
    picture.load()
    assert (picture.format, picture.mode) == ("JPEG", "RGB")
    return picture


def color_at(picture: Image.Image, x: int, y: int) -> Tensor:
    pixel = picture.getpixel((x, y))
    assert isinstance(pixel, tuple)
    return torch.tensor(pixel) / 255


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [(8, 8, (64, 64)), (4, 9, (72, 32)), (64, 64, (512, 512)), (128, 96, (384, 512)), (1, 2000, (512, 1))],
)
def test_a_preview_has_8_times_the_latents_size_but_at_most_512_pixels_a_side(
    height: int, width: int, size: tuple[int, int]
) -> None:
    assert opened(Preview(torch.zeros(2, 4, height, width), PLAIN)).size == size


def test_the_first_latent_of_a_batch_is_shown_in_its_colors() -> None:
    latents = torch.zeros(2, 4, 8, 8)
    latents[0, 0] = 1.0  # red is full, the others are half
    latents[0, :, :, 4:] = torch.tensor([-1.0, -1.0, 1.0, 9.0])[:, None, None]
    picture = opened(Preview(latents, PLAIN))
    torch.testing.assert_close(color_at(picture, 8, 32), torch.tensor([1.0, 0.5, 0.5]), rtol=0, atol=0.03)
    torch.testing.assert_close(color_at(picture, 56, 32), torch.tensor([0.0, 0.0, 1.0]), rtol=0, atol=0.03)


def test_colors_out_of_range_are_cut_and_a_pixel_without_a_number_is_black() -> None:
    latents = torch.tensor([9.0, -9.0, 0.0, 0.0])[None, :, None, None].repeat(1, 1, 8, 8)
    latents[..., 4:] = float("nan")
    picture = opened(Preview(latents, PLAIN))
    torch.testing.assert_close(color_at(picture, 8, 32), torch.tensor([1.0, 0.0, 0.5]), rtol=0, atol=0.03)
    torch.testing.assert_close(color_at(picture, 56, 32), torch.zeros(3), rtol=0, atol=0.03)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_latents_in_half_precision_can_be_shown(dtype: torch.dtype) -> None:
    assert opened(Preview(torch.zeros(1, 4, 8, 8, dtype=dtype), PLAIN)).size == (64, 64)


def test_the_map_of_a_linear_encoder_is_found_exactly() -> None:
    mixing = torch.randn(4, 3, generator=torch.Generator().manual_seed(2))

    def encode(pictures: Tensor) -> Tensor:
        return torch.einsum("bchw,dc->bdhw", functional.avg_pool2d(pictures, 8) - 0.3, mixing)

    colors = LatentColors.measured(encode)
    assert colors is not None
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    shown = colors.of(encode(picture)[0])
    torch.testing.assert_close(shown, functional.avg_pool2d(picture, 8)[0], rtol=1e-4, atol=1e-4)


def test_an_encoder_that_overflows_gives_no_colors() -> None:
    assert LatentColors.measured(lambda pictures: torch.full((1, 4, 8, 8), float("inf"))) is None


def test_a_checkpoint_whose_vae_overflows_can_be_loaded(
    contents: Contents, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name in ("encoder.conv_out.weight", "quant_conv.weight"):
        contents.tensors[f"first_stage_model.{name}"].fill_(1e30)
    path = contents.write(tmp_path_factory.mktemp("odd") / "odd.safetensors")
    assert load_checkpoint(path, CPU).model.preview is None
