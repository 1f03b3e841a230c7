"""How well each model finds the messages that need action, how many labels it needs, and what it costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from femtobarn.errors import InputError
from femtobarn.evaluation.text.figures import draw_queue, draw_reliability
from femtobarn.evaluation.text.learning import FEW, elsewhere, few_labels
from femtobarn.evaluation.text.model import TextTriage, text_times
from femtobarn.evaluation.text.models import FROZEN, MEAN, MEANS, TFIDF, mean_logit
from femtobarn.evaluation.text.triage import Folded, fold_tables
from femtobarn.runs import Result, Run
from femtobarn.study import Trained, draw_against, draw_training, grouped, row
from femtobarn.systems.text_triage.data import Messages
from femtobarn.systems.text_triage.study import Part, Study, folds_of

_SHOWN = ("keyword list", TFIDF, FROZEN, "tuned encoder, CNN", MEAN)


@dataclass(frozen=True)
class Evaluation:
    """What is measured."""

    shares: tuple[float, ...] = (0.05, 0.01)
    """Shares of messages that need action in a live stream, at which precision is given."""
    few: tuple[int, ...] = (16, 32, 64, 128, 256)
    """Numbers of labels, half of each class, that models learn from; the rest of the messages tests."""
    draws: int = 10
    """Draws of the few labels that models learn from."""
    calls: int = 200
    """Single messages behind a time; 0 leaves times out."""

    def __post_init__(self) -> None:
        if self.draws < 2 or self.calls < 0 or any(each < 4 or each % 2 for each in self.few):
            raise InputError(
                f"expected 2 draws, even numbers of labels from 4 on: got {self.draws}, {self.few}"
            )
        if not all(0 < share < 1 for share in self.shares):
            raise InputError(f"expected shares in (0, 1), got {self.shares}")


def results(
    run: Run,
    data: Messages,
    trained: Sequence[Trained[Part]],
    study: Study,
    settings: Evaluation,
    *,
    used: Mapping[str, TextTriage],
) -> list[Result]:
    """All tables and figures; `used` are the models to be used, by their names."""
    models = folded([each for each in trained if not each.part.whole])
    folds = [folds_of(study, data, seed) for seed in range(1, study.repeats + 1)]
    few = few_labels(data.texts, data.label, study.fitting, counts=settings.few, draws=settings.draws)
    shown = [each for each in models if each.labels["model"] in _SHOWN]
    draw_queue(run, shown, data.label, what="messages that need action")
    draw_reliability(run, shown, data.label, what="messages that need action")
    draw_against(
        run, grouped((each for each in few if each.name == FEW), lambda each: each.labels["model"]), label="labels",
        xlabel="labelled messages", ylabel="average precision", name="few-labels", title="Few labels",
        section="Few labels", by="model",
        caption="On all other messages; half of the labelled ones need action. Bars: standard error over draws.",
    )  # fmt: skip
    draw_training(
        run, [each for each in trained if each.part.seed == 1], column="train", ylabel="loss",
        caption="Loss of the networks in training, first fold of the first repetition.",
    )  # fmt: skip
    return [
        *fold_tables(
            models, data.label, folds, reference={"model": TFIDF}, recall=study.recall, shares=settings.shares
        ),
        *few,
        *elsewhere(data.texts, data.label, data.event, study.fitting),
        *(
            row("training", [(t.kept["seconds"], 0.0)], t.part.labels, n=len(data), unit="s", split="train")
            for t in trained
            if not t.part.whole and t.part.seed == 1
        ),
        *(text_times(used, data.texts.text, calls=settings.calls) if settings.calls else ()),
    ]


def folded(trained: Sequence[Trained[Part]]) -> list[Folded]:
    """Logits of each model by repetition; means of two models come after all."""
    found = {
        name: [each.kept["logit"].numpy() for each in group]
        for name, group in grouped(trained, lambda each: each.part.model).items()
    }
    for name, parts in MEANS.items():
        if all(part in found for part in parts):
            found[name] = [mean_logit(pair) for pair in zip(*(found[part] for part in parts), strict=False)]
    return [Folded({"model": name}, logits) for name, logits in found.items()]
