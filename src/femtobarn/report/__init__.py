"""One self-contained HTML page from the results and figures of runs."""

from femtobarn.report.numbers import measurement
from femtobarn.report.page import write_report
from femtobarn.report.pivot import Pivot, pivot
from femtobarn.report.terminal import print_summary

__all__ = ["Pivot", "measurement", "pivot", "print_summary", "write_report"]
