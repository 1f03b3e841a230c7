"""What a network that learns from a few examples says of a user's recordings, some of which are labelled."""

from collections.abc import Sequence

import numpy as np
import torch

from femtobarn.data.event_file import EventFile
from femtobarn.data.source import Arrays, check_columns
from femtobarn.errors import InputError
from femtobarn.evaluation.few_shot.episodes import Learner


class FewShotAnswers:
    """Source of answers, a row for each recording of a file.

    Column "label" is that of the file, -1 where there is none; "class" the label that is most likely, of those in
    the file; "probability" its softmax.

    Args:
        file: Its labelled recordings are learned, once; all are then answered for.
        learner: Learns them.
        most: Classes that the network has outputs for; any number if it learns by class means.

    Raises:
        InputError: Fewer than two classes among the labels, or more than the network has outputs for.
    """

    columns = ("label", "class", "probability")

    def __init__(self, file: EventFile, learner: Learner, *, most: int) -> None:
        rows = np.flatnonzero(file.label >= 0)
        self._classes, label = np.unique(file.label[rows], return_inverse=True)
        if not 2 <= len(self._classes) <= (len(rows) if learner.by_means else most):
            least = "2 or more" if learner.by_means else f"2 to {most}"
            raise InputError(
                f"{file.path}: expected labelled recordings of {least} classes, got {len(self._classes)}"
            )
        support = np.concatenate([file.read(("counts",), row, row + 1)["counts"] for row in rows.tolist()])
        with torch.no_grad():
            self._answer = learner.learn(_inputs(support), torch.from_numpy(label), len(self._classes))
        self._file = file

    def __len__(self) -> int:
        return len(self._file)

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """Answers for these recordings."""
        check_columns(columns, self.columns, str(self._file.path))
        counts = self._file.read(("counts",), start, stop)["counts"]
        with torch.no_grad():
            share = self._answer(_inputs(counts))[:, : len(self._classes)].double().softmax(dim=1)
        probability, place = (each.numpy() for each in share.max(dim=1))
        found = {
            "label": self._file.label[start:stop],
            "class": self._classes[place],
            "probability": probability,
        }
        return {name: found[name] for name in columns}


def _inputs(counts: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(counts.astype(np.float32))
