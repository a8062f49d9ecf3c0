"""Distillation into few steps: the student begins as its teacher, and a saved LoRA is the student."""

from pathlib import Path

import pytest
import torch

from nodes.diffusion.checkpoint import Checkpoint, load_checkpoint
from nodes.diffusion.devices import placement
from nodes.diffusion.lora import model_with_lora_steps
from nodes.diffusion.progress import finish
from nodes.diffusion.training.concepts import CONCEPTS, SHAPES, STYLES
from nodes.diffusion.training.distillation import DistillationTask, low_rank, save_lora
from nodes.diffusion.training.pictures import PictureSet

EMBEDDED = Path(__file__).parents[2] / "nodes" / "checkpoints" / "emoji-64.safetensors"


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return load_checkpoint(EMBEDDED, placement("cpu", "float32"))


def task(checkpoint: Checkpoint, *, substeps: int, scale: float) -> DistillationTask:
    generator = torch.Generator().manual_seed(0)
    sprites = torch.randint(0, 256, (len(CONCEPTS), len(STYLES), 4, 64, 64), generator=generator, dtype=torch.uint8)
    pictures = PictureSet(sprites, sprites[: len(SHAPES), 0])
    model, clip, vae = checkpoint
    tower = clip.towers[0]
    networks = model.unet.resident(), tower.network.resident(), tower.tokenizer
    return DistillationTask(*networks, vae.encode, pictures, substeps=substeps, scale=scale, batch=6)


def test_a_student_that_has_learnt_nothing_is_its_teacher(checkpoint: Checkpoint):
    alone = task(checkpoint, substeps=1, scale=1.0).loss(0).item()
    guided = task(checkpoint, substeps=1, scale=3.0).loss(0).item()
    assert alone < 1e-3  # the student computes in bfloat16
    assert guided > 5 * alone


def test_only_the_changes_learn(checkpoint: Checkpoint):
    distilling = task(checkpoint, substeps=2, scale=3.0)
    torch.autograd.backward(distilling.loss(0))
    learning = {name for name, weight in distilling.student.named_parameters() if weight.requires_grad}
    assert all("parametrizations" in name and not name.endswith("original") for name in learning)
    assert all(change.up.grad is not None for change in distilling.changes.values())
    assert not any(weight.requires_grad for weight in distilling.teacher.parameters())


def test_a_saved_lora_makes_the_student_of_the_model(checkpoint: Checkpoint, tmp_path: Path):
    model = checkpoint.model
    student, changes = low_rank(model.unet.resident(), 4)
    with torch.no_grad():
        for change in changes.values():
            change.up.normal_(std=0.02, generator=torch.Generator().manual_seed(1))
    save_lora(changes, model.unet.resident(), tmp_path / "few.safetensors")
    changed = finish(model_with_lora_steps(tmp_path / "few.safetensors", model, 1.0))
    assert len(changed.unet.changes) == len(changes)
    x, t, context = torch.randn(2, 4, 8, 8), torch.tensor([10, 900]), torch.randn(2, 24, 128)
    with torch.no_grad():
        expected, plain = student(x, t, context), model.unet.resident()(x, t, context)
        given = changed.unet.resident()(x, t, context)
    torch.testing.assert_close(given, expected, rtol=1e-2, atol=1e-2)
    assert (expected - plain).abs().max() > 0.1
