"""Previews by a tiny autoencoder, where its file is there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from torch import Tensor
from torch.nn import functional

from .devices import Placement
from .models import Vae
from .network import Network
from .safetensors_file import BadCheckpoint
from .taesd import TinyAutoencoder, tiny_autoencoder
from .weights_file import open_weights

# How the files for the latents of a scale are called.
NAMES = {0.18215: "taesd", 0.13025: "taesdxl"}
SUFFIXES = (".safetensors", ".pth", ".pt")  # the first is taken where there are several
# Of what is decoded, in latent pixels a side: 0.3 seconds on two cores, and less on a GPU.
LONGEST_SIDE = {"cpu": 32}
LONGEST_SIDE_ON_GPU = 64


@dataclass(frozen=True)
class TinyPreview:
    """What a latent looks like by the tiny autoencoder of a file, which is loaded when the first is to be seen."""

    path: Path
    placement: Placement

    def __call__(self, latent: Tensor) -> Tensor | None:
        """The picture of a latent [channels, h, w]: [3, 8h, 8w] in 0…1, on the CPU; smaller where that is large.

        None where the file or the device cannot make it: a preview is not worth stopping a run for.
        """
        network = _loaded(self.path, _stamp(self.path), self.placement.for_vae())
        if network is None or network.config.latent_channels != len(latent):
            return None
        longest = LONGEST_SIDE.get(self.placement.device.type, LONGEST_SIDE_ON_GPU)
        height, width = latent.shape[-2:]
        scale = min(1, longest / max(height, width))
        size = max(1, round(height * scale)), max(1, round(width * scale))
        small = latent[None].float() if scale == 1 else functional.interpolate(latent[None].float(), size, mode="area")
        try:
            return Vae(network, None).decode(small)[0].cpu().nan_to_num()
        except (BadCheckpoint, RuntimeError):  # weights that are no numbers; too little memory
            return None


def tiny_file(files: Mapping[str, Path], scale: float) -> Path | None:
    """The file with a tiny decoder for latents of that scale, by its name or its folder's; None where there is none."""
    name = NAMES.get(scale)
    found = [path for given, path in sorted(files.items()) if name is not None and _is_named(given, name)]
    return min(found, key=lambda path: SUFFIXES.index(path.suffix.lower()), default=None)


def _is_named(file: str, name: str) -> bool:
    path = PurePosixPath(file.lower())
    if path.suffix not in SUFFIXES or "encoder" in path.stem:
        return False
    return any(re.fullmatch(rf"{name}(?:[._-].*)?", part) for part in (*path.parts[:-1], path.stem))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=2)
def _loaded(path: Path, stamp: tuple[int, int], placement: Placement) -> Network[TinyAutoencoder] | None:
    """The network of a file, kept as long as the file stays as it is; None where it has no decoder that can be used."""
    try:
        network = tiny_autoencoder(open_weights(path), placement)
    except BadCheckpoint:
        return None
    return network if network.config.decodes else None
