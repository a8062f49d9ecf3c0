"""Pictures that ComfyUI made, made again: the same latents and the same pixels for the same workflow and seed.

The references are too large to be kept here. `NODEGRAPH_REFERENCES` names a folder with `workflows/NAME.json` (in
ComfyUI's API format), `latents/NAME_00.latent`, `images/NAME_00.png`, the pictures that the workflows load and the
checkpoint that they name (2.1 GB). Without it the tests are skipped. Half a minute a workflow on one busy core.
"""

import json
import logging
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import numpy as np
import pytest
from PIL import Image as Picture
from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType] -- its types are incomplete
from torch import Tensor

from nodegraph import Profile
from nodes.diffusion.checkpoint import Checkpoint
from nodes.image import load_image
from nodes.latent import empty_latent, latent_upscale, vae_decode, vae_encode, vae_encode_for_inpaint
from nodes.loaders import load
from nodes.mask import load_image_mask
from nodes.sampling import ksampler, ksampler_advanced
from nodes.text import encode, set_last_layer
from nodes.types import Mask

VARIABLE = "NODEGRAPH_REFERENCES"
SCALE = 0.18215  # ComfyUI saves the U-Net's latent divided by it
LATENT_TOLERANCE, PIXEL_TOLERANCE = 1e-3, 2  # of the latent's deviation, and of 255
NAMES = (
    "clip_skip2",
    "hires_fix_latent_upscale",
    "img2img_denoise06",
    "inpaint_vae_encode_for_inpaint",
    "ksampler_advanced_two_stage",
    "prompt_weights",
    "txt2img_batch2",
    "txt2img_ddim_ddim_uniform",
    "txt2img_dpmpp_2m_karras",
    "txt2img_dpmpp_sde_karras",
    "txt2img_euler_ancestral_normal",
    "txt2img_euler_normal",
    "txt2img_lcm_sgm_uniform",
    "txt2img_uni_pc_normal",
)
T = TypeVar("T")
Channel = Literal["alpha", "red", "green", "blue"]
Function = Callable[..., Any]  # a node function, whatever it takes

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(VARIABLE not in os.environ, reason=f"{VARIABLE} does not name a folder of reference pictures"),
]


def finish(steps: Generator[object, None, T]) -> T:
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast("T", end.value)


def single(function: Function) -> Function:
    """A function of one output as one that gives a tuple of outputs."""

    def outputs(**inputs: Any) -> tuple[Any, ...]:
        return (function(**inputs),)

    return outputs


def walked(function: Function) -> Function:
    """The same of a function that is a generator."""

    def output(**inputs: Any) -> Any:
        return finish(function(**inputs))

    return single(output)


def functions(folder: Path) -> dict[str, Function]:
    """What each type of node does here: keyword arguments to a tuple of outputs."""

    def checkpoint(ckpt_name: str) -> Checkpoint:
        return load(folder / ckpt_name, profile=Profile())

    def image(image: str) -> tuple[Any, ...]:
        return load_image(folder / image)

    def mask(image: str, channel: Channel) -> Mask:
        return load_image_mask(folder / image, channel)

    return {
        "CheckpointLoaderSimple": checkpoint,
        "CLIPTextEncode": single(encode),
        "CLIPSetLastLayer": single(set_last_layer),
        "EmptyLatentImage": single(empty_latent),
        "KSampler": walked(ksampler),
        "KSamplerAdvanced": walked(ksampler_advanced),
        "LatentUpscale": single(latent_upscale),
        "LoadImage": image,
        "LoadImageMask": single(mask),
        "VAEDecode": walked(vae_decode),
        "VAEEncode": walked(vae_encode),
        "VAEEncodeForInpaint": walked(vae_encode_for_inpaint),
    }


class Workflow:
    """A workflow in ComfyUI's API format, computed node by node."""

    def __init__(self, path: Path, table: dict[str, Function], loaded: dict[str, Any]) -> None:
        self.nodes: dict[str, Any] = json.loads(path.read_text())
        self.table = table
        self.results: dict[str, Any] = {
            name: loaded[node["inputs"]["ckpt_name"]]
            for name, node in self.nodes.items()
            if node["class_type"] == "CheckpointLoaderSimple"
        }

    def outputs(self, name: str) -> Any:
        """The outputs of a node, computed once."""
        if name not in self.results:
            node = self.nodes[name]
            self.results[name] = self.table[node["class_type"]](**self._inputs(node))
        return self.results[name]

    def saved(self, saver: str, socket: str) -> Any:
        """What arrives at a saving node."""
        node = next(node for node in self.nodes.values() if node["class_type"] == saver)
        return self._inputs(node)[socket]

    def _inputs(self, node: dict[str, Any]) -> dict[str, Any]:
        inputs: dict[str, Any] = node["inputs"]
        links: dict[str, list[Any]] = {key: value for key, value in inputs.items() if isinstance(value, list)}
        return inputs | {key: self.outputs(source)[index] for key, (source, index) in links.items()}


@pytest.fixture(scope="module")
def folder() -> Path:
    return Path(os.environ[VARIABLE])


@pytest.fixture(scope="module")
def table(folder: Path) -> dict[str, Function]:
    return functions(folder)


@pytest.fixture(scope="module")
def loaded(folder: Path, table: dict[str, Function]) -> dict[str, Any]:
    nodes = [node for name in NAMES for node in json.loads((folder / f"workflows/{name}.json").read_text()).values()]
    checkpoints = {node["inputs"]["ckpt_name"] for node in nodes if node["class_type"] == "CheckpointLoaderSimple"}
    return {name: table["CheckpointLoaderSimple"](name) for name in checkpoints}


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_gives_the_latents_and_the_pictures_that_comfyui_gives(
    name: str, folder: Path, table: dict[str, Function], loaded: dict[str, Any]
) -> None:
    workflow = Workflow(folder / f"workflows/{name}.json", table, loaded)
    latent: Tensor = workflow.saved("SaveLatent", "samples").samples / SCALE
    wanted = load_file(folder / f"latents/{name}_00.latent")["latent_tensor"]
    pictures: Tensor = workflow.saved("SaveImage", "images").pixels
    files = [folder / f"images/{name}_{index:02}.png" for index in range(len(pictures))]
    off = float((latent - wanted).abs().max())
    steps_off = max(difference(picture, file) for picture, file in zip(pictures, files, strict=True))
    logging.info("%s: %.1e of a latent of deviation %.1f, %d/255", name, off, wanted.std(), steps_off)
    assert off <= LATENT_TOLERANCE * wanted.std()
    assert steps_off <= PIXEL_TOLERANCE


def difference(picture: Tensor, path: Path) -> int:
    """The largest difference between a picture [3, height, width] and a file, in 8-bit steps."""
    made = (picture.clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy().astype(int)
    with Picture.open(path) as file:
        return int(np.abs(made - np.asarray(file.convert("RGB"), dtype=int)).max())
