"""ControlNets: pictures that say what is to be where."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, NamedTuple

from nodegraph import BadInput, File, Profile, Range, node

from .diffusion.controlnet import Control
from .diffusion.controlnet_file import load_controlnet
from .loaders import placed
from .steps import refusing_bad_files
from .text import Share
from .types import Conditioning, ControlNet, Image, Model, Vae

ControlFile = Annotated[Path, File("controlnet")]
Hint = Annotated[
    Image, "edges, depths, a pose, … as the ControlNet was made for; cropped and resized to the picture's size"
]
Strength = Annotated[float, Range(0, 10, 0.01), "1 as it was made, 0 not at all"]


class Controlled(NamedTuple):
    """Two prompts that follow a picture."""

    positive: Conditioning
    negative: Conditioning


@node("ControlNetLoader", category="loaders")
def load(control_net_name: ControlFile, *, profile: Profile) -> ControlNet:
    """Load a ControlNet of SD1, SD2 or SDXL: a network that makes a picture follow another one.

    In the naming of its authors or in diffusers', in a file of its own or in a whole checkpoint.
    """
    with refusing_bad_files():
        return load_controlnet(control_net_name, placed(profile))


@node("DiffControlNetLoader", category="loaders")
def load_difference(model: Model, control_net_name: ControlFile) -> ControlNet:
    """Load a ControlNet from a file of its differences to a model; others are loaded as they are."""
    with refusing_bad_files():
        return load_controlnet(control_net_name, model.unet.placement, model.unet)


@node("ControlNetApply", category="conditioning")
def apply(conditioning: Conditioning, control_net: ControlNet, image: Hint, strength: Strength = 1.0) -> Conditioning:
    """Follow a picture under a prompt; several may follow one another, and count together.

    KSampler gives the picture to the negative prompt too, where that has none of its own.
    """
    return following(conditioning, Control(control_net, image.pixels, strength, both=True))


@node("ControlNetApplyAdvanced", category="conditioning")
def apply_advanced(
    positive: Conditioning,
    negative: Conditioning,
    control_net: ControlNet,
    image: Hint,
    strength: Strength = 1.0,
    start_percent: Share = 0.0,
    end_percent: Share = 1.0,
    vae: Annotated[Vae | None, "for ControlNets of other families, which read latents"] = None,
) -> Controlled:
    """Follow a picture under both prompts, for a part of the way from noise to the picture."""
    control = Control(control_net, image.pixels, strength, start_percent, end_percent)
    return Controlled(following(positive, control), following(negative, control))


def following(conditioning: Conditioning, control: Control) -> Conditioning:
    """The same prompts with a further control; as they are, if that has no strength.

    BadInput if the ControlNet reads prompts of another family.
    """
    expected, found = control.net.network.config.context_channels, conditioning.prompts[0].context.shape[-1]
    if expected not in (0, found):
        raise BadInput(
            f"the ControlNet is of another family than the prompt: it reads {expected} channels, not {found}"
        )
    if control.strength == 0:
        return conditioning
    return Conditioning(tuple(replace(prompt, controls=(*prompt.controls, control)) for prompt in conditioning.prompts))


def shared(negative: Conditioning, positive: Conditioning) -> Conditioning:
    """The negative prompts with the controls of the positive ones that are meant for both, if they have none."""
    controls = next((prompt.controls for prompt in positive.prompts if prompt.controls), ())
    both = tuple(control for control in controls if control.both)
    if not both or any(prompt.controls for prompt in negative.prompts):
        return negative
    return negative.each(controls=both)
