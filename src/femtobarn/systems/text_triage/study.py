"""What is trained: each model in folds that judge it, and those to be used on all messages."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from torch import nn

from femtobarn.errors import InputError, check_known, nearest
from femtobarn.evaluation.text import models as text_models
from femtobarn.evaluation.text.features import TfIdf
from femtobarn.evaluation.text.model import TextTriage
from femtobarn.evaluation.text.models import FROZEN, LINEAR, MEAN, MEANS, NETWORKS, TFIDF, TUNED, Fitting
from femtobarn.evaluation.text.triage import Decision
from femtobarn.metrics.precision_recall import average_precision
from femtobarn.parts import Report
from femtobarn.study import Models, Trained, grouped_folds
from femtobarn.systems.text_triage.data import Messages


@dataclass(frozen=True)
class Study:
    """Which models are compared and how they are judged."""

    models: tuple[str, ...] = (
        *LINEAR, "word vectors, LSTM", "frozen encoder, CNN", "frozen encoder, LSTM", TUNED, "tuned encoder, CNN",
    )  # fmt: skip
    """Models; means of two of them come by themselves. Without an encoder those that need one are left out."""
    fitting: Fitting = field(default_factory=Fitting)
    folds: int = 5
    """Folds of one repetition."""
    repeats: int = 2
    """Repetitions with other folds; of networks there is one."""
    deploy: tuple[str, ...] = (TFIDF, FROZEN, MEAN)
    """Models that are also trained on all messages, for predict and export."""
    recall: float = 0.95
    """Share of the messages that need action which the threshold is to keep."""
    cautious: float = 0.99
    """A message that only the threshold for this share would keep is called unsure."""

    def __post_init__(self) -> None:
        check_known("model", self.models, (*LINEAR, *NETWORKS))
        for name in self.deploy:
            if not set(MEANS.get(name, (name,))) <= {*self.models}:
                raise InputError(f"{name!r} cannot be used: {nearest(name, (*self.models, *MEANS))}")
        if TFIDF not in self.models or TFIDF not in self.deploy:
            raise InputError(f"{TFIDF} is always trained and used: the others have to beat it")
        if not 0 < self.recall <= self.cautious <= 1 or self.folds < 2 or self.repeats < 1:
            got = f"{self.recall}, {self.cautious}, {self.folds}, {self.repeats}"
            raise InputError(f"expected 0 < recall <= cautious <= 1, 2 folds and 1 repetition, got {got}")

    def parts(self, *, encoder: bool) -> list["Part"]:
        """All trainings that are possible."""
        found = [
            Part(name, seed, False)
            for seed in range(1, self.repeats + 1)
            for name in self.models
            if seed == 1 or name in LINEAR
        ]
        found += [Part(name, 1, True) for name in self.deploy]
        return [part for part in found if encoder or not text_models.needs_encoder(part.model)]


class Part(NamedTuple):
    """A model in the folds of one repetition, or trained on all messages to be used."""

    model: str
    seed: int
    whole: bool

    @property
    def name(self) -> str:
        """Its folder; of a model to be used such as ``mean-of-TF-IDF-and-encoder``."""
        words = self.model.replace(",", "").replace(" ", "-")
        return words if self.whole else f"{words}-folds{self.seed}"

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {"model": self.model}


def build(_: Part, __: Study, kept: Mapping[str, Any]) -> nn.Module | None:
    """The untrained network of a part that has one."""
    return text_models.untrained(**kept["network"]) if "network" in kept else None


def needs(part: Part) -> list[Part]:
    """A model to be used needs scores of messages that it did not learn from, to say what its scores mean."""
    return [Part(name, 1, False) for name in MEANS.get(part.model, (part.model,))] if part.whole else []


MODELS = Models(Part, lambda _: Study, build, needs)


def folds_of(study: Study, data: Messages, seed: int) -> Int[np.ndarray, " message"]:
    """The fold of each message in a repetition."""
    return grouped_folds(data.group, data.label, folds=study.folds, seed=seed)


def train_one(study: Study, data: Messages, work: Path, part: Part, report: Report) -> Trained[Part]:
    """A model in all folds of a repetition, or on all messages; validation is 1 - average precision in the folds."""
    return (_whole if part.whole else _in_folds)(study, data, work, part, report)


def _in_folds(study: Study, data: Messages, _: Path, part: Part, report: Report) -> Trained[Part]:
    fold, logit = folds_of(study, data, part.seed), np.zeros(len(data))
    start, losses = time.process_time(), list[tuple[float, ...]]()
    for each in range(study.folds):
        rows, others = np.flatnonzero(fold != each), np.flatnonzero(fold == each)
        made = text_models.fit(
            part.model, data.texts.take(rows), data.label[rows], data.last, study.fitting,
            seed=study.folds * part.seed + each,
        )  # fmt: skip
        logit[others] = made.logit(data.texts.take(others))
        losses.append(made.losses)
        report(each + 1, study.folds, "folds")
    seconds = (time.process_time() - start) / study.folds
    history = [{"epoch": float(i + 1), "train": loss} for i, loss in enumerate(losses[0])]
    kept = {"logit": torch.from_numpy(logit), "seconds": seconds}
    return Trained(part, None, history, 1 - average_precision(logit, data.label), kept)


def _whole(study: Study, data: Messages, work: Path, part: Part, _: Report) -> Trained[Part]:
    made = text_models.fit(part.model, data.texts, data.label, data.last, study.fitting, seed=study.folds)
    logit = text_models.mean_logit(
        [MODELS.load(work / need.name).kept["logit"].numpy() for need in needs(part)]
    )
    decided = Decision.fitted(logit, data.label, recall=study.recall, cautious=study.cautious)
    kept = TextTriage(made, decided, TfIdf.fitted(data.texts.text), None).kept()
    if made.network is not None:
        kept["network"] = text_models.shape(made.network, part.model)
    return Trained(part, made.network, [], 1 - average_precision(logit, data.label), kept)
