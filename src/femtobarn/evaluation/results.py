"""Scores as results of a run: value, null and significance of each metric for each sample."""

from collections.abc import Mapping

from femtobarn.metrics.estimate import Estimate
from femtobarn.runs import Result

SCORE, SIGNIFICANCE = "score", "significance"
NULL = "real against real"  #: label of the nulls among the samples

#: For these a sample as good as the real one scores highest, so less than the null is worse.
HIGHER_IS_BETTER = frozenset({"precision", "recall", "density", "coverage", "COV"})


def score_results(scores: Mapping[str, Mapping[str, Estimate]], *, split: str = "") -> list[Result]:
    """A matrix of scores, metric against sample with the null as last column, and one of significances.

    Args:
        scores: Estimates by sample, then by metric.
        split: Part of the data that they were made on.
    """
    results = []
    for sample, found in scores.items():
        for metric, estimate in found.items():
            results.append(_result(SCORE, estimate.value, estimate.error, estimate, metric, sample, split))
    for found in list(scores.values())[:1]:
        for metric, estimate in found.items():
            if estimate.null == estimate.null:
                results.append(
                    _result(SCORE, estimate.null, estimate.null_error, estimate, metric, NULL, split)
                )
    for sample, found in scores.items():
        for metric, estimate in found.items():
            if estimate.null_error > 0:
                value = round(worseness(metric, estimate), 2)  # more digits would say nothing
                results.append(_result(SIGNIFICANCE, value, None, estimate, metric, sample, split))
    return results


def worseness(metric: str, estimate: Estimate) -> float:
    """Significance with the sign that says worse than the null, whatever direction is good for the metric."""
    return -estimate.significance if metric in HIGHER_IS_BETTER else estimate.significance


def _result(
    name: str,
    value: float,
    error: float | None,
    estimate: Estimate,
    metric: str,
    sample: str,
    split: str,
) -> Result:
    return Result(
        name,
        value,
        error,
        n=min(estimate.n_real, estimate.n_generated),
        split=split,
        labels={"metric": metric, "sample": sample},
        error_kind="of the estimator" if name == SCORE else "",
    )
