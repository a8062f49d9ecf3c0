"""Where things are computed and in what type: nothing else in this library decides it."""

from dataclasses import dataclass, replace

import torch

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Placement:
    """A device, and the type that networks are computed in there."""

    device: torch.device
    dtype: torch.dtype

    def exact(self) -> "Placement":
        """The same device in float32, for networks that run once a picture or would overflow in float16."""
        return replace(self, dtype=torch.float32)


def placement(device: str = "auto", dtype: str = "auto") -> Placement:
    """The placement that two words name; ValueError where this machine does not have it.

    "auto" is the first GPU, else the CPU; and float16 on a GPU, float32 on a CPU.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"no device {device!r} here: {str(error).splitlines()[0]}") from error
    if dtype == "auto":
        dtype = "float32" if chosen.type == "cpu" else "float16"
    if dtype not in DTYPES:
        raise ValueError(f"no type {dtype!r}: one of {', '.join(DTYPES)} or auto")
    return Placement(chosen, DTYPES[dtype])
