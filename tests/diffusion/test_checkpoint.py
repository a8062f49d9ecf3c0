"""Checkpoints: what is read, what is left aside, and what is refused with which words."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nodegraph import BadInput, Profile
from nodes.diffusion.checkpoint import Checkpoint, load_checkpoint
from nodes.diffusion.devices import placement
from nodes.diffusion.layouts import MARKS, SD1, UNET_PLACES, VAE_PLACES
from nodes.diffusion.safetensors_file import BadCheckpoint
from nodes.loaders import load, save
from tests.diffusion.checkpoints import CPU, MERGES, TEXT, UNET, VAE, Contents, tiny, with_header, write_tiny
from tests.nodes.values import result_of

VAE_ATTENTION = "first_stage_model.decoder.mid.attn_1.q.weight"
POSITIONS = "cond_stage_model.transformer.text_model.embeddings.position_embedding.weight"
TOKENS = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
SIZES = '"unet_heads": 2, "unet_groups": 4, "vae_groups": 4, "text_heads": 3'  # what the tiny file's metadata says
TIME = "model.diffusion_model.time_embed.0.weight"


def weights(checkpoint: Checkpoint) -> dict[str, Tensor]:
    model, clip, vae = checkpoint
    parts = {UNET_PLACES[0]: model.unet, VAE_PLACES[0]: vae.autoencoder, SD1.places[0][0]: clip.towers[0].network}
    return {prefix + name: tensor for prefix, part in parts.items() for name, tensor in part.stored.items()}


def refusal(path: Path) -> str:
    with pytest.raises(BadCheckpoint) as caught:
        load_checkpoint(path, CPU)
    message = str(caught.value)
    assert message.startswith(path.name)
    return message


def test_a_checkpoint_comes_back_bit_for_bit(tiny_file: Path) -> None:
    written, found = weights(tiny()), weights(load_checkpoint(tiny_file, CPU))
    assert written.keys() == found.keys()
    assert all(torch.equal(written[name], found[name]) for name in written)


def test_its_dimensions_its_heads_and_its_vocabulary_come_back(tiny_file: Path) -> None:
    model, clip, vae = load_checkpoint(tiny_file, CPU)
    assert (model.unet.config, vae.autoencoder.config, clip.towers[0].network.config) == (UNET, VAE, TEXT)
    assert clip.towers[0].tokenizer.merges == MERGES
    assert clip.towers[0].tokenizer.encode("red frog") == tiny().clip.towers[0].tokenizer.encode("red frog")


def test_it_gives_the_same_pictures_as_before_it_was_saved(tiny_file: Path) -> None:
    before, after = tiny(), load_checkpoint(tiny_file, CPU)
    x, t = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([5.0, 900.0])
    contexts = [checkpoint.clip.encode("a (red:1.3) frog").context for checkpoint in (before, after)]
    assert torch.equal(*contexts)
    context = contexts[0].repeat(2, 1, 1)
    assert torch.equal(before.model.predict(x, t, context), after.model.predict(x, t, context))
    assert torch.equal(before.vae.decode(x), after.vae.decode(x))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_checkpoint_in_half_precision_is_computed_in_the_type_asked_for(dtype: torch.dtype, tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "half.safetensors", dtype)
    model, clip, vae = load_checkpoint(path, placement("cpu", "bfloat16"))
    resident = [model.unet.resident(), clip.towers[0].network.resident(), vae.autoencoder.resident()]
    types = [{tensor.dtype for tensor in module.state_dict().values()} for module in resident]
    assert types == [{torch.bfloat16}, {torch.float32}, {torch.bfloat16}]
    assert {tensor.dtype for tensor in model.unet.stored.values()} == {dtype}


def test_loaded_weights_want_no_gradients(tiny_file: Path) -> None:
    model, clip, vae = load_checkpoint(tiny_file, CPU)
    for part in (model.unet.module, clip.towers[0].network.module, vae.autoencoder.module):
        assert not part.training
        assert not any(weight.requires_grad for weight in part.parameters())


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc where the file is mapped")
def test_tensors_of_the_right_type_stay_in_the_mapped_file(tiny_file: Path) -> None:
    checkpoint = load_checkpoint(tiny_file, CPU)
    maps = [line.split() for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith(str(tiny_file))]
    spans = [tuple(int(end, 16) for end in fields[0].split("-")) for fields in maps]
    assert spans
    for tensor in weights(checkpoint).values():
        assert any(start <= tensor.data_ptr() < end for start, end in spans)


def test_loading_does_not_import_the_compiler(tiny_file: Path) -> None:
    code = (
        "import sys, pathlib; from nodes.diffusion.checkpoint import load_checkpoint;"
        "from nodes.diffusion.devices import placement;"
        f"load_checkpoint(pathlib.Path({str(tiny_file)!r}), placement('cpu'));"
        "assert not {'torch._dynamo', 'sympy', 'transformers', 'diffusers'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# What is left aside


def test_leftovers_of_training_are_ignored(contents: Contents, tmp_path: Path) -> None:
    contents.tensors |= {
        "betas": torch.zeros(1000),
        "model_ema.decay": torch.tensor(0.9999),
        "model_ema.diffusion_modeltime_embed0weight": torch.zeros(64, 16),
        "cond_stage_model.transformer.text_model.embeddings.position_ids": torch.arange(16)[None],
        "cond_stage_model.logit_scale": torch.tensor(4.6),
        "control_model.input_blocks.0.0.weight": torch.zeros(16, 4, 3, 3),
        "first_stage_model.loss.logvar": torch.zeros(()),
    }
    found = weights(load_checkpoint(contents.write(tmp_path / "more.safetensors"), CPU))
    assert all(torch.equal(found[name], tensor) for name, tensor in weights(tiny()).items())


def test_the_attention_of_the_vae_may_be_linear_layers(contents: Contents, tmp_path: Path) -> None:
    for name, tensor in contents.tensors.items():
        if ".attn_1." in name and tensor.ndim == 4:
            contents.tensors[name] = tensor[:, :, 0, 0]
    found = weights(load_checkpoint(contents.write(tmp_path / "linear.safetensors"), CPU))
    assert torch.equal(found[VAE_ATTENTION], weights(tiny())[VAE_ATTENTION])


def test_an_inpainting_model_has_nine_channels(contents: Contents, tmp_path: Path) -> None:
    name = "model.diffusion_model.input_blocks.0.0.weight"
    contents.tensors[name] = torch.zeros(16, 9, 3, 3)
    model = load_checkpoint(contents.write(tmp_path / "inpaint.safetensors"), CPU).model
    assert model.unet.config == replace(UNET, in_channels=9)


# What is refused


def test_missing_tensors_are_named(contents: Contents, tmp_path: Path) -> None:
    del contents.tensors[TIME], contents.tensors[VAE_ATTENTION]
    message = refusal(contents.write(tmp_path / "less.safetensors"))
    assert "missing" in message
    assert TIME in message


def test_many_missing_tensors_are_counted(contents: Contents, tmp_path: Path) -> None:
    gone = [name for name in contents.tensors if ".middle_block." in name and "transformer_blocks" not in name]
    for name in gone:
        del contents.tensors[name]
    assert f"and {len(gone) - 3} more" in refusal(contents.write(tmp_path / "less.safetensors"))


@pytest.mark.parametrize(
    ("name", "tensor", "words"),
    [
        (TIME, torch.zeros(64, 17), ["expected float [64, 16]", "[64, 17]"]),
        (TIME, torch.zeros(64, 16, dtype=torch.int32), ["expected float [64, 16]", "I32 [64, 16]"]),
        (TIME, torch.zeros(16, 64), ["expected float [64, 16]", "[16, 64]"]),
        (VAE_ATTENTION, torch.zeros(16, 16, 3, 3), ["expected float [16, 16, 1, 1]", "[16, 16, 3, 3]"]),
    ],
)
def test_wrong_shapes_and_types_are_named(
    name: str, tensor: Tensor, words: list[str], contents: Contents, tmp_path: Path
) -> None:
    contents.tensors[name] = tensor
    message = refusal(contents.write(tmp_path / "wrong.safetensors"))
    assert all(word in message for word in [name, *words])


def narrow_context(contents: Contents) -> None:
    for name, tensor in contents.tensors.items():
        if name.endswith(("attn2.to_k.weight", "attn2.to_v.weight")):
            contents.tensors[name] = tensor[:, :20]


def few_positions(contents: Contents) -> None:
    contents.tensors[POSITIONS] = contents.tensors[POSITIONS][:2]


def few_tokens(contents: Contents) -> None:
    contents.tensors[TOKENS] = contents.tensors[TOKENS][:-1]


def metadata(text: str) -> Callable[[Contents], None]:
    def change(contents: Contents) -> None:
        contents.metadata = {"nodegraph.model": text}

    return change


def deep_transformers(contents: Contents) -> None:
    for index in range(1000):
        name = f"model.diffusion_model.input_blocks.3.1.transformer_blocks.{index}.norm1.weight"
        contents.tensors.setdefault(name, torch.zeros(1))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (narrow_context, "reads texts 20 wide"),
        (few_positions, "reads 2 tokens"),
        (few_tokens, "its vocabulary has"),
        (metadata(f"{{{SIZES}}}"), "49408"),
        (deep_transformers, "more blocks than"),
        (metadata("{"), "nodegraph.model"),
        (metadata("[]"), "nodegraph.model"),
        (metadata("[" * 100_000), "nodegraph.model"),
        (metadata('{"merges": "abc"}'), "not a list of texts"),
        (metadata('{"merges": [1]}'), "not a list of texts"),
        (metadata(f'{{"merges": ["x y z"], {SIZES}}}'), "do not fit"),
        (metadata('{"unet_groups": 0}'), "positive and whole"),
        (metadata('{"unet_groups": 4.0}'), "positive and whole"),
        (metadata('{"unet_groups": 7}'), "no U-Net"),
        (metadata(f'{{{SIZES}, "unet_heads": 5}}'), "5 attention heads"),
        (metadata(f'{{{SIZES}, "text_heads": 5}}'), "5 attention heads"),
        (metadata('{"colour": 1}'), "colour"),
    ],
)  # fmt: skip
def test_a_file_that_contradicts_itself_is_refused(
    change: Callable[[Contents], None], words: str, contents: Contents, tmp_path: Path
) -> None:
    change(contents)
    assert words in refusal(contents.write(tmp_path / "odd.safetensors"))


FAMILIES = {
    "lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight": "LoRA",
    "unet.down_blocks.0.attentions.0.proj_in.lora_A.weight": "LoRA",
    "decoder.conv_in.weight": "VAE alone",
    "control_model.time_embed.0.weight": "ControlNet",
    "controlnet_cond_embedding.conv_in.weight": "ControlNet",
    "model.diffusion_model.double_blocks.0.img_attn.qkv.weight": "Flux",
    "model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight": "SD3",
    "model.diffusion_model.time_embed.0.weight": "U-Net without",
    "down_blocks.0.resnets.0.conv1.weight": "diffusers",
    "text_model.final_layer_norm.weight": "text encoder alone",
    "emb_params": "textual inversion",
    "clip_g": "textual inversion",
    "edm_mean": "Playground",
    "edm_vpred.sigma_max": "EDM's parameterization",
    "lora_controlnet": "control-LoRA",
}


@pytest.mark.parametrize("key", FAMILIES)
def test_other_families_are_refused_by_name(key: str, tmp_path: Path) -> None:
    path = Contents({key: torch.zeros(1), "extra": torch.zeros(1)}).write(tmp_path / "other.safetensors")
    message = refusal(path)
    assert FAMILIES[key] in message
    assert "can" in message


def test_every_family_that_is_known_is_tried_above() -> None:
    names = {name for _, name in MARKS} - {"SD1"}
    assert all(any(word in name for word in FAMILIES.values()) for name in names)


def test_a_file_of_no_known_family_shows_some_of_its_keys(tmp_path: Path) -> None:
    message = refusal(Contents({"a.b": torch.zeros(1), "c" * 5000: torch.zeros(1)}).write(tmp_path / "x.safetensors"))
    assert "'a.b'" in message
    assert len(message) < 500


def test_a_file_without_tensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.safetensors"
    path.write_bytes(with_header({}))
    assert "none at all" in refusal(path)


def test_a_part_that_is_absent_is_named(contents: Contents, tmp_path: Path) -> None:
    kept = {name: tensor for name, tensor in contents.tensors.items() if not name.startswith(VAE_PLACES[0])}
    assert "without its VAE" in refusal(Contents(kept).write(tmp_path / "half.safetensors"))


# The nodes


def test_the_node_tells_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"no")
    with pytest.raises(BadInput, match=r"bad\.safetensors"):
        load(tmp_path / "bad.safetensors", profile=Profile())


def test_the_nodes_save_what_they_can_load(tmp_path: Path) -> None:
    (artifact,) = result_of(save(*tiny(), tmp_path / "saved", "float32"))
    assert weights(load(artifact.path, profile=Profile())).keys() == weights(tiny()).keys()
    assert [path.name for path in tmp_path.iterdir()] == ["saved.safetensors"]


def test_what_was_loaded_can_be_saved_again_even_over_itself(tiny_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "again.safetensors"
    path.write_bytes(tiny_file.read_bytes())
    result_of(save(*load(path, profile=Profile()), tmp_path / "again", "float32"))
    assert path.read_bytes() == tiny_file.read_bytes()
