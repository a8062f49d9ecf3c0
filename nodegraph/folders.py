"""Where files are looked for and where they go: one place for the command line and the server."""

import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

MODELS = (
    "checkpoints", "clip", "clip_vision", "controlnet", "diffusion_models", "embeddings", "hypernetworks", "loras",
    "style_models", "upscale_models", "vae", "vae_approx",
)  # fmt: skip
ALIASES = {"clip": ("text_encoders",), "diffusion_models": ("unet",)}


def default_folders(
    *, models: Path | None = None, output: Path | None = None, inputs: tuple[Path, ...] = ()
) -> Mapping[str, tuple[Path, ...]]:
    """Every folder by name. A model is looked for under `models`, then the user's own data folder, then in the packs.

    `output` is `output/` under the current folder unless given; pictures and data sets are read from `inputs`, then the
    current folder, then the user's own; pictures also from what the shipped workflows need. Nothing is created here.
    """
    data = user_data_path("nodegraph", appauthor=False)
    roots = (*([models] if models else []), data / "models", *packs())
    here = (*inputs, Path.cwd())
    return {
        **model_folders(roots),
        "input": (*here, data / "input", *shipped_inputs()),
        "data": (*here, data / "data"),
        "output": (output or Path.cwd() / "output",),
        "temp": (user_cache_path("nodegraph", appauthor=False) / "temp",),
    }


def model_folders(roots: Iterable[Path]) -> dict[str, tuple[Path, ...]]:
    """The folder of each kind of models under each root, also under a name that ComfyUI has or had for it."""
    named = {name: (name, *ALIASES.get(name, ())) for name in MODELS}
    rooted = tuple(roots)
    return {name: tuple(root / each for root in rooted for each in names) for name, names in named.items()}


def packs() -> tuple[Path, ...]:
    """The folder of every installed pack, found without importing it."""
    modules = sorted({point.module.partition(".")[0] for point in entry_points(group="nodegraph.packs")})
    specs = [importlib.util.find_spec(module) for module in modules]
    return tuple(Path(place) for spec in specs if spec for place in spec.submodule_search_locations or ())


def shipped_workflows() -> dict[str, Path]:
    """The workflows that come with the packs, by name (`text_to_image`, `lessons/noise`).

    A wheel carries them in the pack; a checkout keeps them beside it.
    """
    return {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for folder in workflow_folders()
        for path in sorted(folder.rglob("*.json"))
    }


def shipped_inputs() -> tuple[Path, ...]:
    """The folders of the pictures that the shipped workflows begin with."""
    return tuple(folder / "input" for folder in workflow_folders())


def workflow_folders() -> Iterator[Path]:
    for pack in packs():
        checkout = (pack.parent / "pyproject.toml").is_file()
        folder = pack.parent / "workflows" if checkout else pack / "workflows"
        if folder.is_dir():
            yield folder
