"""What networks that judge patches are trained on, and by which loss."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.data.patch_images import PatchImages
from femtobarn.engine import Batch, MadeTable
from femtobarn.nn.patch_inspector import PatchInspector


def clean_bands(sample: PatchImages) -> MadeTable:
    """Rows of patches of all images; images in files are read as they are needed."""
    count = sample.defect.shape[0] * sample.defect.shape[1]
    return MadeTable(lambda index: {"images": sample.bands(index)}, count)


def reconstruction_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Mean squared difference of bands to their reconstruction."""
    return F.mse_loss(model(batch["images"]), batch["images"])


def defects_among_clean(sample: PatchImages, clean: int) -> MadeTable:
    """Patches with a defect, and so many clean ones for each, drawn from the same images."""
    defect, others = np.flatnonzero(sample.defect), np.flatnonzero(~sample.defect)

    def made(index: np.ndarray) -> Batch:
        draw = np.random.default_rng(index)  # the same rows get the same neighbours, whoever asks
        rows = np.concatenate([defect[index], draw.choice(others, clean * len(index))])
        labels = {"defect": sample.defect, "background": sample.background}
        return {"patches": sample.patches(rows)} | {
            k: torch.from_numpy(v.flat[rows]) for k, v in labels.items()
        }

    return MadeTable(made, len(defect))


def inspection_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Loss of a `PatchInspector` on patches of `defects_among_clean`."""
    assert isinstance(model, PatchInspector)
    return model.loss(**batch)
