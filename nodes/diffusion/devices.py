"""Where things are computed, in what type, and whose weights stay there: nothing else in this library decides it."""

import ctypes
import math
import os
import sys
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
LARGE = 256 << 20  # bytes: memory of a copy that is worth giving back at once
RESERVE = 2 << 30  # bytes of a GPU that are left to activations
SMALLEST_TILE = 32  # latent pixels a side: in smaller ones the seams show


class Portion(NamedTuple):
    """How much of a batch of pictures to compute at once: so many, or a tile of one, with so many pixels a side."""

    pictures: int
    side: int | None = None


@dataclass(frozen=True)
class Placement:
    """A device, the type that networks are computed in there, and how many bytes of weights may lie there at once.

    Without `memory` it is what a GPU has free, less a reserve, and half of the machine's memory on a CPU. `activations`
    is how many bytes the numbers on the way through an autoencoder may take; without it, two fifths of all the memory.
    """

    device: torch.device
    dtype: torch.dtype
    memory: int | None = None
    activations: int | None = None

    def exact(self) -> "Placement":
        """The same device in float32, for small networks that run once a picture."""
        return replace(self, dtype=torch.float32)

    def for_vae(self) -> "Placement":
        """The same device in a type that an autoencoder does not overflow in: float16 ends at 65,504."""
        if self.dtype != torch.float16:
            return self
        fits = self.device.type == "cuda" and torch.cuda.is_bf16_supported()
        return replace(self, dtype=torch.bfloat16 if fits else torch.float32)

    def budget(self) -> int:
        """Bytes of weights that may lie on the device."""
        if self.memory is not None:
            return self.memory
        if self.device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(self.device)
            return max(0, free + RESIDENTS.bytes_on(self.device) - RESERVE)
        return self._all() // 2

    def portion(self, count: int, height: int, width: int, held: int) -> Portion:
        """How much of `count` pictures of height × width pixels to compute at once, with `held` numbers for a pixel.

        It follows from the size of the device and not from what is free there: the same pictures give the same bits.
        """
        room = (self._all() * 2 // 5 if self.activations is None else self.activations) // self.dtype.itemsize
        if held * height * width <= room:
            return Portion(min(count, room // (held * height * width)))
        return Portion(1, max(SMALLEST_TILE, math.isqrt(room // held)))

    def _all(self) -> int:
        """Bytes of memory that the device has."""
        if self.device.type == "cuda":
            return torch.cuda.mem_get_info(self.device)[1]
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 16 << 30

    def arranged(self, weight: Tensor) -> Tensor:
        """A weight as this device computes with it fastest: convolutions with the channels last on a GPU."""
        if self.device.type == "cuda" and weight.ndim == 4:
            return weight.contiguous(memory_format=torch.channels_last)
        return weight


def placement(device: str = "auto", dtype: str = "auto", memory: float | None = None) -> Placement:
    """The placement that two words name; ValueError where this machine does not have it.

    "auto" is the first GPU, else the CPU; and float16 on a GPU, bfloat16 on a CPU that computes in it, else float32.
    `memory` is in GiB.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"no device {device!r} here: {str(error).splitlines()[0]}") from error
    if dtype == "auto":
        dtype = "float16" if chosen.type != "cpu" else "bfloat16" if computes_in_bfloat16() else "float32"
    if dtype not in DTYPES:
        raise ValueError(f"no type {dtype!r}: one of {', '.join(DTYPES)} or auto")
    return Placement(chosen, DTYPES[dtype], None if memory is None else int(memory * (1 << 30)))


def computes_in_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 itself; where it does not, it is slower than float32."""
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in names)


@dataclass
class Resident:
    """A copy of a network's weights on a device."""

    module: nn.Module
    device: torch.device
    nbytes: int


class Residents:
    """Copies of networks on their devices, each as long as its network is in use and there is room.

    The least recently used go first. They are made from the stored weights again when they are needed again.
    """

    def __init__(self) -> None:
        self._kept: dict[int, Resident] = {}  # by the id of the network, the least recently used first

    def bytes_on(self, device: torch.device) -> int:
        """How many bytes of weights lie on a device."""
        return sum(kept.nbytes for kept in self._kept.values() if kept.device == device)

    def of(self, network: object) -> nn.Module | None:
        """The copy of a network, if there is one, which is then the last used."""
        kept = self._kept.pop(id(network), None)
        if kept is None:
            return None
        self._kept[id(network)] = kept
        return kept.module

    def make_room(self, place: Placement, nbytes: int) -> bool:
        """Let go of others until there is room for so many bytes; False if there is too little on an empty device."""
        budget = place.budget()
        if nbytes > budget:
            return False
        for key, kept in list(self._kept.items()):
            if self.bytes_on(place.device) + nbytes <= budget:
                break
            if kept.device == place.device:
                self._drop(key)
        return True

    def keep(self, network: Any, module: nn.Module, device: torch.device, nbytes: int) -> None:
        """Keep a copy until its network is not used any more."""
        self._kept[id(network)] = Resident(module, device, nbytes)
        weakref.finalize(network, self._drop, id(network))

    def _drop(self, key: int) -> None:
        dropped = self._kept.pop(key, None)
        if dropped is not None and dropped.nbytes >= LARGE:
            del dropped
            give_back_memory()


RESIDENTS = Residents()


def give_back_memory() -> None:
    """Let the C library return what was freed to the system: glibc keeps gigabytes of a model for later else."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def streamed(unit: nn.Module, fetch: Callable[[], dict[str, Tensor]], stored: dict[str, Tensor]) -> None:
    """Let a part of a network have its weights on the device only while it computes."""

    def enter(module: nn.Module, _: object) -> None:
        put(module, fetch())

    def leave(module: nn.Module, _inputs: object, _output: object) -> None:
        put(module, stored)

    unit.register_forward_pre_hook(enter)
    unit.register_forward_hook(leave, always_call=True)


def put(module: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Give a module other weights, by their names in it."""
    for name, tensor in tensors.items():
        owner, _, leaf = name.rpartition(".")
        setattr(module.get_submodule(owner), leaf, nn.Parameter(tensor, requires_grad=False))
