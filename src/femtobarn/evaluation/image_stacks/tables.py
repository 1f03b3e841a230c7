"""Clusterings of stacks beside each other: how well they agree with known classes, and with each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from femtobarn.data.image_stack import ImageStack, scaled, stabilised
from femtobarn.evaluation.image_stacks.clusters import image_clusters, unit_rows
from femtobarn.metrics import Agreement, agreement, silhouette
from femtobarn.metrics.clustering import contingency
from femtobarn.physics.registration import registered
from femtobarn.runs import Result, Run
from femtobarn.study import drawing, grouped, over_seeds, row

_SAME = 0.99  # cosine of the pixels from which on two images are duplicates
_SHOWN = 20  # clusters in a figure
_ENOUGH = 1000  # counts of an image whose shift can be told
Place = tuple[str, int]  #: kind of a stack, and which one


@dataclass(frozen=True)
class Clustered:
    """The clusters that one embedding gives of one stack."""

    embedding: str
    place: Place
    cluster: Int[np.ndarray, "image"]
    trained: bool = False
    seed: int = 0
    """Of the training; 0 without one."""
    confidence: Float[np.ndarray, "image"] | None = None
    silhouette: float = float("nan")


Truth = Mapping[Place, Int[np.ndarray, "image"]]


def clustered(
    embedding: str, place: Place, rows: Float[np.ndarray, "image ..."], clusters: int, **more: Any
) -> Clustered:
    """The clusters of embedded images.

    Args:
        embedding: Its name.
        place: The stack.
        rows: Of the images.
        clusters: Their number.
        more: Of `Clustered`.
    """
    flat = rows.reshape(len(rows), -1)
    found = image_clusters(flat, clusters)
    return Clustered(embedding, place, found, silhouette=silhouette(flat, found), **more)


def silhouette_table(found: Sequence[Clustered]) -> list[Result]:
    """Silhouette of the clusters of each embedding, also where no classes are known."""
    groups = grouped(found, lambda one: (one.place[0], one.embedding))
    return [
        row("silhouette", [(one.silhouette, 0.0) for one in group], {"embedding": embedding, "stack": kind},
            seeds=_seeds(group), n=len(group[0].cluster), split="stack")
        for (kind, embedding), group in groups.items()
    ]  # fmt: skip


def agreement_table(found: Sequence[Clustered], truth: Truth) -> list[Result]:
    """NMI, ARI, purity and accuracy of each embedding over the stacks of a kind whose classes are known."""
    rows = []
    for (kind, embedding), group in _by_kind(found, truth).items():
        each = [_agreement(one, truth) for one in group]
        for name in Agreement._fields:
            values = [(getattr(one, name), 0.0) for one in each]
            rows.append(
                row(
                    _TITLES.get(name, name), values, {"embedding": embedding, "stack": kind}, seeds=_seeds(group),
                    n=len(group[0].cluster), split="stack",
                )
            )  # fmt: skip
    return rows


def gain_table(found: Sequence[Clustered], truth: Truth, *, over: Sequence[str]) -> list[Result]:
    """NMI of each trained embedding less that of others, on the same stacks."""
    groups, rows = _by_kind(found, truth), []
    for (kind, embedding), group in groups.items():
        for other in over if group[0].trained else ():
            there = {one.place: _agreement(one, truth).nmi for one in groups.get((kind, other), ())}
            values = [
                (_agreement(one, truth).nmi - there[one.place], 0.0) for one in group if one.place in there
            ]
            if values and other != embedding:
                labels = {"embedding": embedding, "stack": kind, "over": other}
                rows.append(
                    row(
                        "gain in NMI",
                        values,
                        labels,
                        seeds=_seeds(group),
                        n=len(values),
                        split="stack",
                        of_mean=True,
                    )
                )
    return rows


def confidence_table(found: Sequence[Clustered], truth: Truth) -> list[Result]:
    """Purity of the half of the images that an embedding is most confident of and of the other, and clusters in use.

    Training on own labels may empty small clusters into large ones.
    """
    rows = []
    known = [one for one in found if one.confidence is not None]
    for (kind, embedding), group in _by_kind(known, truth).items():
        used = [(float(len(np.unique(one.cluster))), 0.0) for one in group]
        place = {"embedding": embedding, "stack": kind}
        size = len(group[0].cluster)
        rows.append(row("clusters in use", used, place, seeds=_seeds(group), n=size, split="stack"))
        halves = np.array([_halves(one, truth[one.place]) for one in group])
        for half, values in zip(("more confident", "less confident"), halves.T.tolist(), strict=True):
            labels = place | {"half": half}
            rows.append(
                row("purity of half the images", [(v, 0.0) for v in values], labels, seeds=_seeds(group),
                    n=size // 2, split="stack")
            )  # fmt: skip
    return rows


def stability_table(pairs: Sequence[tuple[Clustered, Clustered]]) -> list[Result]:
    """ARI between the clusters of two trainings on the same stack, for each embedding and kind."""
    rows = []
    groups = grouped(pairs, lambda pair: (pair[0].embedding, pair[0].place[0]))
    for (embedding, kind), group in groups.items():
        values = [(agreement(one.cluster, two.cluster).ari, 0.0) for one, two in group]
        labels = {"embedding": embedding, "stack": kind}
        rows.append(
            row("ARI between two trainings", values, labels, n=len(group[0][0].cluster), split="stack")
        )
    return rows


def stack_table(kind: str, stacks: Sequence[ImageStack], *, largest: int) -> list[Result]:
    """Of the stacks of a kind: images that nearly equal another, and how well known shifts are found.

    Shifts count in images of 1000 counts or more, but for one shift that all images of a class have in common: two
    patterns have no common origin.

    Args:
        kind: Of the stacks.
        stacks: One or more.
        largest: Shift that is looked for.
    """
    labels, size = {"stack": kind}, len(stacks[0])
    same = [(float((duplicates(stack) != np.arange(size)).sum()), 0.0) for stack in stacks]
    rows = [row("images that nearly equal another", same, labels, n=size, split="stack")]
    moved = [
        stack for stack in stacks if stack.label is not None and stack.shift is not None and stack.shift.any()
    ]
    if not moved or not largest:
        return rows
    off = [_shift_left(stack, largest) for stack in moved]
    for most in (0, 1):
        shares = [(float((each <= most).mean()), 0.0) for each in off if len(each)]
        rows.append(
            row("shifts found", shares, labels | {"within": f"{most} px"}, n=len(off[0]), split="stack")
        )
    return rows


def duplicates(stack: ImageStack) -> Int[np.ndarray, "image"]:
    """For each image the first that it nearly equals, itself if there is none: a cosine of pixels above 0.99.

    Isotopes and adducts of one molecule give such images; clusters of them say nothing. Empty images equal nothing.
    """
    rows = unit_rows(scaled(stack.counts, stack.inside)).astype(np.float32)
    first = np.arange(len(rows))
    for start in range(0, len(rows), 500):
        same = rows[start : start + 500] @ rows.T > _SAME
        same[np.arange(len(same)), start + np.arange(len(same))] = True
        first[start : start + 500] = same.argmax(axis=1)
    return first


def verdict(found: Sequence[Clustered], truth: Truth, kind: str) -> str:
    """One sentence: whether training helped on the stacks of a kind."""
    groups = {name: group for (own, name), group in _by_kind(found, truth).items() if own == kind}
    nmi = {name: [_agreement(one, truth).nmi for one in group] for name, group in groups.items()}
    learned = {name: values for name, values in nmi.items() if groups[name][0].trained}
    plain = {name: values for name, values in nmi.items() if not groups[name][0].trained}
    if not learned or not plain:
        return "Without known classes nobody can say whether training helped; the ARI between two trainings is all."
    best, simple = (max(group, key=lambda name: float(np.mean(group[name]))) for group in (learned, plain))
    there = dict(zip((one.place for one in groups[simple]), plain[simple], strict=True))
    pairs = [(a - there[one.place], 0.0) for a, one in zip(learned[best], groups[best], strict=True)]
    gain, error = over_seeds(pairs, of_mean=True)
    helped = "helped" if gain > error else "did not help" if gain < -error else "made no difference"
    spread = f" ± {error:.3f} (standard error over {len(pairs)} seeds)" if len(pairs) > 1 else " for one seed"
    return (
        f"Training {helped}: the best trained embedding ({best}) has an NMI of {np.mean(learned[best]):.2f}, the best "
        f"without training ({simple}) {np.mean(plain[simple]):.2f}, a difference of {gain:+.3f}{spread}."
    )


def draw_ranking(run: Run, found: Sequence[Clustered], truth: Truth, kind: str) -> None:
    """NMI of each embedding on the stacks of a kind, the best first, under the sentence whether training helped."""
    groups = {name: group for (own, name), group in _by_kind(found, truth).items() if own == kind}
    if not groups:
        return
    values = {
        name: over_seeds([(_agreement(one, truth).nmi, 0.0) for one in group])
        for name, group in groups.items()
    }
    order = sorted(values, key=lambda name: values[name][0])
    mean, error = np.array([values[name] for name in order]).T
    with drawing(
        run, "ranking-" + kind.replace(",", "").replace(" ", "-"), title=f"Embeddings of {kind} images",
        caption=verdict(found, truth, kind) + " Bars: standard deviation over stacks. Filled: trained on the stack.",
        section="Embeddings", size=(6.4, 0.32 * len(order) + 1.2),
    ) as d:  # fmt: skip
        for place, name in enumerate(order):
            colour = "C0" if groups[name][0].trained else "white"
            d.ax.errorbar(
                mean[place], place, xerr=error[place], color="C0", marker="o", markerfacecolor=colour
            )
        d.ax.set_yticks(range(len(order)), order)
        d.ax.set(xlabel="NMI with the classes", ylim=(-0.6, len(order) - 0.4))
        d.table = {"embedding": order, "NMI": mean, "standard deviation": error}


def draw_clusters(run: Run, stack: ImageStack, one: Clustered, *, title: str) -> None:
    """The mean image of each cluster with its size; the numbers drawn are the cluster of each image."""
    confidence = np.ones(len(stack)) if one.confidence is None else one.confidence
    names = np.unique(one.cluster)[:_SHOWN]
    columns = min(max(len(names), 4), 7)
    rows = -(-len(names) // columns)
    with drawing(
        run, "clusters", title=title, section="Clusters",
        shape=(rows, columns), size=(1.25 * columns, 1.5 * rows + 0.5),
        caption="Mean of the images of each cluster, below it its name and their number; white: not inside. The table "
        "beside the figure holds the cluster and the confidence of every image.",
    ) as d:  # fmt: skip
        images = scaled(stack.counts, stack.inside)
        for ax in d.axes.flat:
            ax.set_axis_off()
        for ax, name in zip(d.axes.flat, names.tolist(), strict=False):
            own = one.cluster == name
            ax.imshow(np.where(stack.inside, images[own].mean(axis=0), np.nan), cmap="viridis")
            ax.set_title(f"{name}: {int(own.sum())}", fontsize=7, y=-0.25)
        d.table = {
            "image": stack.name, "cluster": one.cluster, "confidence": confidence, "nearly equals": duplicates(stack),
        }  # fmt: skip


_TITLES = {"nmi": "NMI", "ari": "ARI"}


def _agreement(one: Clustered, truth: Truth) -> Agreement:
    return agreement(one.cluster, truth[one.place])


def _by_kind(found: Sequence[Clustered], truth: Truth) -> dict[tuple[str, str], list[Clustered]]:
    known = (one for one in found if one.place in truth)
    return grouped(known, lambda one: (one.place[0], one.embedding))


def _seeds(group: Sequence[Clustered]) -> tuple[int, ...]:
    return tuple(one.seed for one in group if one.seed)


def _shift_left(stack: ImageStack, largest: int) -> Int[np.ndarray, "image"]:
    """Pixels by which the shift of each image with counts enough is wrong."""
    assert stack.shift is not None
    assert stack.label is not None
    left = registered(stabilised(stack.counts, stack.inside), largest=largest).shift + stack.shift
    for name in np.unique(stack.label):
        own = stack.label == name
        values, count = np.unique(left[own], axis=0, return_counts=True)
        left[own] -= values[count.argmax()]
    return np.abs(left).max(axis=1)[stack.counts.sum(axis=(1, 2)) >= _ENOUGH]


def _halves(one: Clustered, label: Int[np.ndarray, "image"]) -> tuple[float, float]:
    """Share of images of the most frequent class of their cluster, among the surer half and the other."""
    table = contingency(one.cluster, label)
    place = np.unique(one.cluster, return_inverse=True)[1]
    right = np.unique(label)[table.argmax(axis=1)][place] == label
    assert one.confidence is not None
    order = np.argsort(-one.confidence, kind="stable")
    half = len(order) // 2
    return float(right[order[:half]].mean()), float(right[order[half:]].mean())
