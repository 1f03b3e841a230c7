"""Machines that are followed, as figures: errors over time, hidden maps, and what an evaluation is worth."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from torch import Tensor

from femtobarn.evaluation.following_scores import HIDDEN, SCREEN
from femtobarn.evaluation.latent_following import Mode, Trace
from femtobarn.runs import Result, Run
from femtobarn.simulate.beam_histories import BeamHistory
from femtobarn.study import draw_against, drawing

_WIDTH = 10  # shots that are averaged
_SECTION = "Following"


def draw_followed(
    run: Run,
    histories: Sequence[BeamHistory],
    traces: Mapping[Mode, Sequence[Trace]],
    *,
    names: Sequence[str],
    but: Collection[str] = (),
) -> None:
    """Both errors against the shot, a figure for each history, and the last map of each; first seed.

    Args:
        run: Where the figures are saved.
        histories: What was followed.
        traces: Of each mode one for each seed.
        names: Of the modes that are shown, each with the most evaluations.
        but: Histories that are left out.
    """
    shown = _with_most_calls(traces, names)
    for place, history in enumerate(histories):
        if history.name in but:
            continue
        _draw_errors(run, history, shown, place)
        if history.truth is not None:
            _draw_maps(run, history, history.truth, shown, place)


def draw_calls(run: Run, table: Sequence[Result], *, names: Sequence[str], history: str) -> None:
    """Screen error against the evaluations of each shot, a line for each method."""
    lines = {
        name: [each for each in table if each.name == SCREEN and _is(each, name, history)] for name in names
    }
    draw_against(
        run, {name: each for name, each in lines.items() if each}, label="calls", xlabel="evaluations a shot",
        ylabel=SCREEN, name="calls", section=_SECTION, title=f"What an evaluation is worth: {history}",
        caption="Later half of the history. An evaluation of the gradient also costs a backward pass.",
    )  # fmt: skip


def _draw_errors(run: Run, history: BeamHistory, shown: Mapping[str, Trace], place: int) -> None:
    with drawing(
        run, f"followed-{place}", title=f"Followed: {history.name}", section=_SECTION, by="method", legend={},
        caption="Errors of the screen (above, measured) and of the map (below, hidden); "
        f"running mean of {_WIDTH} shots, first seed.",
        shape=(2, 1), sharex=True, size=(6.4, 6),
    ) as d:  # fmt: skip
        for name, each in shown.items():
            columns = (np.arange(len(each.screen)), each.screen[:, place], each.hidden[:, place])
            shot, *errors = (_running(column) for column in columns)
            for ax, error in zip(d.axes.flat, errors, strict=True):
                ax.plot(shot, error, label=name)
            d.drawn[name] = {"shot": shot, SCREEN: errors[0], HIDDEN: errors[1]}
        for ax, quantity in zip(d.axes.flat, (SCREEN, HIDDEN), strict=True):
            ax.set(ylabel=quantity, ylim=(0, None))
        d.axes.flat[1].set(xlabel="shot")


def _draw_maps(run: Run, history: BeamHistory, truth: Tensor, shown: Mapping[str, Trace], place: int) -> None:
    maps = {"truth": truth[-1]} | {name: each.last[place] for name, each in shown.items()}
    with drawing(
        run, f"maps-{place}", title=f"Hidden map: {history.name}", section=_SECTION, shape=(1, len(maps)),
        caption="Charge on the cathode in the last shot, all on the same scale, first seed.",
        size=(2.1 * len(maps), 2.6),
    ) as d:  # fmt: skip
        top = max(float(each.max()) for each in maps.values())
        for ax, (name, each) in zip(d.axes.flat, maps.items(), strict=True):
            ax.imshow(each.numpy(), origin="lower", cmap="magma", vmin=0, vmax=top)
            ax.set_xlabel(name.replace(", ", ",\n"), fontsize=8)
            ax.set(xticks=[], yticks=[])
        row, column = np.indices(next(iter(maps.values())).shape).reshape(2, -1)
        d.table = {"row": row, "column": column} | {
            name: each.flatten().numpy() for name, each in maps.items()
        }


def _with_most_calls(traces: Mapping[Mode, Sequence[Trace]], names: Sequence[str]) -> dict[str, Trace]:
    best: dict[str, Mode] = {}
    for mode in sorted(traces, key=lambda mode: mode.feedback.calls):
        best[mode.name] = mode
    return {name: traces[best[name]][0] for name in names if name in best}


def _is(result: Result, method: str, history: str) -> bool:
    return result.labels["method"] == method and result.labels["history"] == history


def _running(values: np.ndarray) -> np.ndarray:
    width = min(_WIDTH, len(values))
    return np.convolve(values, np.full(width, 1 / width), mode="valid")
