"""Functions that take arrays and a matplotlib Axes, draw, and return the numbers drawn as columns."""

from femtobarn.plots.curves import training_curves
from femtobarn.plots.frontier import frontier
from femtobarn.plots.profile import band_profile
from femtobarn.plots.ratio import ratio_histograms
from femtobarn.plots.residuals import residuals
from femtobarn.plots.resolution import resolution
from femtobarn.plots.roc import rejection
from femtobarn.plots.style import MARKERS, PALETTE, label, long_form, style
from femtobarn.plots.text import plain, readable, settle_texts
from femtobarn.plots.tracks import event_display, event_in_space
from femtobarn.plots.turnable import turnable
from femtobarn.plots.wafer import trigger_cell_outlines, wafer_display

__all__ = [
    "MARKERS",
    "PALETTE",
    "band_profile",
    "event_display",
    "event_in_space",
    "frontier",
    "label",
    "long_form",
    "plain",
    "ratio_histograms",
    "readable",
    "rejection",
    "residuals",
    "resolution",
    "settle_texts",
    "style",
    "training_curves",
    "trigger_cell_outlines",
    "turnable",
    "wafer_display",
]
