"""Predictions of many files side by side: one output for each file, on processes of this machine or on a cluster."""

import functools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from femtobarn import recipe
from femtobarn.data.atomic import writing
from femtobarn.errors import InputError
from femtobarn.parts import Report, run_parts
from femtobarn.runs import Run, check_output

NAME = "{}"  #: in the name of the output: the name of the input, without its ending


class Job(NamedTuple):
    """One file of the user's and what is written for it."""

    file: Path
    output: Path


def predict_each(
    run: Run,
    files: Sequence[Path],
    pattern: Path,
    *,
    model: str | None = None,
    device: str = "cpu",
    workers: int = 2,
    scheduler: str | None = None,
    progress: bool = True,
) -> list[Path]:
    """Apply a trained run to each file alone; every output is what `femtobarn.recipe.predict` writes for that file.

    Args:
        run: A finished run; on a cluster its folder, the files and the outputs are seen by all workers.
        files: The files; each is complete in itself, so that files which belong together (the two detectors of a
            stretch of strain) are a call of `femtobarn.recipe.predict`.
        pattern: Outputs, with ``{}`` for the name of the input, such as ``out/{}.h5``. Folders are made.
        model: Which of the trained models; the best one if not given.
        device: Where its network computes, such as cuda.
        workers: Processes.
        scheduler: Address of a Dask scheduler whose workers do the work instead, or its file.
        progress: Show a progress bar.

    Returns:
        The outputs, in the order of the files. Outputs that were complete when a file failed stay.

    Raises:
        InputError: Two outputs are one file, an output would replace an input, or a file cannot be read.
    """
    if not files:
        raise InputError("no file given: femtobarn predict RUN FILE... -o 'out/{}.h5'")
    jobs = [Job(file, pattern.with_name(pattern.name.replace(NAME, file.stem))) for file in files]
    twice = [
        str(output) for output, count in Counter(job.output.resolve() for job in jobs).items() if count > 1
    ]
    if twice:
        raise InputError(f"{pattern}: two inputs would be written to {twice[0]}; give them names that differ")
    for job in jobs:
        check_output(job.output, files)
    with writing(str(pattern.parent), advice="choose another folder with --output"):
        pattern.parent.mkdir(parents=True, exist_ok=True)
    work = functools.partial(_predict, run.folder.resolve(), model, device)
    return run_parts(
        work, jobs, name=lambda job: job.file.name, title="files", workers=workers, scheduler=scheduler,
        progress=progress,
    )  # fmt: skip


def _predict(folder: Path, model: str | None, device: str, job: Job, report: Report) -> Path:
    recipe.predict(
        Run.open(folder),
        [job.file.resolve()],
        job.output.resolve(),
        model=model,
        device=device,
        progress=False,
    )
    report(1, 1, "done")
    return job.output
