"""Verbs that use finished runs: ``predict``, ``export``, ``report``."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from femtobarn.errors import InputError


def predict(
    run: tyro.conf.Positional[Path],
    files: tyro.conf.Positional[tuple[Path, ...]],
    /,
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("predictions.h5"),
    model: str = "",
    device: str = "cpu",
    workers: int = 1,
    scheduler: str | None = None,
) -> None:
    """Apply a trained run to your files.

    Args:
        run: Folder of a finished run.
        files: Your files, in a format that ``femtobarn data`` describes.
        output: Output file: HDF5 (.h5), Parquet (.parquet) or ROOT (.root, .rntuple.root) by its ending.
            Generators write the format of the files they read. With ``{}`` in its name, which stands for that of an
            input, each file has an output of its own, such as out/{}.h5.
        model: Name of a trained model; by default the best one.
        device: Where its network computes, as cuda; integer models and annealers stay on the processor.
        workers: Processes that work side by side, if each file has an output of its own.
        scheduler: Address of a Dask scheduler, or its file, whose workers do the work instead; they must be able to
            read the run and the files.
    """
    from femtobarn import bulk, recipe
    from femtobarn.runs import Run

    trained, alone = Run.open(run), bulk.NAME in output.name
    if not alone and (workers != 1 or scheduler is not None):
        raise InputError(
            f"one output is written by one process: for several choose one a file, -o 'out/{{}}.h5', got {output}"
        )
    if not alone:
        print(recipe.predict(trained, files, output, model=model or None, device=device))
        return
    for path in bulk.predict_each(
        trained, files, output, model=model or None, device=device, workers=workers, scheduler=scheduler
    ):
        print(path)


def export(
    run: tyro.conf.Positional[Path],
    /,
    to: Literal["onnx", "verilog", "hls4ml"] = "onnx",
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("export"),
    model: str = "",
) -> None:
    """Export a trained model to other programs or to hardware, and verify it.

    Exit code 1 if any output number differs.

    Args:
        run: Folder of a finished run.
        to: Output format; not every system offers all of them.
        output: Output folder; for hardware it also gets test vectors, the integer model and a page.
        model: Name of a trained model; by default the best one.
    """
    from femtobarn import recipe
    from femtobarn.runs import Run

    print(recipe.export(Run.open(run), output, to=to, model=model or None))
    page = output / "export.html"
    if page.is_file():
        print(f"page: {page}")


def report(
    runs: tyro.conf.Positional[tuple[Path, ...]],
    /,
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("report.html"),
) -> None:
    """Write one page about one or several runs.

    Args:
        runs: Folders of runs; several are compared side by side.
        output: Output file.
    """
    from femtobarn.report import write_report
    from femtobarn.runs import Run

    if not runs:
        raise InputError("no run given: femtobarn report RUN...")
    print(write_report([Run.open(folder) for folder in runs], output))
