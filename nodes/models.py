"""Changing models: what their output means, and merging two into one."""

from dataclasses import replace
from typing import Annotated, Literal

from nodegraph import BadInput, Range, node

from .diffusion.merging import merged
from .diffusion.parameterization import Kind, Parameterization, zero_terminal_snr
from .types import Model, TextEncoder

Ratio = Annotated[float, Range(0, 1, 0.01), "1 is the first alone, 0 the second"]
Meaning = Literal["eps", "v_prediction", "x0"]
KINDS: dict[str, Kind] = {"eps": "eps", "v_prediction": "v", "x0": "x0"}


@node("ModelSamplingDiscrete", category="model")
def model_sampling(
    model: Model,
    sampling: Annotated[Meaning, "what the model was trained to predict: the noise, the velocity or the original"],
    zsnr: Annotated[bool, "whether its last noise level is pure noise (zero terminal signal-to-noise ratio)"] = False,
) -> Model:
    """Say what a model predicts, where its file does not."""
    levels = Parameterization.stable_diffusion(KINDS[sampling])
    alphas = zero_terminal_snr(levels.alphas_cumprod) if zsnr else levels.alphas_cumprod
    return replace(model, parameterization=Parameterization(alphas, levels.prediction))


@node("TorchCompileModel", category="model")
def compile_model(
    model: Model, backend: Annotated[Literal["inductor", "cudagraphs"], "inductor needs a C++ compiler"] = "inductor"
) -> Model:
    """Compile a model with PyTorch's compiler: the first step takes minutes, the others are mostly faster on a GPU."""
    return replace(model, unet=replace(model.unet, compiler=backend))


@node("ModelMergeSimple", category="model")
def merge(model1: Model, model2: Model, ratio: Ratio = 1.0) -> Model:
    """Mix the weights of two models of one family."""
    return merge_blocks(model1, model2, ratio, ratio, ratio)


@node("ModelMergeBlocks", category="model")
def merge_blocks(
    model1: Model,
    model2: Model,
    input: Ratio = 1.0,  # noqa: A002 -- ComfyUI's name
    middle: Ratio = 1.0,
    out: Ratio = 1.0,
) -> Model:
    """Mix the weights of two models, with a ratio for the way down, for the middle and for the way up.

    The embedding of the time counts as a part of the way down.
    """
    shares = {"middle_block": middle, "output_blocks": out, "out": out}
    try:
        unet = merged(model1.unet, model2.unet, lambda name: shares.get(name.partition(".")[0], input))
    except ValueError as error:
        raise BadInput(str(error)) from error
    return replace(model1, unet=unet)


@node("CLIPMergeSimple", category="model")
def merge_clip(clip1: TextEncoder, clip2: TextEncoder, ratio: Ratio = 1.0) -> TextEncoder:
    """Mix the weights of two text encoders of one family."""
    try:
        pairs = zip(clip1.towers, clip2.towers, strict=True)
        towers = [replace(a, network=merged(a.network, b.network, lambda _: ratio)) for a, b in pairs]
    except ValueError as error:
        raise BadInput(f"the text encoders cannot be merged: {error}") from error
    return TextEncoder(tuple(towers))
