"""Settings, presets and the steps of a run: load, train, evaluate, predict, export."""

import functools
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from femtobarn.data.text_table import TextTable
from femtobarn.datasets.disaster_messages import stand_in
from femtobarn.errors import InputError
from femtobarn.evaluation.text.model import TextTriage, export_text
from femtobarn.evaluation.text.models import FROZEN, LINEAR, MEAN, NETWORKS, TFIDF, Fitting, needs_encoder
from femtobarn.nn.text_encoder import INSTALL, minilm_folder
from femtobarn.nn.text_reader import TextReader
from femtobarn.runs import Result, Run, read_published
from femtobarn.settings import from_dict
from femtobarn.study import Trained, headline, write_predictions
from femtobarn.systems.text_triage import data as messages
from femtobarn.systems.text_triage import judge, study
from femtobarn.systems.text_triage.data import Data, Messages
from femtobarn.systems.text_triage.judge import Evaluation
from femtobarn.systems.text_triage.study import MODELS, Part, Study


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    evaluation: Evaluation = field(default_factory=Evaluation)
    expected: float | None = None
    """Share of messages that need action in the stream of predict; that of the labelled ones if not given."""
    unknown: float = 0.3
    """A message of which a smaller share of the words is known is unsure: it may be in another language."""
    seed: int = 1
    """Seed of invented messages."""
    workers: int = 2
    """Processes that train side by side."""

    def __post_init__(self) -> None:
        if self.expected is not None and not 0 < self.expected < 1:
            raise InputError(f"expected a share in (0, 1) of messages that need action: got {self.expected}")


PRESETS = {
    "tiny": Config(
        data=Data(count=120, length=32),
        study=Study(
            models=(*LINEAR, "word vectors, LSTM", "frozen encoder, CNN", "tuned encoder, CNN"),
            fitting=Fitting(vector=16, epochs=1, head_epochs=2, layers=1),
            folds=2,
        ),
        evaluation=Evaluation(few=(16,), draws=2, calls=5),
        workers=1,
    ),
    "demo": Config(),
    "paper": Config(
        data=Data(messages=Path("tweets.csv"), text="text", label="label", length=64),
        study=Study(models=(*LINEAR, *NETWORKS), fitting=Fitting(layers=6), folds=10),
    ),
}
PUBLISHED = read_published(__package__)
HEADLINE = headline("average precision", "model", (MEAN,), (TFIDF, FROZEN))


def load(config: Config, *, progress: bool = True) -> Messages:
    """The messages, and the states of their tokens if there is an encoder."""
    return messages.load(config.data, top=config.study.fitting.layers, seed=config.seed, progress=progress)


def train(config: Config, data: Messages, run: Run, *, progress: bool = True) -> list[Trained[Part]]:
    """Every model in its folds, and those to be used on all messages."""
    if not (there := data.texts.states is not None):
        note = (
            f"no encoder: models that need one are left out; {INSTALL}, or name a folder with --data.encoder"
        )
        run.log(event="note", note=note)
        print(f"femtobarn: {note}", file=sys.stderr)
    return MODELS.train(
        run,
        config.study.parts(encoder=there),
        functools.partial(study.train_one, config.study, data, run.folder / "work"),
        settings=lambda _: config.study,
        workers=config.workers,
        progress=progress,
    )


def evaluate(
    config: Config,
    data: Messages,
    trained: Sequence[Trained[Part]],
    run: Run,
    *,
    progress: bool = True,  # noqa: ARG001
) -> list[Result]:
    """Tables and figures."""
    used = {each.part.model: _used(config, each) for each in trained if each.part.whole}
    return judge.results(run, data, trained, config.study, config.evaluation, used=used)


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """Probability, place in the queue and doubts for every row of CSV files that have the column of texts."""
    config, chosen = from_dict(Config, run.settings), _chosen(run, model)
    used, column = _used(config, chosen), config.data.text
    return write_predictions(
        files, output, functools.partial(TextTable, needs=(column,)),
        lambda piece: used.columns(piece[column].tolist(), expected=config.expected, unknown=config.unknown),
        columns=(column,), what="messages", model=chosen.part.name,
        rows=500, attributes={"threshold": used.decision.threshold}, progress=progress,
    )  # fmt: skip


def export(run: Run, folder: Path, *, to: str, model: str | None = None) -> str:
    """The network of a model as ONNX, checked on invented messages, and beside it what is not a network."""
    if to != "onnx":
        raise InputError(f"there is no format {to!r} for a model of texts: known is onnx")
    texts = stand_in(16, seed=1).text
    return export_text(_used(from_dict(Config, run.settings), _chosen(run, model)), texts, folder)


def _chosen(run: Run, model: str | None) -> Trained[Part]:
    """A model to be used: that asked for, else the mean of TF-IDF and the encoder, where there is one."""
    chosen = MODELS.choose(run, model, among=lambda part: part.whole * (1 + (part.model == MEAN)))
    if not chosen.part.whole:
        raise InputError(f"{chosen.part.name} judges a model in folds: choose one without folds in its name")
    return chosen


def _used(config: Config, trained: Trained[Part]) -> TextTriage:
    if not needs_encoder(trained.part.model):
        return TextTriage.again(trained.kept, trained.model, None)
    folder = config.data.encoder or minilm_folder()
    if folder is None:
        raise InputError(f"{trained.part.name} needs the encoder of its run: {INSTALL}")
    return TextTriage.again(trained.kept, trained.model, TextReader(folder, length=config.data.length))
