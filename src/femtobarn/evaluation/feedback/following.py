"""A trained network follows machines shot by shot: what is measured, what is hidden, and what tuning costs."""

import copy
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from femtobarn.engine.feedback import Cost, Feedback, State, no_feedback, tune
from femtobarn.nn import MapInverse
from femtobarn.simulate.beam_histories import BeamHistory
from femtobarn.simulate.beam_line import BeamLine, screen_image

LENS_UNIT, CHARGE_UNIT = 0.03, 1000.0  # what the calibration may be off by: share of the field, fC
_CALIBRATION_PRIOR = 0.03  # added to the cost, times the square of the calibration in these units
_RETRAIN = (50, 25, 1e-3)  # shots from one to the next, steps, learning rate


class Mode(NamedTuple):
    """One way to follow a machine."""

    name: str
    feedback: Feedback
    frozen: bool = False
    """The code is that of the first shot: afterwards only the cost is measured."""
    joint: bool = False
    """Tune the error of the field and the charge of the forward model, too, which are known to some units."""
    network: str = ""
    """Which of several trained networks; its name is up to the caller."""
    pixels: bool = False
    """Tune every pixel of the map, from what the network says, anew in each shot."""
    retrained: bool = False
    """Train the network on the screens of the last shots, through the forward model, again and again."""

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {"method": self.name, "calls": str(self.feedback.calls)}


class Trace(NamedTuple):
    """Each shot of each history."""

    screen: np.ndarray
    """(shot, history): sum |expected - measured| / sum measured."""
    hidden: np.ndarray
    """(shot, history): sum |map - truth|; NaN where the truth is not known."""
    size: np.ndarray
    """(shot, history): length of the vector that was tuned."""
    last: Tensor
    """(history, row, column): map of the last shot."""
    calibration: Tensor
    """(history, 2): relative error of the field and charge in fC, after the last shot; zeros unless tuned."""


def followed(
    model: MapInverse,
    histories: Sequence[BeamHistory],
    mode: Mode,
    line: BeamLine,
    *,
    seed: int,
    guard: int = 50,
) -> Trace:
    """Follow some histories of equal length, each a machine of its own.

    Args:
        model: The trained network.
        histories: What was measured.
        mode: How to follow.
        line: The beam line as the forward model knows it: without charge.
        seed: Of a random search.
        guard: Shots after which the vector is compared with none on the same shot and dropped if it is worse.
    """
    if len(histories) > 1 and (mode.retrained or mode.feedback.method == "simplex"):
        return _together([followed(model, [each], mode, line, seed=seed, guard=guard) for each in histories])
    follower = Follower(
        copy.deepcopy(model) if mode.retrained else model, mode, line, len(histories), seed=seed
    )
    screens = torch.stack([each.screen for each in histories], dim=1)
    fields = torch.stack([each.field for each in histories], dim=1)
    found = []
    for shot, (screen, field) in enumerate(zip(screens, fields, strict=True)):
        if guard and shot and not shot % guard and not mode.pixels:
            follower.compare(screen, field)
        found.append(follower.follow(screen, field))
        if mode.retrained and shot and not shot % _RETRAIN[0]:
            recent = slice(shot - _RETRAIN[0], shot, 2)
            _retrain(follower.model, screens[recent, 0], fields[recent, 0], line)
    maps, errors, vectors = (torch.stack(each) for each in zip(*found, strict=True))
    truths = [
        each.truth if each.truth is not None else torch.full_like(maps[:, 0], torch.nan) for each in histories
    ]
    hidden = (maps - torch.stack(truths, dim=1)).abs().sum(dim=(2, 3))
    calibration = torch.zeros(len(histories), 2)
    if mode.joint:
        calibration = torch.stack(follower.calibration(follower.state.position), dim=1)
    return Trace(errors.numpy(), hidden.numpy(), vectors.norm(dim=2).numpy(), maps[-1], calibration)


