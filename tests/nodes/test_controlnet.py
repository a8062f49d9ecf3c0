"""Pictures that say what is to be where."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from nodegraph import BadInput, Profile
from nodegraph.peek import peek_at
from nodes.controlnet import apply, apply_advanced, load, load_difference, shared
from nodes.denoise import cfg_combine, unet_predict
from nodes.diffusion.checkpoint import Checkpoint
from nodes.diffusion.controlnet import Control, ControlEncoder
from nodes.diffusion.denoiser import groups, inputs_of
from nodes.diffusion.layouts import Extras
from nodes.diffusion.safetensors_file import write_safetensors
from nodes.text import combine
from nodes.types import Conditioning, ControlNet, Image, Latent, Prompt
from tests.nodes.values import noise

SIGMA = torch.tensor(5.0)
CPU = Profile(device="cpu", dtype="float32")


@pytest.fixture(scope="session")
def control_file(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ControlNet with random weights, of the embedded checkpoint's family."""
    config = checkpoint.model.unet.config
    with torch.device("meta"):
        weights = ControlEncoder(config, (3, 4, 4, 4, 4, 4, 4, 4)).state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    tensors = {name: noise(*shape) / max(1, sum(shape[1:])) ** 0.5 for name, shape in shapes.items()}
    path = tmp_path_factory.mktemp("controlnet") / "control.safetensors"
    extras = Extras(unet_heads=config.heads, unet_groups=config.groups)
    write_safetensors({f"control_model.{name}": tensor for name, tensor in tensors.items()}, path, extras.to_metadata())
    return path


@pytest.fixture(scope="session")
def net(control_file: Path) -> ControlNet:
    return load(control_file, profile=CPU)


def predicted(checkpoint: Checkpoint, conditioning: Conditioning, latent: Latent) -> Tensor:
    return unet_predict(checkpoint.model, conditioning)(latent.samples, SIGMA)


def controls(conditioning: Conditioning) -> list[tuple[Control, ...]]:
    return [each.controls for each in conditioning.prompts]


def test_a_loaded_controlnet_tells_of_itself(net: ControlNet) -> None:
    facts = dict(peek_at(net).facts)
    assert "of text" in facts["channels"]
    assert facts["computed in"] == "float32 on cpu"
    assert net.nbytes > 0


def test_a_controlnet_changes_what_is_predicted_and_one_without_strength_does_not(
    checkpoint: Checkpoint, prompt: Conditioning, net: ControlNet, picture: Image, latent: Latent
) -> None:
    plain = predicted(checkpoint, prompt, latent)
    assert not torch.allclose(predicted(checkpoint, apply(prompt, net, picture), latent), plain)
    assert apply(prompt, net, picture, 0.0) is prompt


def test_controlnets_after_one_another_count_together(
    checkpoint: Checkpoint, prompt: Conditioning, net: ControlNet, picture: Image, latent: Latent
) -> None:
    halves = apply(apply(prompt, net, picture, 0.5), net, picture, 0.5)
    whole = predicted(checkpoint, apply(prompt, net, picture, 1.0), latent)
    torch.testing.assert_close(predicted(checkpoint, halves, latent), whole, rtol=1e-3, atol=1e-3)


def test_each_of_several_prompts_follows_the_picture(prompt: Conditioning, net: ControlNet, picture: Image) -> None:
    both = controls(apply(combine(prompt, prompt), net, picture))
    assert [len(each) for each in both] == [1, 1]


def test_both_prompts_follow_the_picture_in_one_batch(
    checkpoint: Checkpoint,
    prompt: Conditioning,
    negative: Conditioning,
    net: ControlNet,
    picture: Image,
    latent: Latent,
) -> None:
    pair = apply_advanced(prompt, negative, net, picture, 0.8, 0.1, 0.6)
    control = pair.positive.prompts[0].controls[0]
    assert (control.strength, control.start, control.end) == (0.8, 0.1, 0.6)
    predictions = [unet_predict(checkpoint.model, each) for each in pair]
    denoiser = cfg_combine(predictions[0], predictions[1], 3.0)
    leaves = denoiser.leaves(latent.samples, SIGMA)
    assert groups(leaves, inputs_of(leaves)) == [[0, 1]]


def test_a_control_of_the_positive_prompt_is_shared_with_a_negative_one_that_has_none(
    prompt: Conditioning, negative: Conditioning, net: ControlNet, picture: Image
) -> None:
    positive = apply(prompt, net, picture)
    assert controls(shared(negative, positive)) == controls(positive)
    own = apply(negative, net, picture, 0.3)
    assert shared(own, positive) is own
    alone = apply_advanced(prompt, negative, net, picture).positive
    assert shared(negative, alone) is negative


def test_a_controlnet_of_another_family_than_the_prompt_is_refused(net: ControlNet, picture: Image) -> None:
    other = Conditioning((Prompt(torch.zeros(1, 4, 5)),))
    with pytest.raises(BadInput, match="another family"):
        apply(other, net, picture)
    with pytest.raises(BadInput, match="another family"):
        apply_advanced(other, other, net, picture)


def test_a_file_of_differences_needs_a_model(checkpoint: Checkpoint, control_file: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no ControlNet in it"):
        load(write_tensor(tmp_path / "other.safetensors", "decoder.conv_in.weight"), profile=CPU)
    plain = load_difference(checkpoint.model, control_file)
    assert plain.network.changes == {}
    assert plain.network.placement == checkpoint.model.unet.placement


def write_tensor(path: Path, key: str) -> Path:
    write_safetensors({key: torch.zeros(2, 2)}, path)
    return path
