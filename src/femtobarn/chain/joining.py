"""A stage by a trained run, or by an algorithm of the user's own: its input as a file, its answer read back.

Any system can stand at a stage, of this package or of another, whose ``predict`` reads the format and gives the
columns; the chain knows none by name. An algorithm of one's own reads the same files, which ``--write`` leaves, and
answers in a file of the same name, HDF5, Parquet or ROOT (tree "table"), with the same columns.

========== =============================================== ================================= ===================
stage      file                                            columns                           a row for each
========== =============================================== ================================= ===================
compress   wafers, `femtobarn.datasets.hgcal`, HDF5        decoded (CALQ counts), bits       wafer of the file
cluster    hits, `femtobarn.datasets.hgcalml`, HDF5        shower, shower_energy (GeV)       hit
track      hits, `femtobarn.datasets.trackml`, CSV         track                             hit of all events
flow       elements, `femtobarn.datasets.mlpf_delphes`     class, charge, pT, eta, phi, E,   element of all
                                                           mask                              events
tag        jets, `femtobarn.datasets.top_tagging`, HDF5    any score                         jet
trigger    regions, `femtobarn.datasets.calo_regions`      any scores                        crossing
========== =============================================== ================================= ===================

Bits, of the frame of a wafer, need not be there; without them what is sent is not known.
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from femtobarn.chain.settings import ENDINGS, folder_of
from femtobarn.data.hdf5 import Hdf5File, opened_hdf5
from femtobarn.data.parquet import opened_parquet
from femtobarn.data.root import opened_root, tree_name
from femtobarn.data.table_output import TREE
from femtobarn.errors import InputError
from femtobarn.recipe import find_system

#: Columns that each stage needs.
COLUMNS = {
    "compress": ("decoded",),
    "cluster": ("shower", "shower_energy"),
    "track": ("track",),
    "flow": ("class", "charge", "pT", "eta", "phi", "E", "mask"),
    "tag": (),
    "trigger": (),
}
FIRST = ("file", "row", "event")  #: columns of an answer that say what a row is about


class Answer(NamedTuple):
    """What a run made of the input."""

    columns: dict[str, np.ndarray]
    part: Any
    """Which of the run's models it was, as its system describes it; None if the system does not say."""


def answer(
    stage: str, choice: str, write: Callable[[Path], Sequence[Path]], *, rows: int | None = None
) -> Answer:
    """What a run makes of the files that `write` leaves in a folder, or what a file says that the user made of them.

    Args:
        stage: One of `COLUMNS`.
        choice: Folder of the run, or of one of its models; or the file with answers, without its ending.
        write: Writes the input into a folder and gives the files.
        rows: That the answer has to have, if that is known.

    Raises:
        InputError: No such file, or the run's system does not read the format; columns or rows that are not there.
    """
    by_run = Path(choice).is_dir()
    found, part, name = _of_run(stage, choice, write) if by_run else (_of_file(stage, choice), None, choice)
    scores = tuple(each for each in found if each not in FIRST)
    if missing := [each for each in COLUMNS[stage] or scores[:1] or ("a score",) if each not in found]:
        got = ", ".join(found)
        raise InputError(f"{stage}: {name} gives {got}; this stage needs {', '.join(missing)}")
    odd = {each: len(column) for each, column in found.items() if rows is not None and len(column) != rows}
    if odd:
        first = next(iter(odd))
        raise InputError(f"{stage}: {name} has {odd[first]} rows of {first}, its input has {rows}")
    return Answer(found, part)


def _of_run(
    stage: str, choice: str, write: Callable[[Path], Sequence[Path]]
) -> tuple[dict[str, np.ndarray], Any, str]:
    run, model = folder_of(choice)
    system = run.record["system"]
    recipe = find_system(system).recipe()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "answer.h5")
        try:
            recipe.predict(run, write(Path(folder)), output, model=model, progress=False)
            found = _read(output)
            with opened_hdf5(output) as opened:
                model = str(opened.attributes().get("model", ""))
        except InputError as error:
            said = str(error).replace(f"{folder}/", "")
            raise InputError(f"{stage}: {system} ({choice}) cannot stand at this stage: {said}") from error
    models, place = getattr(recipe, "MODELS", None), run.folder / "work" / model
    part = models.load(place).part if models is not None and model and models.is_there(place) else None
    return found, part, f"{system} ({choice})"


def _of_file(stage: str, stem: str) -> dict[str, np.ndarray]:
    for ending in ENDINGS:
        if (path := Path(stem + ending)).exists():
            return _read(path)
    raise InputError(
        f"{stage}: there is no answer {stem} ({', '.join(ENDINGS)}); --write FOLDER writes what it is to"
    )


def _read(path: Path) -> dict[str, np.ndarray]:
    if path.suffix == ".root":
        with opened_root(path) as file:
            return dict(file[tree_name(path, file, TREE)].arrays(library="np"))
    if path.suffix == ".parquet":
        with opened_parquet(path) as file:
            table = file.read()
        return {name: _column(table[name].combine_chunks()) for name in table.column_names}
    content = Hdf5File(path)
    return content.read(content.columns, 0, len(content))


def _column(values: Any) -> np.ndarray:
    """A column of numbers, or of lists of as many numbers each."""
    lists = hasattr(values.type, "list_size")
    flat: np.ndarray = (values.flatten() if lists else values).to_numpy(zero_copy_only=False)
    return flat.reshape(len(values), values.type.list_size) if lists else flat
