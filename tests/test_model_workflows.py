"""The shipped workflows for published models, with tiny models of those families under the names that they ask for."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image as Picture
from torch import Tensor, nn
from typer.testing import CliRunner

from nodegraph import InvalidGraph, MemoryCache, Registry, Runtime
from nodegraph.cli import app
from nodegraph.cli.assignment import Assignment, assign
from nodegraph.folders import MODELS, default_folders
from nodegraph.picture import workflow_in
from nodes.diffusion.controlnet import ControlEncoder
from nodes.diffusion.layouts import Extras
from nodes.diffusion.models import Model, TextEncoder, Tower, Vae
from nodes.diffusion.network import Network
from nodes.diffusion.parameterization import Parameterization
from nodes.diffusion.safetensors_file import write_safetensors
from nodes.diffusion.saving import save_checkpoint
from nodes.diffusion.text_encoder import TextConfig, TextTower
from nodes.diffusion.tokenizer import Tokenizer
from nodes.diffusion.unet import UNet, UNetConfig
from nodes.diffusion.vae import Autoencoder
from tests.diffusion.checkpoints import CPU, MERGES, TEXT, UNET, VAE
from tests.diffusion.loras import TEXT_KOHYA, factors, written
from tests.test_workflows import FOLDER, document_of, outputs

BIG_G = replace(TEXT, channels=36, projection=36, exact=True)
NUMBERS = 256  # of labels for each number that SDXL and its refiner read
LINEAR = replace(UNET, heads=None, head_channels=64, linear=True)
SDXL = replace(LINEAR, context_channels=TEXT.channels + BIG_G.channels, label_channels=36 + 6 * NUMBERS)
REFINER = replace(LINEAR, context_channels=BIG_G.channels, label_channels=36 + 5 * NUMBERS)
WIDTH, HEIGHT, PAINTED = 96, 64, 40
EMPTY = {"empty.width": WIDTH, "empty.height": HEIGHT}
# What makes each workflow small.
SMALL: dict[str, dict[str, int]] = {
    "sdxl": {
        **EMPTY, "compose.steps": 3, "compose.end_at_step": 2, "refine.steps": 3, "refine.start_at_step": 2
    },
    "lora": {**EMPTY, "sampler.steps": 2},
    "controlnet": {**EMPTY, "sampler.steps": 2},
    "inpaint_model": {
        "scaled.width": WIDTH, "scaled.height": HEIGHT, "nothing.width": WIDTH, "nothing.height": HEIGHT,
        "patch.width": WIDTH, "patch.height": PAINTED, "sampler.steps": 2,
    },
}  # fmt: skip
FILES: dict[str, set[str]] = {
    "sdxl": {"sd_xl_base_1.0.safetensors", "sd_xl_refiner_1.0.safetensors"},
    "lora": {"v1-5-pruned-emaonly.safetensors", "add_detail.safetensors"},
    "controlnet": {"v1-5-pruned-emaonly.safetensors", "control_v11p_sd15_canny.safetensors"},
    "inpaint_model": {"sd-v1-5-inpainting.safetensors"},
}


def filled(module: nn.Module, seed: int) -> Any:
    """The same module with random weights, under which numbers keep their size."""
    generator = torch.Generator().manual_seed(seed)
    for tensor in module.state_dict().values():
        tensor.copy_(torch.randn(tensor.shape, generator=generator) / max(1, tensor[0].numel()) ** 0.5)
    return module.requires_grad_(requires_grad=False).eval()


def write_checkpoint(path: Path, unet: UNetConfig, *towers: TextConfig, seed: int = 0) -> None:
    """A checkpoint in the layout of the family that these dimensions belong to."""
    texts = [
        Tower(Network(filled(TextTower(each), seed), CPU), Tokenizer.from_merges(MERGES, each.length))
        for each in towers
    ]  # fmt: skip
    model = Model(Network(filled(UNet(unet), seed), CPU), Parameterization.stable_diffusion())
    vae = Vae(Network(filled(Autoencoder(VAE), seed), CPU), model.scale)
    save_checkpoint(path, model, TextEncoder(tuple(texts)), vae, torch.float32)


def write_controlnet(path: Path) -> None:
    """A ControlNet for the tiny SD1 model."""
    weights = filled(ControlEncoder(UNET, (3, 4, 4, 4, 4, 4, 4, 4)), 1).state_dict()
    extras = Extras(unet_heads=UNET.heads, unet_groups=UNET.groups)
    write_safetensors({f"control_model.{name}": each for name, each in weights.items()}, path, extras.to_metadata())


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """In networks this small, threads mostly wait for one another, and on a busy machine for long."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models as people have it."""
    folder = tmp_path_factory.mktemp("models")
    checkpoints, loras, controlnets = (folder / kind for kind in ("checkpoints", "loras", "controlnet"))
    for each in (checkpoints, loras, controlnets):
        each.mkdir()
    write_checkpoint(checkpoints / "v1-5-pruned-emaonly.safetensors", UNET, TEXT)
    write_checkpoint(checkpoints / "sd-v1-5-inpainting.safetensors", replace(UNET, in_channels=9), TEXT)
    write_checkpoint(checkpoints / "sd_xl_base_1.0.safetensors", SDXL, TEXT, BIG_G)
    write_checkpoint(checkpoints / "sd_xl_refiner_1.0.safetensors", REFINER, BIG_G, seed=1)
    written(factors(32, 24) | factors(40, 24, name=TEXT_KOHYA), loras, "add_detail.safetensors")
    write_controlnet(controlnets / "control_v11p_sd15_canny.safetensors")
    return folder


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.from_packs()


