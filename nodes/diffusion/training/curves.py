"""Loss curves as pictures."""

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def plot_losses(losses: list[float], title: str, width: int = 640, height: int = 400) -> Tensor:
    """Every step's loss, faintly, and their running mean, on a logarithmic axis: [3, height, width] in 0…1."""
    from matplotlib.figure import Figure  # here, since it takes longer to import than most nodes take to run

    figure = Figure(figsize=(width / 100, height / 100), dpi=100, layout="constrained")
    axes = figure.subplots()
    steps = np.arange(1, len(losses) + 1)
    axes.plot(steps, losses, color="#9bb7d4", linewidth=0.6, label="each step")
    window = max(1, len(losses) // 50)
    if len(losses) >= window:
        mean = np.convolve(losses, np.ones(window) / window, mode="valid")
        axes.plot(steps[window - 1 :], mean, color="#1f4e79", linewidth=1.8, label=f"mean of {window}")
    axes.set(title=title, xlabel="step", ylabel="loss", yscale="log" if min(losses, default=0) > 0 else "linear")
    axes.grid(True, which="both", alpha=0.25)
    axes.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    picture = np.array(Image.open(buffer).convert("RGB"))
    return torch.from_numpy(picture).permute(2, 0, 1).float() / 255
