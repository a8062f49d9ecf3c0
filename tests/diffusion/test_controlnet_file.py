"""Files of ControlNets: those inside others, differences to a model, and what is refused with which words."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nodes.diffusion.controlnet import Control
from nodes.diffusion.controlnet_file import load_controlnet
from nodes.diffusion.safetensors_file import BadCheckpoint
from tests.diffusion.ldm_names import State
from tests.diffusion.test_controlnet import CPU, MODEL, NET, SD1, hint_of, predicted, prompt, random_model, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.safetensors"


def test_a_whole_checkpoint_with_a_controlnet_in_it_is_read(path: Path) -> None:
    own = NET.network.stored
    state = {f"control_model.{name}": tensor for name, tensor in own.items()}
    state |= {"model.diffusion_model.input_blocks.0.0.weight": torch.zeros(4, 4, 3, 3), "global_step": torch.zeros(())}
    loaded = load_controlnet(write(path, state), CPU)
    assert all(torch.equal(loaded.network.stored[name], tensor) for name, tensor in own.items())


def test_a_file_of_differences_is_added_to_the_models_weights(path: Path) -> None:
    base = MODEL.unet.stored
    state = {f"control_model.{name}": tensor - base.get(name, 0) for name, tensor in NET.network.stored.items()}
    state["difference"] = torch.zeros(0)
    write(path, state)
    with pytest.raises(BadCheckpoint, match=r"control.safetensors: .*DiffControlNetLoader"):
        load_controlnet(path, CPU)
    loaded = load_controlnet(path, CPU, MODEL.unet)
    expected = predicted(prompt(1, Control(NET, hint_of(5))))
    torch.testing.assert_close(predicted(prompt(1, Control(loaded, hint_of(5)))), expected, rtol=1e-4, atol=1e-4)
    with pytest.raises(BadCheckpoint, match="to another model"):
        load_controlnet(path, CPU, random_model(replace(SD1, context_channels=32)).unet)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (("lora_controlnet", "input_hint_block.0.weight"), "control-LoRA"),
        (("adapter.body.0.resnets.0.block1.weight",), "T2I-Adapter"),
        (("body.0.block1.weight",), "T2I-Adapter"),
        (("lllite_unet_input_blocks_4_1.down.0.weight",), "LLLite"),
        (("controlnet_cond_embedding.conv_in.weight", "task_embedding"), "union"),
        (("transformer_blocks.0.attn.to_q.weight", "pos_embed_input.proj.weight"), "Flux or SD3"),
        (("lora_unet_down_blocks_0.lora_down.weight",), "a LoRA"),
        (("model.diffusion_model.input_blocks.0.0.weight",), "no ControlNet in it"),
        (("decoder.conv_in.weight",), "no ControlNet in it"),
    ],
)
def test_what_is_no_controlnet_is_refused_by_name(keys: tuple[str, ...], said: str, path: Path) -> None:
    with pytest.raises(BadCheckpoint, match=f"control.safetensors: .*{said}"):
        load_controlnet(write(path, {key: torch.zeros(2, 2) for key in keys}), CPU)


@pytest.mark.parametrize(
    ("gone", "more", "said"),
    [
        ("zero_convs.3.0.weight", {}, r"missing: control_model\.zero_convs\.3\.0\.weight"),
        ("input_hint_block.4.weight", {}, r"missing: control_model\.input_hint_block\.4\.weight"),
        ("middle_block.1.norm.weight", {}, r"missing: control_model\.middle_block\.1\.norm\.weight"),
        (None, {"control_model.time_embed.0.weight": torch.zeros(3, 3)}, r"time_embed\.0\.weight'.*expected"),
        (None, {"control_model.zero_convs.99.0.weight": torch.zeros(3, 3)}, r"not known, with .*zero_convs\.99"),
        (None, {"control_model.input_hint_block.0.weight": torch.zeros(4)}, "make no ControlNet"),
    ],
)
def test_a_damaged_controlnet_is_refused_with_what_is_wrong(
    gone: str | None, more: State, said: str, path: Path
) -> None:
    state = {f"control_model.{name}": tensor for name, tensor in NET.network.stored.items() if name != gone}
    with pytest.raises(BadCheckpoint, match=f"control.safetensors: .*{said}"):
        load_controlnet(write(path, state | more), CPU)
