"""A run: one folder of plain files with its settings, data, log, results and figures.

======================== =======================================================================
``run.json``             system, preset, settings, seed, versions, machine, data, times, status
``log.jsonl``            one event a line, in the order they happened
``results.json``         the numbers, each with error, unit, sample size, split and kind of data
``figures/NAME.svg``     the figures; ``NAME.csv`` holds the numbers drawn, ``index.json`` the titles
``work/NAME/``           checkpoints and other products of the parts of the run
``report.html``          the page that shows all of this
======================== =======================================================================

Files are replaced whole, so a reader never sees half of one and a killed run never leaves one. In
all but ``run.json`` null stands for NaN, and what is None is left out.
"""

from femtobarn.runs.files import write_atomically
from femtobarn.runs.format import FORMAT
from femtobarn.runs.outputs import check_output
from femtobarn.runs.published import read_published
from femtobarn.runs.records import DataKind, Figure, Provenance, Published, Result, Status, comparable
from femtobarn.runs.run import Run

__all__ = [
    "FORMAT",
    "DataKind",
    "Figure",
    "Provenance",
    "Published",
    "Result",
    "Run",
    "Status",
    "check_output",
    "comparable",
    "read_published",
    "write_atomically",
]
