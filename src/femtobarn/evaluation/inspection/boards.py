"""Printed circuit boards with known defects: a difference to the template beside scores that do not see it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional as F

from femtobarn.datasets.deep_pcb import Board, aligned_difference, open_boards, patch_labels, published_folder
from femtobarn.errors import InputError
from femtobarn.metrics import calibrate, clustered_auc, measured
from femtobarn.nn import FeatureBank, PatchPca, cut_patches
from femtobarn.nn.efficientnet_lite import EfficientNetLite0, load_efficientnet_lite0
from femtobarn.runs import Result
from femtobarn.study import row

TEMPLATE = "difference to the template"
_PIXEL = 7  # smallest defects are about so wide
_BANK, _EACH = 2000, 600


def published_board_scores(*, features: bool, seed: int) -> list[Result]:
    """`board_scores` of the boards that FEMTOBARN_DATA holds, if it does; with a bank of features if asked for."""
    if (folder := published_folder()) is None:
        return []
    network = load_efficientnet_lite0() if features else None
    return board_scores(open_boards(folder), patch=40, components=16, network=network, seed=seed)


def board_scores(
    boards: Sequence[Board], *, patch: int, components: int, network: EfficientNetLite0 | None, seed: int
) -> list[Result]:
    """AUC of patches and what 1 % of the clean ones leave, on boards that nothing was fitted to.

    Fitted are the scores without a template: to the templates of the first half of the boards. A patch with the centre
    of a box has a defect; others that a box touches do not count. The score of a difference is the largest mean over
    7 x 7 pixels.

    Args:
        boards: Of `femtobarn.datasets.deep_pcb.open_boards`.
        patch: Side of a patch in pixels.
        components: Principal components of a patch.
        network: Source of features for a bank of those of clean patches; without one, no such score.
        seed: Of the bank.
    """
    if len(boards) < 4:
        raise InputError(f"expected four boards or more, half of them to fit to, got {len(boards)}")
    known, unseen = boards[: len(boards) // 2], boards[len(boards) // 2 :]
    with torch.inference_mode():
        maps = {TEMPLATE: [_peak(torch.from_numpy(aligned_difference(each))[None], patch) for each in unseen]}
        pca = PatchPca.fit(
            cut_patches(torch.cat([_image(b.template) for b in known]), patch).flatten(0, 2), components
        )
        maps[f"PCA residual ({components})"] = [
            _peak(_left(pca, _image(each.image)), patch) for each in unseen
        ]
        if network is not None:
            maps["Lite0 bank"] = _bank(network, known, unseen, patch, seed)
    labels = [patch_labels(each, patch) for each in unseen]
    defect, counts = (np.stack(each) for each in zip(*labels, strict=True))
    unit = np.repeat(np.arange(len(unseen)), defect[0].size).reshape(defect.shape)[counts]
    rows = []
    for name, found in maps.items():
        score = torch.stack(found).numpy()[counts]
        place, n = {"score": name}, int(defect.sum())
        rows.append(row("AUC of patches of boards", [clustered_auc(score, defect[counts], unit)], place, n=n))
        threshold = calibrate(score[~defect[counts]], 0.01).threshold
        share = measured(score[defect[counts]], threshold)
        place = place | {"clean patches": "1 %"}
        rows.append(row("patches of boards found", [(share.value, (share.high - share.low) / 2)], place, n=n))
    return [replace(each, data="real") for each in rows]


def _image(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.astype(np.float32))[None] / 255


def _left(pca: PatchPca, image: torch.Tensor) -> torch.Tensor:
    return image - pca(image)


def _peak(difference: torch.Tensor, patch: int) -> torch.Tensor:
    """Largest mean over a small square around a pixel of each patch, whatever its sign."""
    averaged = F.avg_pool2d(difference[:, None], _PIXEL, 1, _PIXEL // 2)[:, 0]
    return cut_patches(averaged.abs(), patch)[0].amax(dim=(2, 3))


def _bank(
    network: EfficientNetLite0, known: Sequence[Board], unseen: Sequence[Board], patch: int, seed: int
) -> list[torch.Tensor]:
    generator, rows = torch.Generator().manual_seed(seed), []
    for board in known:
        vectors = network(_image(board.template))[0].flatten(1).T
        rows.append(vectors[torch.randperm(len(vectors), generator=generator)[:_EACH]])
    bank, found = FeatureBank(torch.cat(rows), _BANK, generator=generator), []
    for board in unseen:
        features = network(_image(board.image))[0]
        away = bank.score(features.flatten(1).T).view(1, *features.shape[1:])
        found.append(cut_patches(away, patch * features.shape[1] // board.image.shape[0])[0].amax(dim=(2, 3)))
    return found
