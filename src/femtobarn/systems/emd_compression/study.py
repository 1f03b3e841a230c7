"""What is trained in one run: a list of autoencoders, each a part that can be done on its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from femtobarn.engine import Objective, TensorTable, Training, fit, load_tensors, save_tensors
from femtobarn.errors import InputError
from femtobarn.losses import EmdNet
from femtobarn.nn import wafer_autoencoder as nets
from femtobarn.nn.quantised import CostedLoss
from femtobarn.runs import Run
from femtobarn.systems.emd_compression.objectives import CompressionLoss, mean_emd, parse, title
from femtobarn.systems.emd_compression.quantised import TrainedBits
from femtobarn.systems.emd_compression.sample import Sample

DecoderName = Literal["published", "large"]
_EXAMPLE = 4096  # training wafers that show an encoder with trained bits its first ranges


@dataclass(frozen=True)
class Study:
    """Which autoencoders are trained and compared."""

    losses: tuple[str, ...] = ("emd", "mse")
    """Losses trained at every rate, with the published decoder."""
    links: tuple[int, ...] = (2, 3, 4, 5)
    """Rates as numbers of e-links: 2, 3, 4, 5 give 3, 5, 7, 9 bits for each of the 16 codes."""
    large_decoder: bool = True
    """Train also the large decoder, with the first loss, at every rate."""
    large_lr: float = 0.2
    """Learning rate of the large decoder, relative to that of the encoder."""
    other_losses: tuple[str, ...] = ("sinkhorn", "sliced", "learned", "telescope")
    """Losses trained at one rate only."""
    other_links: int = 5
    """The rate of the other losses."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of the initial weights and the order of the batches."""
    quantised: bool = True
    """Train the encoder in the integers of the chip; otherwise in floating point with unlimited codes."""

    def __post_init__(self) -> None:
        for mixture in (*self.losses, *self.other_losses):
            parse(mixture)
        for links in (*self.links, self.other_links):
            if links not in nets.BITS:
                raise InputError(f"links must be among {list(nets.BITS)}: got {links}")
        if not (self.losses and self.links and self.seeds):
            raise InputError("at least one loss, one rate and one seed are needed")

    def parts(self) -> list["Part"]:
        """All autoencoders of the study, those of the first seed first."""
        plain = [(loss, links, "published") for loss in self.losses for links in self.links]
        other = [(loss, self.other_links, "published") for loss in self.other_losses]
        large = [(self.losses[0], links, "large") for links in self.links if self.large_decoder]
        chosen = dict.fromkeys(plain + other + large)
        return [
            Part(loss, links, decoder, seed)  # type: ignore[arg-type]
            for seed in self.seeds
            for loss, links, decoder in chosen
        ]

    def further_parts(self, settings: TrainedBits) -> list["Part"]:
        """Trainings that go on from the first loss and the published decoder, at every rate.

        The chip's formats first, trained as much longer, so that a gain by bits is not one by epochs; then the
        encoder together with its bits, at every price.
        """
        seeds = [seed for seed in self.seeds if seed in settings.seeds]
        if not seeds:
            raise InputError(f"hgq.seeds must be among those of the study {self.seeds}: got {settings.seeds}")
        return [
            Part(self.losses[0], links, "published", seed, beta, further=True)
            for seed in seeds
            for links in self.links
            for beta in (0.0, *settings.betas)
        ]


class Part(NamedTuple):
    """One autoencoder of the study."""

    loss: str
    links: int
    decoder: DecoderName
    seed: int
    beta: float = 0.0  # price of an effective bit operation; 0 for the chip's formats
    further: bool = False  # goes on from `start`

    @property
    def name(self) -> str:
        """As it is called on disk and by ``predict --model``, such as ``emd-5links-large-seed1``."""
        words = [self.loss.replace("*", "x"), f"{self.links}links", self.decoder, f"seed{self.seed}"]
        words += [f"beta{self.beta:g}" if self.beta else "longer"] if self.further else []
        return "-".join(words)

    @property
    def start(self) -> "Part":
        """The part with the chip's formats whose weights a further training starts from."""
        return self._replace(beta=0.0, further=False)

    @property
    def labels(self) -> dict[str, str]:
        """As it is labelled in tables; parts that differ by their seed only have the same labels."""
        method = title(self.loss) + (", large decoder" if self.decoder == "large" else "")
        if self.further:
            method += f", trained bits (beta {self.beta:g})" if self.beta else ", trained as long as bits"
        return {"method": method, "e-links": str(self.links)}


class Trained(NamedTuple):
    """A trained autoencoder and how it came to be."""

    part: Part
    model: nets.Autoencoder
    history: list[dict[str, float]]
    validation: float


def build(part: Part, *, quantised: bool) -> nets.Autoencoder:
    """The untrained autoencoder of a part; its weights depend on the seed alone."""
    torch.manual_seed(part.seed)
    encoder = nets.Encoder(bits=nets.BITS[part.links] if quantised else None)
    decoder = nets.Decoder() if part.decoder == "published" else nets.LargeDecoder()
    if part.beta:  # ranges are in its weights, so that it may be made from any wafers
        return nets.Autoencoder(nets.BitEncoder(encoder, torch.ones(2, 48)), decoder)
    return nets.Autoencoder(encoder, decoder)


