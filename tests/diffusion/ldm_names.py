"""State dicts of diffusers and transformers under the names of our networks, by the library's own tables.

That the tables are right is proven by the numbers, which are those of the references, and by the digests of the
published names in test_published.py.
"""

from torch import Tensor

from nodes.diffusion.naming import compvis_unet, vae_sources

State = dict[str, Tensor]


def ldm_unet(state: State) -> State:
    """The weights of a UNet2DConditionModel."""
    return dict(zip(compvis_unet(list(state)), state.values(), strict=True))


def ldm_vae(state: State) -> State:
    """The weights of an AutoencoderKL; its attention is 1×1 convolutions there."""
    found = {name: state[source.key] for name, source in vae_sources(state, "").items()}
    linear = {name for name, tensor in found.items() if ".attn_1." in name and tensor.ndim == 2}
    return {name: tensor[:, :, None, None] if name in linear else tensor for name, tensor in found.items()}


def ldm_text(state: State) -> State:
    """The weights of a CLIPTextModel, with the level that transformers 5 left out."""
    whole = ("text_model.", "text_projection.")
    return {name if name.startswith(whole) else f"text_model.{name}": tensor for name, tensor in state.items()}
