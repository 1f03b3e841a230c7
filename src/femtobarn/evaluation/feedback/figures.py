"""Machines that are followed, as figures: errors over time, hidden maps, and what an evaluation is worth."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from torch import Tensor

from femtobarn.evaluation.feedback.following import Mode, Trace
from femtobarn.evaluation.feedback.scores import HIDDEN, SCREEN
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
    """Both errors against the shot, and the hidden maps of the last shot; first seed.

    Args:
        run: Where the figures are saved.
        histories: What was followed.
        traces: Of each mode one for each seed.
        names: Of the modes that are shown, each with the most evaluations.
        but: Histories that are left out.
    """
    shown = _with_most_calls(traces, names)
    places = {i: history for i, history in enumerate(histories) if history.name not in but}
    _draw_errors(run, places, shown)
    _draw_maps(run, places, shown)


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


def _draw_errors(run: Run, histories: Mapping[int, BeamHistory], shown: Mapping[str, Trace]) -> None:
    columns = len(histories)
    with drawing(
        run, "followed", title="Followed shot by shot", section=_SECTION, by="history: method", legend={"fontsize": 7},
        caption="Errors of the screen (above, measured) and of the map (below, hidden); "
        f"running mean of {_WIDTH} shots, first seed.",
        shape=(2, columns), sharex=True, sharey="row", size=(3.1 * columns + 0.6, 5.4),
    ) as d:  # fmt: skip
        for (place, history), pair in zip(histories.items(), d.axes.T, strict=True):
            for name, each in shown.items():
                values = (np.arange(len(each.screen)), each.screen[:, place], each.hidden[:, place])
                shot, *errors = (_running(column) for column in values)
                for ax, error in zip(pair, errors, strict=True):
                    ax.plot(shot, error, label=name)
                d.drawn[f"{history.name}: {name}"] = {"shot": shot, SCREEN: errors[0], HIDDEN: errors[1]}
            pair[1].set(xlabel=f"shot, {history.name}")
        for ax, quantity in zip(d.axes[:, 0], (SCREEN, HIDDEN), strict=True):
            ax.set(ylabel=quantity, ylim=(0, None))


def _draw_maps(run: Run, histories: Mapping[int, BeamHistory], shown: Mapping[str, Trace]) -> None:
    rows: dict[str, dict[str, Tensor]] = {}
    for place, history in histories.items():
        if history.truth is not None:
            maps = {"truth": history.truth[-1]} | {name: each.last[place] for name, each in shown.items()}
            rows[history.name] = maps
    if not rows:
        return
    with drawing(
        run, "maps", title="Hidden maps", section=_SECTION, shape=(len(rows), len(shown) + 1),
        caption="Charge on the cathode in the last shot; the scale of a row is that of its truth. First seed.",
        size=(1.75 * (len(shown) + 1), 1.95 * len(rows)),
    ) as d:  # fmt: skip
        row, column = np.indices(next(iter(next(iter(rows.values())).values())).shape).reshape(2, -1)
        table = {"row": row, "column": column}
        for axes, (name, maps) in zip(d.axes, rows.items(), strict=True):
            top = float(maps["truth"].max())
            for ax, (method, each) in zip(axes, maps.items(), strict=True):
                ax.imshow(each.numpy(), origin="lower", cmap="magma", vmin=0, vmax=top)
                ax.set(xticks=[], yticks=[])
                ax.set_xlabel(method.replace(", ", ",\n").replace("latent +", "latent +\n"), fontsize=7)
                table[f"{name}: {method}"] = each.flatten().numpy()
            axes[0].set_ylabel(name.replace(", ", ",\n"), fontsize=7)
        d.table = table


def _with_most_calls(traces: Mapping[Mode, Sequence[Trace]], names: Sequence[str]) -> dict[str, Trace]:
    best: dict[str, Mode] = {}
    for mode in sorted(traces, key=lambda mode: mode.feedback.calls):
        best[mode.name] = mode
    return {name: traces[best[name]][0] for name in names if name in best}


def _is(result: Result, method: str, history: str) -> bool:
    return result.labels["method"] == method and result.labels["history"] == history


def _running(values: np.ndarray) -> np.ndarray:
    width = min(_WIDTH, max(len(values) // 3, 1))
    return np.convolve(values, np.full(width, 1 / width), mode="valid")