@pytest.fixture(scope="module")
def cache() -> MemoryCache:
    """Results that all tests share."""
    return MemoryCache()


@pytest.fixture
def runtime(registry: Registry, cache: MemoryCache, models: Path, tmp_path: Path) -> Runtime:
    return Runtime(registry, cache, default_folders(models=models, output=tmp_path))


def said(values: Mapping[str, object]) -> list[str]:
    return [f"{place}={value}" for place, value in values.items()]


def small(runtime: Runtime, name: str, values: Mapping[str, object] | None = None, **modes: str) -> dict[str, Any]:
    """A workflow made small, with some values and some nodes' modes changed."""
    assignments = [Assignment.parse(word) for word in said({**SMALL[name], **(values or {})})]
    changed: Any = assign(document_of(f"models/{name}"), assignments, runtime.registry.catalogue())
    for node, mode in modes.items():
        changed["nodes"][node]["mode"] = mode
    return changed


def sampled(runtime: Runtime, document: dict[str, Any], node: str = "sampler") -> Tensor:
    (latent,) = outputs(runtime, document, node)
    return latent.samples


def test_every_workflow_for_published_models_is_tested_here():
    assert {path.stem for path in (FOLDER / "models").glob("*.json")} == SMALL.keys()


@pytest.mark.parametrize("name", SMALL)
def test_the_command_runs_it_with_the_models_of_a_folder(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.chdir(tmp_path)
    sets = [word for each in said(SMALL[name]) for word in ("--set", each)]
    result = CliRunner().invoke(app, ["run", f"models/{name}", "--models", str(models), *sets])
    assert result.exit_code == 0, result.stderr
    (path,) = map(Path, result.stdout.splitlines())
    with Picture.open(path) as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (WIDTH, HEIGHT))
        assert len(picture.getcolors(WIDTH * HEIGHT) or ()) > 100
    carried: Any = workflow_in(path.read_bytes())
    assert carried["nodes"].keys() == document_of(f"models/{name}")["nodes"].keys()


@pytest.mark.parametrize("name", SMALL)
def test_without_its_models_it_is_sound_but_for_the_files_that_it_names(registry: Registry, tmp_path: Path, name: str):
    bare = Runtime(registry, {}, {**default_folders(), **dict.fromkeys(MODELS, (tmp_path,))})
    with pytest.raises(InvalidGraph) as refused:
        bare.check(document_of(f"models/{name}"))
    assert len(refused.value.problems) == len(FILES[name])
    for file in FILES[name]:
        assert any(f"got {file!r}, which is not there" in str(problem) for problem in refused.value.problems)


