"""Every score of every patch of the test images: tables and figures."""

import functools
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from femtobarn.data.cache import write_whole
from femtobarn.data.patch_images import PatchImages
from femtobarn.evaluation.inspection import tables as inspection
from femtobarn.evaluation.inspection.scores import Maps
from femtobarn.evaluation.inspection.tables import CLEAN, Inspected
from femtobarn.evaluation.network_costs import network_costs
from femtobarn.parts import Report, run_parts
from femtobarn.runs import Result, Run
from femtobarn.study import Trained, by_name, draw_training
from femtobarn.systems.sensor_inspection.data import Data, Scans, load
from femtobarn.systems.sensor_inspection.study import MODELS, PLAIN, Part, Study, leading_score, maps, varied

CLASSICAL = ("contrast", "PCA residual", "PCA peak", "cell statistics")  #: that networks have to beat


def results(
    run: Run,
    settings: Data,
    study: Study,
    scans: Scans,
    trained: Sequence[Trained[Part]],
    *,
    workers: int,
    progress: bool,
) -> list[Result]:
    """All tables and figures."""
    own = [each for each in trained if not each.part.jitter]
    wrong = [
        each.part._replace(shuffled=True) for each in own if each.part.kind in PLAIN and not settings.folder
    ]
    parts = [*(each.part for each in trained), *wrong]
    missing = [part for part in parts if not _file(run, part).exists()]
    work = functools.partial(_apply, run, settings, scans)
    run_parts(work, missing, name=lambda part: part.name, title="scores", workers=workers, progress=progress)
    test, found = scans.test, list[Inspected]()
    for one in own:
        seed = None if one.part.kind == "simple" else one.part.seed
        found += Inspected.of_maps(_maps(run, one.part), seed, one.kept["threshold"])
    rows = inspection.image_table(found, test.level, share=study.share, trivial=CLASSICAL)
    rows += inspection.patch_areas(found, test.defect, test.level)
    rows += inspection.operation(found, test.defect, test.level, test.kind)
    rows += _on_others(run, [part for part in parts if part.kind in PLAIN], test, study.share)
    _draw(run, own, found, test)
    networks = {each.part.kind: each.model for each in own if each.model is not None}
    return by_name(rows + network_costs(networks, (test.image(0),), calls=3, what="image"))


def _apply(run: Run, settings: Data, scans: Scans, part: Part, report: Report) -> None:
    """Keep the scores of the test images of a part."""
    test = _tested(part, scans.test)
    if part.jitter:
        test = _tested(part, load(varied(settings, part), seed=scans.seed, workers=1, progress=False).test)
    found = maps(MODELS.load(run.folder / "work" / part._replace(shuffled=False).name), test)
    write_whole(_file(run, part), lambda unfinished: np.savez(unfinished, **found))  # type: ignore[arg-type]
    report(1, 1, f"{len(test)} images")


def _tested(part: Part, test: PatchImages) -> PatchImages:
    """Photographs of other kinds are clean or have a weak defect; shuffled ones are given the next position."""
    if part.shuffled:
        known = np.unique(test.position)
        test = replace(test, position=known[(np.searchsorted(known, test.position) + 1) % len(known)])
    return test.take(test.level != "strong") if part.photographs else test


def _on_others(run: Run, parts: Sequence[Part], test: PatchImages, share: float) -> list[Result]:
    """How many weak defects are found on each kind of photographs, by what was fitted to clean ones of this kind."""
    some, rows = test.level != "strong", list[Result]()
    for part in parts if (test.level == "weak").any() else ():
        found = {name: each if part.photographs else each[some] for name, each in _maps(run, part).items()}
        judged = Inspected.of_maps(found, None, {}, photographs=part.photographs or "of the run")
        rows += inspection.images_found("weak defects found", judged, test.level[some], share=share)
    return rows


def _draw(run: Run, own: Sequence[Trained[Part]], found: Sequence[Inspected], test: PatchImages) -> None:
    inspection.draw_found(run, found, test.level, section="Images")
    best = min(own, key=lambda each: each.validation).part
    truth = [str(kind) or CLEAN for kind in test.kind]
    inspection.draw_queue(
        run, test.images, _maps(run, best)[leading_score(best)], truth, score=leading_score(best)
    )
    shown = [
        replace(each, history=[{"rms": math.sqrt(row["validation"])} for row in each.history])
        for each in own if each.part.kind == "autoencoder"
    ]  # fmt: skip
    draw_training(
        run, shown, column="rms", ylabel="root mean square of the residual",
        caption="Clean images of the calibration sensors, which the autoencoder was not trained on.",
    )  # fmt: skip


def _file(run: Run, part: Part) -> Path:
    return run.folder / "work" / f"{part.name}-test.npz"


def _maps(run: Run, part: Part) -> Maps:
    with np.load(_file(run, part)) as file:
        return dict(file)
