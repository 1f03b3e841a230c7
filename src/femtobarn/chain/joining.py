"""A stage by a trained run: its input written in the file format that the run's system reads, its answer read back.

Any system can stand at a stage, of this package or of another, whose ``predict`` reads the format and gives the
columns; the chain knows none by name.

========== ======================================================= ==========================
stage      file                                                    columns
========== ======================================================= ==========================
compress   wafers, `femtobarn.datasets.hgcal`, HDF5                decoded (CALQ counts)
cluster    hits, `femtobarn.datasets.hgcalml`, HDF5                shower, shower_energy (GeV)
track      hits and cells, `femtobarn.datasets.trackml`, CSV       track
flow       elements, `femtobarn.datasets.mlpf_delphes`, pickle     class, pT, eta, phi, E, mask
trigger    regions, `femtobarn.datasets.calo_regions`, HDF5        any scores
========== ======================================================= ==========================
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from femtobarn.chain.settings import folder_of
from femtobarn.data.hdf5 import Hdf5File, opened_hdf5
from femtobarn.errors import InputError
from femtobarn.recipe import find_system

#: Columns that each stage needs.
COLUMNS = {
    "compress": ("decoded",),
    "cluster": ("event", "shower", "shower_energy"),
    "track": ("file", "track"),
    "flow": ("class", "charge", "pT", "eta", "phi", "E", "mask"),
    "trigger": (),
}
_FIRST = ("file", "row")  # columns of every answer


class Answer(NamedTuple):
    """What a run made of the input."""

    columns: dict[str, np.ndarray]
    part: Any
    """Which of the run's models it was, as its system describes it; None if the system does not say."""


def answer(stage: str, choice: str, write: Callable[[Path], Sequence[Path]]) -> Answer:
    """What a run makes of the files that `write` leaves in a folder.

    Args:
        stage: One of `COLUMNS`.
        choice: Folder of the run, or of one of its models.
        write: Writes the input into a folder and gives the files.

    Raises:
        InputError: The run's system does not read the format or does not give the columns.
    """
    run, model = folder_of(choice)
    system = run.record["system"]
    recipe = find_system(system).recipe()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "answer.h5")
        try:
            recipe.predict(run, write(Path(folder)), output, model=model, progress=False)
            file = Hdf5File(output)
            found = file.read(file.columns, 0, len(file))
            with opened_hdf5(output) as opened:
                model = str(opened.attributes().get("model", ""))
        except InputError as error:
            said = str(error).replace(f"{folder}/", "")
            raise InputError(f"{stage}: {system} ({choice}) cannot stand at this stage: {said}") from error
    wanted = COLUMNS[stage] or (next((name for name in found if name not in _FIRST), "a score"),)
    if missing := [name for name in wanted if name not in found]:
        got = ", ".join(found)
        raise InputError(f"{stage}: {system} ({choice}) gives {got}; this stage needs {', '.join(missing)}")
    models, place = getattr(recipe, "MODELS", None), run.folder / "work" / model
    part = models.load(place).part if models is not None and model and models.is_there(place) else None
    return Answer(found, part)
