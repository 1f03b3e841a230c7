"""Scores of the patches of images: how well they tell patches, and what a person is spared and what is missed."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Shaped

from femtobarn import plots
from femtobarn.data.patch_images import Images
from femtobarn.errors import InputError
from femtobarn.evaluation.inspection.scores import AT_POSITION
from femtobarn.evaluation.scores import Scored, score_table
from femtobarn.metrics import calibrate, clopper_pearson, clustered_auc, measured, signal_efficiency
from femtobarn.runs import Result, Run
from femtobarn.study import Value, by_name, drawing, grouped, row

Maps = Float[np.ndarray, "image row column"]
CLEAN = "clean"  #: the name of images without a defect
AS_IT_IS, READ = "as it is", "at its position"


class Inspected(NamedTuple):
    """What one training, or a score without one, gives every patch of the test images."""

    labels: dict[str, str]
    """Place in tables; those that differ by their seed only have the same."""
    seed: int | None
    """Of the training; none for a score without one."""
    maps: Maps
    threshold: float | None = None
    """Set on other images: an image with a patch above it is looked at."""

    @classmethod
    def of_maps(
        cls, found: Mapping[str, Maps], seed: int | None, thresholds: Mapping[str, float], **labels: str
    ) -> "list[Inspected]":
        """Each of the scores of `femtobarn.evaluation.inspection.scores`, with how it is read for a label."""
        return [
            cls(score_labels(name) | labels, seed, each, thresholds.get(name)) for name, each in found.items()
        ]

    @property
    def images(self) -> Float[np.ndarray, "image"]:
        """The score of an image is that of its highest patch."""
        return self.maps.max(axis=(1, 2))


def score_labels(name: str) -> dict[str, str]:
    """Place in tables of a score, as it is or read at its position."""
    read = READ if name.endswith(AT_POSITION) else AS_IT_IS
    return {"score": name.removesuffix(AT_POSITION), "read": read}


def image_table(
    found: Sequence[Inspected], level: Shaped[np.ndarray, "image"], *, share: float, trivial: Sequence[str]
) -> list[Result]:
    """Images by their highest patch, each level of defects against the clean ones; see `score_table`.

    Args:
        found: Scores of the same images.
        level: Of the defects of each image, "" for clean ones.
        share: Of the clean images that may be shown.
        trivial: Names of the scores that the others have to beat, as they are or read at their position.
    """
    names = {name: name or CLEAN for name in dict.fromkeys(level.tolist())}
    scored = [
        Scored(each.labels, each.seed, {new: each.images[level == old] for old, new in names.items()})
        for each in found
    ]
    beaten = [score_labels(name + how) for name in trivial for how in ("", AT_POSITION)]
    table = score_table(scored, background=CLEAN, trivial=beaten, fractions=(share,), efficiency=0.9)
    return [each for each in table if not each.name.startswith("background at")]


def images_found(
    name: str, found: Sequence[Inspected], level: Shaped[np.ndarray, "image"], *, share: float
) -> list[Result]:
    """Share of the images with defects above the threshold that this share of the clean ones exceeds."""
    rows = []
    for each in found:
        point = signal_efficiency(each.images[level != ""], each.images[level == ""], fraction=share)
        rows.append(row(name, [(point.value, point.error)], each.labels, n=len(level)))
    return rows


def thresholds(
    found: Mapping[str, Maps], clean: Bool[np.ndarray, "image"], *, share: float
) -> dict[str, float]:
    """What this share of the clean images exceeds, for each score."""
    return {name: calibrate(each[clean].max(axis=(1, 2)), share).threshold for name, each in found.items()}


def patch_areas(
    found: Sequence[Inspected],
    defect: Bool[np.ndarray, "image row column"],
    level: Shaped[np.ndarray, "image"],
) -> list[Result]:
    """Area under the ROC curve of patches with a defect of each level against all others; images are independent.

    Args:
        found: Scores of the same images.
        defect: Patches with a defect.
        level: Of the defects of each image; "" for clean ones, which every level is told from.
    """
    rows = []
    for group in grouped(found, lambda each: tuple(each.labels.values())).values():
        for name in _levels(level):
            used = np.isin(level, ("", name))
            unit = np.repeat(np.arange(used.sum()), defect[0].size)
            areas = [clustered_auc(each.maps[used].ravel(), defect[used].ravel(), unit) for each in group]
            rows.append(
                _row("AUC of patches", areas, group, {"defects": name}, int(defect[level == name].sum()))
            )
    return rows


def operation(
    found: Sequence[Inspected],
    defect: Bool[np.ndarray, "image row column"],
    level: Shaped[np.ndarray, "image"],
    kind: Shaped[np.ndarray, "image"],
) -> list[Result]:
    """At the threshold that was set elsewhere: images shown to a person, and defects found, with their counts' errors.

    Rows: "clean images shown"; "images found" of each level, and of each kind of defect; "patches found" of each level.
    The errors of the shares are half the Clopper-Pearson intervals at 68 %, joined with the spread over seeds.
    """
    rows = []
    for group in grouped(found, lambda each: tuple(each.labels.values())).values():
        shown = [(each.images > _threshold(each)) for each in group]
        rows.append(_shares("clean images shown", group, [each[level == ""] for each in shown], {}))
        for name in _levels(level):
            of_level = level == name
            place = {"defects": name}
            rows.append(
                _shares("images found", group, [each[of_level] for each in shown], place | {"kind": "all"})
            )
            for each_kind in sorted(set(kind[of_level])):
                some = of_level & (kind == each_kind)
                rows.append(
                    _shares("images found", group, [s[some] for s in shown], place | {"kind": str(each_kind)})
                )
            patches = [(e.maps > _threshold(e))[of_level][defect[of_level]] for e in group]
            rows.append(_shares("patches found", group, patches, place))
    return by_name(rows)


def draw_found(
    run: Run, found: Sequence[Inspected], level: Shaped[np.ndarray, "image"], *, section: str
) -> None:
    """Images found of each level with their Clopper-Pearson intervals at 95 %, all seeds together."""
    groups = grouped(found, lambda each: ", ".join(each.labels.values()))
    with drawing(
        run, "found", title="Images with defects that are found", section=section, by="defects",
        legend={"loc": "lower left"}, size=(7.5, 1.5 + 0.27 * len(groups)),
        caption="Share of images with a patch above the threshold, which was set on clean validation images. Bars: "
        "Clopper-Pearson intervals at 95 % of the test images, at the mean over seeds.",
    ) as d:  # fmt: skip
        place = np.arange(len(groups))[::-1]
        for name in _levels(level):
            n = int((level == name).sum())
            passed = [
                round(np.mean([measured(e.images[level == name], _threshold(e)).passed for e in group]))
                for group in groups.values()
            ]
            low, high = np.array([clopper_pearson(k, n, level=0.95) for k in passed]).T
            share = np.array(passed) / n
            d.ax.errorbar(share, place, xerr=(share - low, high - share), fmt="o", markersize=3, label=name)
            d.drawn[name] = {
                "row": place,
                "share": share,
                "low": low,
                "high": high,
                "images": np.full(len(share), n),
            }
        d.ax.set_yticks(place, [plots.plain(name) for name in groups], fontsize=7)
        d.ax.set(xlabel="images found", xlim=(0, 1.02))


def draw_queue(
    run: Run,
    images: Images,
    maps: Maps,
    truth: Sequence[str],
    *,
    score: str,
    across: int = 8,
    down: int = 5,
    section: str = "Queue",
) -> None:
    """The patches a person looks at first: the highest of each image, images by their scores, with what is true.

    Args:
        run: Where the figure is saved.
        images: Values from 0 to 255.
        maps: Score of each patch.
        truth: Of each image, such as the kind of its defect.
        score: Its name.
        across, down: How many.
        section: Of the report.
    """
    highest = maps.reshape(len(maps), -1).argmax(axis=1)
    order = np.argsort(-maps.max(axis=(1, 2)), kind="stable")[: across * down]
    size = images[0].shape[0] // maps.shape[1]
    with drawing(
        run, "queue", title="What a person looks at first", section=section, shape=(down, across),
        size=(1.15 * across, 1.35 * down), caption=f"The highest patch of an image and half a patch around it, images "
        f"of the test sample by {score}. Each has the full range of greys; below it stands what is true of the image.",
    ) as d:  # fmt: skip
        for ax in d.axes.flat:
            ax.set_axis_off()
        for ax, image in zip(d.axes.flat, order, strict=False):
            row, column = np.divmod(highest[image], maps.shape[2])
            top, left = (max(n * size - size // 2, 0) for n in (row, column))
            shown = np.asarray(
                images[image][top : (row + 1) * size + size // 2, left : (column + 1) * size + size // 2]
            )
            ax.imshow(shown, cmap="Greys_r")
            ax.set_title(plots.plain(truth[image]), fontsize=6, y=-0.3)
        row, column = np.divmod(highest[order], maps.shape[2])
        d.table = {
            "image": order, "row": row, "column": column, "score": maps[order, row, column],
            "clean": np.array([truth[image] == CLEAN for image in order], int),
        }  # fmt: skip


def _levels(level: Shaped[np.ndarray, "image"]) -> list[str]:
    return [str(name) for name in dict.fromkeys(level.tolist()) if name]


def _threshold(each: Inspected) -> float:
    if each.threshold is None:
        raise InputError(f"expected a threshold of {', '.join(each.labels.values())}, got none")
    return each.threshold


def _shares(
    name: str, group: Sequence[Inspected], passed: Sequence[Bool[np.ndarray, "_"]], more: Mapping[str, str]
) -> Result:
    values: list[Value] = []
    for each in passed:
        low, high = clopper_pearson(int(each.sum()), len(each))
        values.append((float(each.mean()), (high - low) / 2))
    return _row(name, values, group, more, len(passed[0]), sample="half the Clopper-Pearson interval at 68 %")


def _row(
    name: str,
    values: Sequence[Value],
    group: Sequence[Inspected],
    more: Mapping[str, str],
    n: int,
    **given: str,
) -> Result:
    seeds = [each.seed for each in group if each.seed is not None]
    return row(name, values, {**group[0].labels, **more}, seeds=seeds, n=n, **given)  # type: ignore[arg-type]