def train_part(
    part: Part,
    train: Sample,
    validation: Sample,
    *,
    settings: Training,
    quantised: bool,
    folder: Path,
    large_lr: float = 0.2,
    net: EmdNet | None = None,
    report: Callable[[int, int, str], None] = lambda *_: None,
) -> None:
    """Train one autoencoder and leave ``model.pt`` in its folder; nothing is done if it is there already."""
    if (folder / "model.pt").exists():
        return
    model = build(part, quantised=quantised)
    result = fit(
        model,
        CompressionLoss(part.loss, wafers=len(train), net=net),
        table(train),
        table(validation),
        settings=settings,
        seed=part.seed,
        folder=folder,
        validate=mean_emd,
        lr_scale={"decoder": large_lr} if part.decoder == "large" else None,
        report=lambda row: report(
            int(row["epoch"]) + 1, settings.epochs, f"validation EMD {row['validation']:.3f}"
        ),
        progress=False,
    )
    content = {
        "part": part._asdict(),
        "quantised": quantised,
        "weights": model.state_dict(),
        "history": result.history,
        "validation": result.validation,
    }
    save_tensors(content, folder / "model.pt")
    for checkpoint in ("last.ckpt", "best.ckpt"):  # they served to resume; model.pt is what stays
        (folder / checkpoint).unlink(missing_ok=True)


def train_further(
    part: Part,
    train: Sample,
    validation: Sample,
    *,
    settings: TrainedBits,
    work: Path,
    report: Callable[[int, int, str], None] = lambda *_: None,
) -> None:
    """Train encoder and decoder on from the part they start from, with their bits if these have a price.

    Leaves ``model.pt``; nothing is done if it is there already.
    """
    folder = work / part.name
    if (folder / "model.pt").exists():
        return
    model = load_part(work / part.start.name).model
    columns = table(train)
    loss: Objective = CompressionLoss(part.loss, wafers=len(train))
    validate: Objective = mean_emd
    if part.beta:
        model.encoder = nets.BitEncoder(
            model.encoder,
            columns.columns["charge"][:_EXAMPLE],
            fraction=settings.fraction,
            weight_fraction=settings.weight_fraction,
        )
        loss, validate = (CostedLoss(each, beta=part.beta, gamma=settings.gamma) for each in (loss, validate))
    result = fit(
        model.train(),
        loss,
        columns,
        table(validation),
        settings=settings.train,
        seed=part.seed,
        folder=folder,
        validate=validate,
        report=lambda row: report(
            int(row["epoch"]) + 1, settings.train.epochs, f"validation EMD and cost {row['validation']:.3f}"
        ),
        progress=False,
    )
    columns = table(validation)
    with torch.no_grad():
        distance = float(mean_emd(model.eval(), columns.columns))
    content = {
        "part": part._asdict(),
        "quantised": True,
        "weights": model.state_dict(),
        "history": result.history,
        "validation": distance,
    }
    save_tensors(content, folder / "model.pt")
    for checkpoint in ("last.ckpt", "best.ckpt"):
        (folder / checkpoint).unlink(missing_ok=True)


def load_part(folder: Path) -> Trained:
    """The trained autoencoder in a folder that ``train_part`` wrote.

    Raises:
        InputError: The file is missing, damaged, or of another model.
    """
    content = load_tensors(folder / "model.pt")
    try:
        part = Part(**content["part"])
        model = build(part, quantised=content["quantised"])
        model.load_state_dict(content["weights"])
    except (KeyError, TypeError, RuntimeError) as error:
        raise InputError(f"{folder / 'model.pt'} does not hold an autoencoder of this system") from error
    return Trained(part, model.eval(), content["history"], content["validation"])


def choose(run: Run, name: str | None, *, bits_first: bool = False) -> Trained:
    """The trained part of that name; without one, that with the smallest validation EMD.

    Args:
        run: A run whose training is done.
        name: Of a part.
        bits_first: Choose among those with trained bits, if there are any.

    Raises:
        InputError: The run holds no trained part, or none of that name.
    """
    trained = [load_part(folder) for folder in run.trained(name)]
    bits = [each for each in trained if each.part.beta]
    return min(bits if bits and bits_first else trained, key=lambda t: (t.validation, t.part.name))


def table(sample: Sample) -> TensorTable:
    """The columns that training needs, as tensors."""
    columns = {name: torch.from_numpy(getattr(sample, name)) for name in ("charge", "eta", "layer")}
    return TensorTable(columns | {"row": torch.arange(len(sample))})


@torch.no_grad()
def decode(model: nets.Autoencoder, sample: Sample, *, chunk: int = 10_000) -> np.ndarray:
    """Decoded charges of all wafers in CALQ counts, shape (wafer, 48)."""
    columns: Sequence[Tensor] = [torch.from_numpy(c) for c in (sample.charge, sample.eta, sample.layer)]
    pieces: list[Any] = [
        model.charges(*piece) for piece in zip(*(torch.split(c, chunk) for c in columns), strict=True)
    ]
    return torch.cat(pieces).numpy()
