"""Models in diffusers' folders: a `model_index.json` beside a folder for each part."""

import json
from pathlib import Path

from torch import Tensor

from .safetensors_file import BadCheckpoint, Header, SafetensorsFile, Weights, open_regular, shortened

PARTS = ("unet", "vae", "text_encoder", "text_encoder_2")
NAMES = ("diffusion_pytorch_model", "model")
VARIANTS = ("", ".fp16", ".non_ema")
LARGEST_JSON = 4 << 20  # bytes


class FolderFile:
    """All tensors of a folder as if they were in one file, each part's behind its name: `unet.conv_in.weight`."""

    def __init__(self, path: Path) -> None:
        self.name = f"{path.parent.name}/{path.name}"
        self._files: dict[str, tuple[Weights, str]] = {}
        read_json(path)
        for part in PARTS:
            for file in (SafetensorsFile(each) for each in files_of(path.parent / part)):
                self._files |= {f"{part}.{key}": (file, key) for key in file.header.shapes}
        if not self._files:
            raise BadCheckpoint(f"{self.name}: there is no safetensors file in {', '.join(PARTS)} beside it")
        shapes = {key: file.header.shapes[inner] for key, (file, inner) in self._files.items()}
        dtypes = {key: file.header.dtypes[inner] for key, (file, inner) in self._files.items()}
        self.header = Header(shapes, dtypes, _schedule(path.parent / "scheduler" / "scheduler_config.json"), {})

    def tensor(self, key: str) -> Tensor:
        file, inner = self._files[key]
        return file.tensor(inner)


def files_of(folder: Path) -> list[Path]:
    """The files of a part: one, or those that an index lists; none where the part is not there."""
    for variant in VARIANTS:
        for name in NAMES:
            whole = folder / f"{name}{variant}.safetensors"
            if whole.is_file():
                return [whole]
            index = folder / f"{name}.safetensors.index{variant}.json"
            if index.is_file():
                return _shards(index)
    return []


def _shards(index: Path) -> list[Path]:
    listed = read_json(index).get("weight_map")
    names = {str(name) for name in listed.values()} if isinstance(listed, dict) else set()
    strange = next((name for name in names if Path(name).name != name), None)
    if strange is not None or not names:
        raise BadCheckpoint(f"{index.name}: its weight_map names no files beside it: {shortened(str(strange))}")
    return [index.with_name(name) for name in sorted(names)]


def _schedule(path: Path) -> dict[str, str]:
    """What the scheduler's settings say about the U-Net's output, as metadata of a single file would say it."""
    if not path.is_file():
        return {}
    settings = read_json(path)
    kind = "v" if settings.get("prediction_type") == "v_prediction" else "epsilon"
    zero = {"modelspec.ztsnr": "true"} if settings.get("rescale_betas_zero_snr") is True else {}
    return {"modelspec.prediction_type": kind, **zero}


def read_json(path: Path) -> dict[str, object]:
    """A JSON object from a file; BadCheckpoint where there is none."""
    try:
        with open_regular(path) as file:
            text = file.read(LARGEST_JSON + 1)
        if len(text) > LARGEST_JSON:
            raise ValueError(f"more than {LARGEST_JSON} bytes")
        content = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise BadCheckpoint(f"{path.name}: cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise BadCheckpoint(f"{path.name}: not a JSON object")
    return content
