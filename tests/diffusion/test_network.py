"""Networks as values: what is shared, what is converted when, what fits where, and what comes back from the file."""

import gc
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nodes.diffusion.checkpoint import load_checkpoint
from nodes.diffusion.devices import Placement, Residents, computes_in_bfloat16, placement
from nodes.diffusion.merging import merged
from nodes.diffusion.network import Network
from nodes.diffusion.safetensors_file import SafetensorsFile, let_go
from nodes.diffusion.text_encoder import TextConfig, TextTower
from nodes.diffusion.unet import UNet
from tests.diffusion.checkpoints import CPU, TEXT, tiny

WEIGHT = "middle_block.1.proj_in.weight"
HALF = replace(CPU, dtype=torch.bfloat16)


@dataclass(frozen=True)
class Times:
    """A weight times a number."""

    factor: float
    nbytes: int = 8

    def __call__(self, weight: Tensor) -> Tensor:
        return weight * self.factor


@pytest.fixture(autouse=True)
def residents(monkeypatch: pytest.MonkeyPatch) -> Residents:
    """Copies of this test's networks alone: those of others would go first."""
    own = Residents()
    monkeypatch.setattr("nodes.diffusion.network.RESIDENTS", own)
    return own


def unet(place: Placement = CPU) -> Network[UNet]:
    return replace(tiny().model.unet, placement=place)


def predicted(network: Network[UNet]) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    x, context = torch.randn(2, 4, 8, 8, generator=generator), torch.randn(2, 7, 24, generator=generator)
    dtype = network.placement.dtype
    with torch.no_grad():
        return network.resident()(x.to(dtype), torch.tensor([5.0, 900.0]), context.to(dtype))


def test_weights_that_are_as_they_are_computed_are_not_copied() -> None:
    network = unet()
    assert network.resident() is network.module


def test_a_change_is_made_when_it_is_computed_and_the_rest_is_shared() -> None:
    network = unet()
    before = {name: tensor.clone() for name, tensor in network.stored.items()}
    changed = network.changed({WEIGHT: Times(2)}).changed({WEIGHT: Times(3)})
    after = changed.resident().state_dict()
    assert torch.equal(after[WEIGHT], before[WEIGHT] * 2 * 3)
    assert all(after[name].data_ptr() == tensor.data_ptr() for name, tensor in network.stored.items() if name != WEIGHT)
    assert all(torch.equal(network.stored[name], tensor) for name, tensor in before.items())
    assert network.changed({}) is network


def test_a_network_that_does_not_fit_is_computed_part_by_part_to_the_same_bits() -> None:
    whole, small = unet(HALF), unet(replace(HALF, memory=1000))
    assert torch.equal(predicted(small), predicted(whole))
    resident = [weight.dtype for weight in small.resident().parameters()]
    assert 0 < resident.count(torch.bfloat16) < len(resident) / 4, "all but a few wait in the file"
    assert torch.equal(predicted(small), predicted(whole)), "and again"


def test_a_changed_network_that_does_not_fit_has_its_changes() -> None:
    change = {WEIGHT: Times(0.5), "input_blocks.1.0.in_layers.2.weight": Times(2)}
    assert torch.equal(
        predicted(unet(replace(HALF, memory=1000)).changed(change)), predicted(unet(HALF).changed(change))
    )


def test_a_compiled_network_gives_the_same_numbers() -> None:
    network = unet()
    compiled = replace(network, compiler="eager")  # traced by the compiler, and not translated: no C++ is needed
    assert compiled.resident() is not network.module
    torch.testing.assert_close(predicted(compiled), predicted(network))


def test_the_least_recently_used_copy_goes_first_when_there_is_no_room(residents: Residents) -> None:
    size = sum(2 * tensor.numel() for tensor in unet().stored.values())
    place = Placement(torch.device("cpu"), torch.bfloat16, int(2.5 * size))
    first, second, third = (unet(place) for _ in range(3))
    copies = [network.resident() for network in (first, second)]
    assert first.resident() is copies[0]
    third.resident()
    assert first.resident() is copies[0]
    assert residents.of(second) is None


def test_a_copy_goes_with_its_network(residents: Residents) -> None:
    for place in (HALF, replace(HALF, memory=1000)):
        gc.collect()
        before = residents.bytes_on(place.device)
        network = unet(place)
        network.resident()
        assert residents.bytes_on(place.device) > before
        del network
        gc.collect()
        assert residents.bytes_on(place.device) == before


def resident_kilobytes() -> int:
    text = Path("/proc/self/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("RssFile")).split()[1])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks /proc how much memory is mapped from files")
def test_memory_of_a_file_is_given_back_and_read_again(tmp_path: Path) -> None:
    size = 32 << 20
    path = tmp_path / "large.safetensors"
    header = f'{{"a": {{"dtype": "U8", "shape": [{size}], "data_offsets": [0, {size}]}}}}'.encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes([7]) * size)
    tensor = SafetensorsFile(path).tensor("a")
    assert int(tensor.sum()) == 7 * size
    full = resident_kilobytes()
    let_go(tensor)
    assert full - resident_kilobytes() > 0.9 * (size >> 10)
    assert int(tensor.sum()) == 7 * size


def test_what_is_not_of_a_file_is_left_alone() -> None:
    tensor = torch.arange(100_000.0)
    let_go(tensor)
    assert torch.equal(tensor, torch.arange(100_000.0))


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_merge_lies_between_two_models(share: float) -> None:
    first, second = unet(), unet().changed({name: Times(-1) for name in unet().stored})
    mixed = merged(first, second, lambda _: share).resident().state_dict()
    for name, tensor in first.stored.items():
        torch.testing.assert_close(mixed[name], tensor * (2 * share - 1))


def test_models_of_different_sizes_are_not_merged() -> None:
    def tower(config: TextConfig) -> Network[TextTower]:
        return Network(TextTower(config), CPU)

    with pytest.raises(ValueError, match="different families or sizes"):
        merged(tower(TEXT), tower(replace(TEXT, layers=1)), lambda _: 0.5)


def test_the_default_type_suits_the_processor() -> None:
    expected = torch.bfloat16 if computes_in_bfloat16() else torch.float32
    assert placement("cpu").dtype == expected
    assert placement("cpu", "float32").for_vae().dtype == torch.float32
    assert placement("cpu", "float16").for_vae().dtype == torch.float32, "float16 overflows in a VAE"


def test_nothing_is_converted_when_a_file_is_loaded(residents: Residents, tiny_file: Path) -> None:
    before = residents.bytes_on(CPU.device)
    model, _, vae = load_checkpoint(tiny_file, HALF)
    stored = [*model.unet.stored.values(), *vae.autoencoder.stored.values()]
    assert {tensor.dtype for tensor in stored} == {torch.float32}
    assert residents.bytes_on(CPU.device) == before
