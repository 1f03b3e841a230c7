"""How a part is built, trained and applied to wafers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from femtobarn.engine import Objective, TensorTable, fit
from femtobarn.errors import InputError
from femtobarn.losses import EmdNet
from femtobarn.nn.quantised import CostedLoss
from femtobarn.nn.wafer_autoencoder import (
    BITS,
    Autoencoder,
    BestChoice,
    BitEncoder,
    Decoder,
    Encoder,
    LargeDecoder,
    RestDecoder,
    ShareDecoder,
    pyramid_code,
)
from femtobarn.parts import Report
from femtobarn.physics.wafer_formats import CELLS_SENT
from femtobarn.runs import Run
from femtobarn.study import Models, Split, Trained
from femtobarn.systems.emd_compression import learned_emd
from femtobarn.systems.emd_compression.objectives import CompressionLoss, mean_emd
from femtobarn.systems.emd_compression.sample import Wafers
from femtobarn.systems.emd_compression.study import LEARNED_EMD, Config, Part, Study

_EXAMPLE = 4096  # training wafers that show an encoder with trained bits its first ranges


def build(part: Part, settings: Any, _: Mapping[str, Any]) -> nn.Module:
    """The untrained model of a part; the weights of an autoencoder depend on its seed alone."""
    if not part.links:
        return EmdNet()
    torch.manual_seed(part.seed)
    if part.decoder == "best-choice":
        return Autoencoder(BestChoice(CELLS_SENT[part.links]), RestDecoder())
    if part.decoder == "pyramid":
        code = pyramid_code(part.links)
        return Autoencoder(code, ShareDecoder(code.layouts[-1].quanta))
    encoder = Encoder(bits=BITS[part.links] if settings.quantised else None)
    decoder = Decoder() if part.decoder == "published" else LargeDecoder()
    if part.beta:  # ranges are in its weights, so that it may be made from any wafers
        return Autoencoder(BitEncoder(encoder, torch.ones(2, 48)), decoder)
    return Autoencoder(encoder, decoder)


MODELS = Models(
    Part,
    settings=lambda part: Study if part.links else learned_emd.LearnedEmd,
    build=build,
    needs=lambda part: part.needs,
)


def train_one(config: Config, data: Split[Wafers], work: Path, part: Part, report: Report) -> Trained[Part]:
    """Train one part; a further training starts from the weights of another, with bits if these have a price."""
    if not part.links:
        return learned_emd.train(part, data.train, config.surrogate, seed=config.seed, report=report)
    if part.further:
        settings, model = config.hgq.train, MODELS.load(work / part.start.name).model.train()
    else:
        settings, model = config.train, build(part, config.study, {})
    net = MODELS.load(work / LEARNED_EMD.name).model if LEARNED_EMD in part.needs else None
    train, validation = table(data.train), table(data.validation)
    loss: Objective = CompressionLoss(part.loss, wafers=len(data.train), net=net)
    validate: Objective = mean_emd
    if part.beta:
        model.encoder = BitEncoder(
            model.encoder,
            train.columns["charge"][:_EXAMPLE],
            fraction=config.hgq.fraction,
            weight_fraction=config.hgq.weight_fraction,
        )
        price = {"beta": part.beta, "gamma": config.hgq.gamma}
        loss, validate = (CostedLoss(each, **price) for each in (loss, validate))
    what = "validation EMD and cost" if part.beta else "validation EMD"
    found = fit(
        model,
        loss,
        train,
        validation,
        settings=settings,
        seed=part.seed,
        folder=work / part.name,
        validate=validate,
        lr_scale={"decoder": config.study.large_lr} if part.decoder != "published" else None,
        report=lambda row: report(int(row["epoch"]) + 1, settings.epochs, f"{what} {row['validation']:.3f}"),
        progress=False,
    )
    best = found.validation
    if part.further:  # without the price
        with torch.no_grad():
            best = float(mean_emd(model.eval(), validation.columns))
    return Trained(part, model, found.history, best)


def table(wafers: Wafers) -> TensorTable:
    """The columns that training needs, as tensors."""
    columns = {name: torch.from_numpy(getattr(wafers, name)) for name in ("charge", "eta", "layer")}
    return TensorTable(columns | {"row": torch.arange(len(wafers))})


@torch.no_grad()
def decode(model: Autoencoder, wafers: Wafers, *, chunk: int = 10_000) -> Float[np.ndarray, "wafer 48"]:
    """Decoded charges of all wafers in CALQ counts."""
    columns = [torch.from_numpy(column) for column in (wafers.charge, wafers.eta, wafers.layer)]
    pieces = zip(*(torch.split(column, chunk) for column in columns), strict=True)
    return torch.cat([model.charges(*piece) for piece in pieces]).numpy()


def autoencoder(run: Run, name: str | None, *, bits_first: bool = False) -> Trained[Part]:
    """The autoencoder of that name; without one, that with the smallest validation EMD whose encoder was trained.

    With `bits_first` it is one of those with trained bits, if there are any.

    Raises:
        InputError: The run holds no trained part, none of that name, or it is the learned EMD.
    """

    def rank(part: Part) -> int:
        return (part.decoder in ("published", "large")) + (bits_first and part.beta > 0)

    found = MODELS.choose(run, name, among=rank)
    if not isinstance(found.model, Autoencoder):
        raise InputError(f"{found.part.name} is a distance, not an autoencoder: name another of {run.folder}")
    return found
