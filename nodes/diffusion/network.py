"""A network as a value: its weights as they are stored, what changes them, and where they are computed.

Nothing is read, converted or moved before somebody computes with it. A changed network shares the stored weights with
the one that it was made from, so changing one costs nothing until it is used, and undoing a change is using the other.
"""

import copy
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar, cast

import torch
from torch import Tensor, nn

from .devices import RESIDENTS, Placement, put, streamed
from .progress import Done, Work, finish, stops
from .safetensors_file import BadCheckpoint, let_go, whole

M = TypeVar("M", bound=nn.Module)


class Change(Protocol):
    """Another weight in place of one, of the same shape: float32 in and out, on any device; the given one is kept."""

    def __call__(self, weight: Tensor, /) -> Tensor: ...

    @property
    def nbytes(self) -> int:
        """The size of what it is made from."""
        ...


@dataclass(frozen=True, eq=False)
class Network(Generic[M]):
    """A module with its stored weights, and the changes of some of them, by name, in the order in which they are made.

    `origin` names the file for messages, `compiler` a backend of `torch.compile`, if the module is to be compiled. The
    class of the module may name `UNITS`, the classes of the parts that can be on a device one at a time.
    """

    module: M
    placement: Placement
    changes: Mapping[str, tuple[Change, ...]] = field(default_factory=dict[str, tuple[Change, ...]])
    origin: str = "the model"
    compiler: str | None = None

    @property
    def config(self) -> Any:
        """The dimensions of the module."""
        return self.module.config

    @cached_property
    def stored(self) -> dict[str, Tensor]:
        """The weights as they were stored."""
        return cast("dict[str, Tensor]", self.module.state_dict())

    def changed(self, changes: Mapping[str, Change]) -> "Network[M]":
        """The same network with further changes; itself where there are none."""
        if not changes:
            return self
        added = {name: (*self.changes.get(name, ()), change) for name, change in changes.items()}
        return replace(self, changes={**self.changes, **added})

    def weight(self, name: str) -> Tensor:
        """A weight with its changes: as it is stored where there is none, else in float32 on the CPU."""
        weight = self.stored[name]
        self._check_file(weight)
        for change in self.changes.get(name, ()):
            weight = change(weight.float())
        return weight

    @property
    def nbytes(self) -> int:
        """Bytes of the stored weights and of what changes them, for caches."""
        changes = sum(change.nbytes for made in self.changes.values() for change in made)
        return sum(tensor.nbytes for tensor in self.stored.values()) + changes

    def resident(self) -> M:
        """The module with its weights, changes included, on the device and in the type that it is computed in."""
        return finish(self.resident_steps())

    def resident_steps(self) -> Work[M]:
        """The same, some weights at a time; the module itself if it is there already.

        It stops at 0 of all, since whatever it is needed for has not begun.
        """
        place = self.placement
        there = not self.changes and all(_is_there(tensor, place) for tensor in self.stored.values())
        if there and self.compiler is None:
            return self._as_stored()
        kept = RESIDENTS.of(self)
        if kept is not None:
            return cast("M", kept)
        size = sum(tensor.numel() * place.dtype.itemsize for tensor in self.stored.values())
        module = _twin(self.module)
        fits = RESIDENTS.make_room(place, size)
        streaming = {} if fits else dict(_units(module))
        for name, unit in streaming.items():
            own = {inner: f"{name}.{inner}" for inner in unit.state_dict()}
            streamed(unit, self._fetching(own), {inner: self.stored[whole] for inner, whole in own.items()})
        names = [name for name in self.stored if not any(name.startswith(f"{unit}.") for unit in streaming)]
        yield from self._placing(module, names)
        placed = sum(_bytes(module, name) for name in names)
        if self.compiler is not None:
            module = cast("M", torch.compile(module, backend=self.compiler))
        RESIDENTS.keep(self, module, place.device, placed)
        return module

    def _as_stored(self) -> M:
        self._check_file(next(iter(self.stored.values())))
        if RESIDENTS.of(self) is None:
            for name, tensor in self.stored.items():
                self._check(name, tensor)
            RESIDENTS.keep(self, self.module, self.placement.device, 0)
        return self.module

    def _check_file(self, tensor: Tensor) -> None:
        if not whole(tensor):  # looking at what is gone would end the process
            raise BadCheckpoint(f"{self.origin}: it became shorter after it was loaded")

    def _check(self, name: str, tensor: Tensor) -> None:
        # The sum is a cheap alarm: it may overflow where every number is finite, so an alarm is checked.
        if not torch.isfinite(tensor.sum()) and not torch.isfinite(tensor).all():
            raise BadCheckpoint(f"{self.origin}: tensor {name!r} has NaN or infinite numbers")

    def _placing(self, module: M, names: list[str]) -> Work[None]:
        pauses = stops([self.stored[name].numel() * self.placement.dtype.itemsize for name in names])
        for done, name in enumerate(names, 1):
            put(module, {name: self._placed(name)})
            if done in pauses:
                yield Done(0, len(names))

    def _placed(self, name: str) -> Tensor:
        place, stored = self.placement, self.stored[name]
        tensor = place.arranged(self.weight(name).to(place.device, place.dtype))
        self._check(name, tensor)
        if tensor is not stored:
            let_go(stored)
        return tensor

    def _fetching(self, names: Mapping[str, str]) -> Callable[[], dict[str, Tensor]]:
        network = weakref.ref(self)  # the copy is kept as long as the network is in use, so it must not be used by it

        def fetch() -> dict[str, Tensor]:
            alive = network()
            assert alive is not None, "whoever computes with a network holds it"
            return {inner: alive._placed(name) for inner, name in names.items()}

        return fetch


def _is_there(tensor: Tensor, place: Placement) -> bool:
    return tensor.dtype == place.dtype and tensor.device == place.device and place.arranged(tensor) is tensor


def _bytes(module: nn.Module, name: str) -> int:
    return module.get_parameter(name).nbytes


def _twin(module: M) -> M:
    """The same module with the same tensors, whose tensors can be replaced without changing the first."""
    shared = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
    return copy.deepcopy(module, shared)


def _units(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    kinds = getattr(type(module), "UNITS", ())
    return ((name, part) for name, part in module.named_modules() if isinstance(part, kinds))
