"""Every embedding of every stack: clusters, tables and figures."""

import itertools
from collections.abc import Iterator, Sequence

import torch

from femtobarn.data.image_stack import ImageStack
from femtobarn.errors import MissingExtraError
from femtobarn.evaluation.image_stacks import tables
from femtobarn.evaluation.image_stacks.embeddings import PIXELS, REGISTERED, STABILISED, training_free
from femtobarn.evaluation.image_stacks.tables import Clustered
from femtobarn.evaluation.image_stacks.training import confident, embed
from femtobarn.evaluation.network_costs import network_costs
from femtobarn.metrics import silhouette
from femtobarn.nn import ClusterNetwork
from femtobarn.runs import Result, Run
from femtobarn.study import Trained, by_name, draw_training, grouped
from femtobarn.systems.contrastive_clustering.data import OWN, Stacks, shift_of
from femtobarn.systems.contrastive_clustering.study import REGISTER, SELF, Part, Study, prepared


def results(run: Run, study: Study, stacks: Stacks, trained: Sequence[Trained[Part]]) -> list[Result]:
    """All tables and figures."""
    found = [each for kind, drawn in stacks.of.items() for each in _untrained(run, study, kind, drawn)]
    learned = {each.part: _clustered(each, stacks, study) for each in trained}
    found += [one for part, one in learned.items() if part.seed in study.seeds]
    known = [(kind, draw, stack.label) for kind, drawn in stacks.of.items() for draw, stack in drawn.items()]
    truth = {(kind, draw): label for kind, draw, label in known if label is not None}
    for kind in stacks.of:
        tables.draw_ranking(run, found, truth, kind)
        run.log(event="note", note=f"{kind}: {tables.verdict(found, truth, kind)}")
    _draw(run, study, stacks, trained, learned)
    rows = tables.agreement_table(found, truth)
    rows += tables.gain_table(found, truth, over=(PIXELS, STABILISED, REGISTERED))
    rows += tables.confidence_table(found, truth)
    rows += tables.silhouette_table(found)
    rows += tables.stability_table(list(_pairs(learned)))
    for kind, drawn in stacks.of.items():
        rows += tables.stack_table(kind, list(drawn.values()), largest=shift_of(kind, study.shift))
    networks = {each.part.method: each.model for each in trained}
    example = torch.zeros(1, *trained[0].kept["inside"].shape)
    return by_name(rows + network_costs(networks, (example,), calls=0, what="image"))


def _untrained(run: Run, study: Study, kind: str, drawn: dict[int, ImageStack]) -> Iterator[Clustered]:
    """What needs no training; of a user's stack, which is the same for all seeds, once."""
    for draw, stack in list(drawn.items())[: 1 if kind == OWN else None]:
        for name, embedding in training_free(largest=shift_of(kind, study.shift), seed=draw).items():
            try:
                rows = embedding(stack)
            except MissingExtraError as error:
                run.log(event="note", note=f"{name} is left out: {error}")
                continue
            yield tables.clustered(name, (kind, draw), rows, study.clusters_of(stack))


def _clustered(trained: Trained[Part], stacks: Stacks, study: Study) -> Clustered:
    part, model = trained.part, trained.model
    stack = stacks.of[part.kind][part.draw]
    images = prepared(part, stack, study)
    place = part.kind, study.seeds[0] if part.kind == OWN else part.draw  # of the user's there is one
    if not isinstance(model, ClusterNetwork):
        rows, clusters = embed(model, images), study.clusters_of(stack)
        return tables.clustered(part.method, place, rows, clusters, trained=True, seed=part.seed)
    cluster, confidence = confident(model.encoder, model.head, images)
    apart = silhouette(embed(model.encoder, images), cluster)
    return Clustered(part.method, place, cluster, True, part.seed, confidence, apart)


def _pairs(learned: dict[Part, Clustered]) -> Iterator[tuple[Clustered, Clustered]]:
    """Trainings of one embedding on the same images with different seeds."""
    for group in grouped(learned, lambda part: (part.method, learned[part].place)).values():
        for one, two in itertools.pairwise(group):
            yield learned[one], learned[two]


def _draw(
    run: Run, study: Study, stacks: Stacks, trained: Sequence[Trained[Part]], learned: dict[Part, Clustered]
) -> None:
    """Clusters of the last kind of stack, and losses of the first trainings."""
    wanted = SELF if SELF in study.methods else study.methods[0]
    last = [part for part in learned if part.method == wanted and part.seed == study.seeds[0]][-1]
    stack = stacks.of[last.kind][last.draw]
    tables.draw_clusters(run, stack, learned[last], title=f"Clusters of {last.kind} images, {wanted}")
    shown = [each for each in trained if each.part.seed == study.seeds[0] and each.part.method == REGISTER]
    draw_training(
        run, shown or trained[:1], column="train", ylabel="contrastive loss",
        caption="Mean over the batches of an epoch, of the stack that is clustered.", legend={},
    )  # fmt: skip