def test_a_lora_changes_the_picture_and_one_without_strength_does_not(runtime: Runtime):
    plain = sampled(runtime, small(runtime, "lora", lora="bypass"))
    strengths = ("lora.strength_model", "lora.strength_clip")
    assert torch.equal(sampled(runtime, small(runtime, "lora", dict.fromkeys(strengths, 0))), plain)
    for one in strengths:  # each of the two alone is seen, too
        assert not torch.allclose(sampled(runtime, small(runtime, "lora", {one: 0})), plain)


def test_a_controlnet_changes_the_picture_and_one_without_strength_does_not(runtime: Runtime):
    without = small(runtime, "controlnet")
    prompts = {"positive": "prompt.conditioning", "negative": "negative.conditioning"}
    without["nodes"]["sampler"]["links"] |= prompts
    plain = sampled(runtime, without)
    assert torch.equal(sampled(runtime, small(runtime, "controlnet", {"follow.strength": 0})), plain)
    followed = sampled(runtime, small(runtime, "controlnet"))
    assert not torch.allclose(followed, plain)
    assert not torch.allclose(sampled(runtime, small(runtime, "controlnet", {"edges.image": "example.png"})), followed)


def test_two_samplers_of_one_model_are_one_bit_for_bit_and_the_refiner_goes_on_otherwise(runtime: Runtime):
    whole = {"compose.end_at_step": 10000, "compose.return_with_leftover_noise": "disable"}
    alone = sampled(runtime, small(runtime, "sdxl", whole), "compose")
    handed = small(runtime, "sdxl")
    handed["nodes"]["refine"]["links"] = {**handed["nodes"]["compose"]["links"], "latent_image": "compose.latent"}
    assert torch.equal(sampled(runtime, handed, "refine"), alone)
    refined = sampled(runtime, small(runtime, "sdxl"), "refine")
    assert not torch.allclose(refined, alone)
    assert not torch.allclose(sampled(runtime, small(runtime, "sdxl", {"refiner_prompt.ascore": 1}), "refine"), refined)


def test_a_model_for_inpainting_keeps_the_latent_and_the_picture_outside_of_the_mask(runtime: Runtime):
    document = small(runtime, "inpaint_model")
    document["nodes"]["encode"] = {"type": "VAEEncode", "links": {"pixels": "scaled.image", "vae": "loader.vae"}}
    encoded, found, picture, result = outputs(runtime, document, "encode", "sampler", "scaled", "composite")
    rows = PAINTED // 8
    assert torch.equal(found.samples[:, :, rows:], encoded.samples[:, :, rows:])
    assert torch.equal(result.pixels[:, :, PAINTED:], picture.pixels[:, :, PAINTED:])
    assert not torch.allclose(result.pixels[:, :, :PAINTED], picture.pixels[:, :, :PAINTED])


def test_a_model_for_inpainting_paints_by_what_it_is_shown_around_the_mask(runtime: Runtime):
    found: list[Tensor] = []
    for picture in ("example.png", "edges.png"):
        document = small(runtime, "inpaint_model", {"picture.image": picture})
        # From an empty latent, so that nothing but the model's further channels tells of the picture.
        document["nodes"]["empty"] = {"type": "EmptyLatent", "values": {"width": WIDTH, "height": HEIGHT}}
        document["nodes"]["sampler"]["links"]["latent_image"] = "empty.latent"
        found.append(sampled(runtime, document)[:, :, : PAINTED // 8])
    assert not torch.allclose(found[0], found[1])


def test_the_small_workflows_are_the_shipped_ones_but_for_their_sizes(runtime: Runtime):
    for name, changes in SMALL.items():
        whole, made = document_of(f"models/{name}")["nodes"], small(runtime, name)["nodes"]
        for place in changes:
            node, _, given = place.rpartition(".")
            made[node]["values"][given] = whole[node]["values"][given]
        assert json.dumps(made) == json.dumps(whole)