class Follower:
    """A network and the vector that keeps it true, for some machines at a time.

    Args:
        model: The trained network.
        mode: How to follow.
        line: The beam line.
        machines: How many are followed side by side.
        seed: Of a random search.
    """

    def __init__(self, model: MapInverse, mode: Mode, line: BeamLine, machines: int, *, seed: int) -> None:
        self.model, self.mode, self.line = model, mode, line
        self.spread = model.spread.cpu()  # vectors stay there, wherever the model computes
        self.codes = len(self.spread)
        self.state = no_feedback(machines, self.codes + 2 * mode.joint)
        self.generator = torch.Generator().manual_seed(seed)
        self.frozen: Tensor | None = None

    def follow(self, screen: Tensor, field: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps, screen errors and vectors of one shot of every machine."""
        decode, forward, state = self._models(screen, field)
        cost = self._cost(screen, decode, forward)
        state, best, _ = tune(cost, state, self.mode.feedback, generator=self.generator)
        if not self.mode.pixels:
            self.state = state
        with torch.no_grad():
            maps = decode(best)
            error = (forward(maps, best) - screen).abs().sum(dim=(1, 2)) / screen.abs().sum(dim=(1, 2))
        return maps, error, best

    def compare(self, screen: Tensor, field: Tensor) -> None:
        """Drop the vector of each machine that is worse than none."""
        decode, forward, _ = self._models(screen, field)
        cost = self._cost(screen, decode, forward)
        with torch.no_grad():
            worse = (cost(self.state.position) > cost(torch.zeros_like(self.state.position)))[:, None]
        position, calls, *means = self.state
        self.state = State(
            position.masked_fill(worse, 0.0), calls, *(each.masked_fill(worse, 0.0) for each in means)
        )

    def calibration(self, vector: Tensor) -> tuple[Tensor, Tensor]:
        """Relative error of the field, and charge in fC."""
        return LENS_UNIT * vector[:, self.codes], CHARGE_UNIT * vector[:, self.codes + 1]

    def _models(
        self, screen: Tensor, field: Tensor
    ) -> tuple[Cost, Callable[[Tensor, Tensor], Tensor], State]:
        """From vectors to maps, from maps and vectors to screens, and the state to start from."""
        read = field * (1 + self.calibration(self.state.position)[0]) if self.mode.joint else field
        with torch.no_grad():
            code = self.model.encode(screen, read[:, None]) if self.frozen is None else self.frozen
        if self.mode.frozen:
            self.frozen = code
        if self.mode.pixels:
            with torch.no_grad():
                logits = self.model.logits(code)

            def pixelwise(vector: Tensor) -> Tensor:
                return (logits.flatten(1) + vector).softmax(dim=1).view_as(logits)

            return pixelwise, self._forward(field), no_feedback(len(logits), logits[0].numel())

        def decoded(vector: Tensor) -> Tensor:
            return self.model.decode(code + vector[:, : self.codes] * self.spread)

        return decoded, self._forward(field), self.state

    def _forward(self, field: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
        def forward(maps: Tensor, vector: Tensor) -> Tensor:
            if not self.mode.joint:
                return screen_image(maps, field, self.line)
            error, charge = self.calibration(vector)
            return screen_image(maps, field * (1 + error), self.line, charge=charge)

        return forward

    def _cost(self, screen: Tensor, decode: Cost, forward: Callable[[Tensor, Tensor], Tensor]) -> Cost:
        total = screen.abs().sum(dim=(1, 2))

        def cost(vector: Tensor) -> Tensor:
            error = (forward(decode(vector), vector) - screen).abs().sum(dim=(1, 2)) / total
            if not self.mode.joint:
                return error
            return error + _CALIBRATION_PRIOR * vector[:, self.codes :].square().sum(dim=1)

        return cost


def _retrain(model: MapInverse, screens: Tensor, fields: Tensor, line: BeamLine) -> None:
    """Train all weights so that the maps of recent shots explain their screens; no truth is needed."""
    optimizer = torch.optim.Adam(model.parameters(), lr=_RETRAIN[2])
    for _ in range(_RETRAIN[1]):
        loss = F.l1_loss(
            screen_image(model(screens, fields[:, None]), fields, line), screens, reduction="sum"
        )
        optimizer.zero_grad()
        torch.autograd.backward(loss / screens.sum())
        optimizer.step()


def _together(traces: Sequence[Trace]) -> Trace:
    screen, hidden, size = (
        np.concatenate(each, axis=1) for each in zip(*(t[:3] for t in traces), strict=True)
    )
    last, calibration = (torch.cat(each) for each in zip(*(t[3:] for t in traces), strict=True))
    return Trace(screen, hidden, size, last, calibration)
