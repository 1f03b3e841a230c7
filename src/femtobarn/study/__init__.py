"""What every study of a published system does: split, train, choose, average over seeds, draw, predict, export."""

from femtobarn.study.designs import Design, Writing, design_rows, write_designs
from femtobarn.study.drawing import Drawing, drawing
from femtobarn.study.folds import fold_row, grouped_folds, over_folds
from femtobarn.study.headline import Headline, headline
from femtobarn.study.models import Models, Part, Trained
from femtobarn.study.predictions import write_predictions
from femtobarn.study.seeds import (
    Value,
    bootstrapped,
    by_name,
    draws_of_classes,
    draws_of_units,
    gain,
    grouped,
    over_seeds,
    row,
)
from femtobarn.study.split import Sample, Split, check_shares, cut
from femtobarn.study.standard_figures import (
    draw_against,
    draw_front,
    draw_rejection,
    draw_spectra,
    draw_training,
)

__all__ = [
    "Design",
    "Drawing",
    "Headline",
    "Models",
    "Part",
    "Sample",
    "Split",
    "Trained",
    "Value",
    "Writing",
    "bootstrapped",
    "by_name",
    "check_shares",
    "cut",
    "design_rows",
    "draw_against",
    "draw_front",
    "draw_rejection",
    "draw_spectra",
    "draw_training",
    "drawing",
    "draws_of_classes",
    "draws_of_units",
    "fold_row",
    "gain",
    "grouped",
    "grouped_folds",
    "headline",
    "over_folds",
    "over_seeds",
    "row",
    "write_designs",
    "write_predictions",
]
