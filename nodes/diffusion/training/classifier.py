"""A small classifier of the picture set, trained on real scenes only, that judges generated pictures."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from ..looks import Look, network_facts
from ..safetensors_file import BadCheckpoint, read_header, write_safetensors
from .concepts import ARRANGEMENTS, BACKGROUNDS, COLOURS, CONCEPTS, SHAPES, STYLES
from .loop import mixed_precision
from .pictures import PictureSet, draw_scenes

HEADS = {
    "subject": len(CONCEPTS) + len(SHAPES),
    "second": len(CONCEPTS) + 1,
    "style": len(STYLES),
    "tint": len(COLOURS) + 1,
    "background": len(BACKGROUNDS),
    "arrangement": len(ARRANGEMENTS),
}


class Classifier(nn.Module):
    """Four strided convolutions, then one linear layer a question."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        widths = [3, width, 2 * width, 4 * width, 8 * width]
        layers: list[nn.Module] = []
        for channels, out in pairwise(widths):
            layers += [nn.Conv2d(channels, out, 5, stride=2, padding=2), nn.GroupNorm(8, out), nn.GELU()]
        self.features = nn.Sequential(*layers)
        self.heads = nn.ModuleDict({name: nn.Linear(widths[-1] * 16, count) for name, count in HEADS.items()})

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Pictures [batch, 3, 64, 64] in −1…1 → logits of each question; tint 0 and second 0 mean none."""
        features = self.features(pictures).flatten(1)
        return {name: head(features) for name, head in self.heads.items()}

    def peek(self) -> Look:
        """What the network is, and what it tells apart."""
        questions = ", ".join(f"{count} of {name}" for name, count in HEADS.items())
        return Look((*network_facts(self), ("tells apart", questions)))


class ClassifierTask:
    """Cross entropy over all questions, on scenes blurred, shifted and noised a little."""

    def __init__(self, model: Classifier, pictures: PictureSet, batch: int = 64, seed: int = 5) -> None:
        self.model, self.pictures, self.batch, self.seed = model, pictures, batch, seed

    def loss(self, step: int) -> Tensor:
        """The loss of one batch; half of it shows combinations that the generator never sees."""
        seed = self.seed * 1_000_003 + step
        generator = torch.Generator().manual_seed(seed)
        scenes = draw_scenes(self.batch // 2, seed) + draw_scenes(self.batch // 2, seed, unseen=True)
        pictures = _disturbed(self.pictures.compose(scenes), generator)
        with mixed_precision():
            logits = self.model(pictures.to(memory_format=torch.channels_last))
        truth = {
            "subject": [s.subject for s in scenes],
            "second": [s.second + 1 for s in scenes],
            "style": [s.style for s in scenes],
            "tint": [s.tint + 1 for s in scenes],
            "background": [s.background for s in scenes],
            "arrangement": [list(ARRANGEMENTS).index(s.arrangement) for s in scenes],
        }
        weights = {"subject": 1.0, "second": 0.7, "style": 0.3, "tint": 0.7, "background": 0.5, "arrangement": 0.5}
        losses = [weights[k] * functional.cross_entropy(logits[k].float(), torch.tensor(truth[k])) for k in HEADS]
        return torch.stack(losses).sum()


def _disturbed(pictures: Tensor, generator: torch.Generator) -> Tensor:
    down, right = (int(torch.randint(-3, 4, (), generator=generator)) for _ in range(2))
    shifted = functional.pad(pictures, (3, 3, 3, 3), mode="replicate")[
        :, :, 3 + down : 67 + down, 3 + right : 67 + right
    ]
    soft = functional.interpolate(functional.avg_pool2d(shifted, 2), scale_factor=2.0, mode="bilinear")
    share = torch.rand(len(pictures), 1, 1, 1, generator=generator)
    noise = (
        0.08
        * torch.rand(len(pictures), 1, 1, 1, generator=generator)
        * torch.randn(pictures.shape, generator=generator)
    )
    return shifted * share + soft * (1 - share) + noise


def save_classifier(model: Classifier, path: Path) -> None:
    """Write the weights as float16: whole or not at all."""
    write_safetensors({name: t.half().contiguous() for name, t in model.state_dict().items()}, path)


def load_classifier(path: Path) -> Classifier:
    """Read what `save_classifier` wrote; BadCheckpoint if the file is something else."""
    read_header(path)
    model = Classifier()
    try:
        model.load_state_dict({name: t.float() for name, t in load_file(path).items()})
    except RuntimeError as error:
        raise BadCheckpoint(f"{path.name}: not a classifier of the picture set") from error
    return model.requires_grad_(False).eval()


@dataclass(frozen=True)
class Judgement:
    """What the classifier sees in one picture: names; `tint` and `second` are the likeliest if there is one."""

    subject: str
    second: str
    style: str
    tint: str
    background: str
    arrangement: str


@torch.no_grad()
def judge(model: Classifier, pictures: Tensor) -> list[Judgement]:
    """Name what pictures [batch, 3, 64, 64] in −1…1 show."""
    logits = model(pictures)
    names = {
        "subject": (*CONCEPTS, *SHAPES),
        "second": (*CONCEPTS,),
        "style": STYLES,
        "tint": (*COLOURS,),
        "background": (*BACKGROUNDS,),
        "arrangement": (*ARRANGEMENTS,),
    }
    for head in ("second", "tint"):
        logits[head] = logits[head][:, 1:]
    best = {name: logits[name].argmax(dim=1).tolist() for name in names}
    return [Judgement(**{name: names[name][best[name][i]] for name in names}) for i in range(len(pictures))]
