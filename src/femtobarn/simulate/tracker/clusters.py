"""From crossings of sensors to channels that fire, to clusters of them, to measured positions."""

from functools import cache
from math import sqrt
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Int, UInt64

from femtobarn.compiled import njit
from femtobarn.simulate.tracker.draws import normal
from femtobarn.simulate.tracker.geometry import layers, modules

THRESHOLD, NOISE = 2e-4, 0.1  #: least charge of a pixel; relative noise of its charge (1 a mm of track)
_MOST_CELLS = 4096  # of one crossing


class Clusters(NamedTuple):
    """Groups of neighbouring channels, each a hit; `crossing` is the one that gave it the most charge."""

    crossing: Int[np.ndarray, "cluster"]
    local: Float[np.ndarray, "cluster 2"]  # measured u and v, mm
    offset: Int[np.ndarray, "cluster+1"]  # in the two below
    channel: Int[np.ndarray, "cell 2"]
    value: Float[np.ndarray, "cell"]


class Readout(NamedTuple):
    """What the channels of each layer see; see `Sensor`."""

    pitch: Float[np.ndarray, "layer 2"]
    half: Float[np.ndarray, "layer 2"]  # mm from the middle to the edge of the first channel
    channels: Int[np.ndarray, "layer 2"]
    depth: Float[np.ndarray, "layer"]
    drift: Float[np.ndarray, "layer"]  # tangent, with the sign of the face that is read
    digital: Int[np.ndarray, "layer"]


def clusters(
    module: Int[np.ndarray, "crossing"],
    group: Int[np.ndarray, "crossing"],
    local: Float[np.ndarray, "crossing 4"],
    keys: UInt64[np.ndarray, "crossing"],
) -> Clusters:
    """Clusters of crossings that are sorted by `group`, a number for each module of each event.

    A crossing is a straight piece of track from face to face. Charge drifts along u under the Lorentz angle to the
    face that is read and is shared among the channels by the way in each. Channels with a common edge or corner are
    one cluster, whoever crossed them. The measured position is the centre of charge, moved back by the drift over the
    whole depth, as in the challenge, where it is thus half that away from the truth on average.
    """
    offset, channel, value = _cells(module, local, keys, modules().of_layer, readout())
    if len(module) == 0:
        return Clusters(np.empty(0, np.int64), np.empty((0, 2)), offset, channel, value)
    owner = _merged(group, offset, channel)
    return Clusters(*_collected(owner, module, offset, channel, value, modules().of_layer, readout()))


@cache
def readout() -> Readout:
    """Of all layers."""
    sensors = [layer.sensor for layer in layers()]
    widest = [max(max(ring.half[:2]) for ring in layer.rings) for layer in layers()]
    half = np.array([(width, layer.rings[0].half[2]) for width, layer in zip(widest, layers(), strict=True)])
    pitch = np.array([sensor.pitch for sensor in sensors])
    return Readout(
        pitch,
        half,
        np.ceil(2 * half / pitch - 1e-9).astype(np.int64),
        np.array([sensor.depth for sensor in sensors]),
        np.array([sensor.drift * sensor.readout for sensor in sensors]),
        np.array([sensor.digital for sensor in sensors], np.int64),
    )


@njit(cache=True, nogil=True)
@no_type_check
def _cells(module, local, keys, layer_of, readout):
    n = len(module)
    offset = np.zeros(n + 1, np.int64)
    channel, value, cells = np.empty((4 * n + 64, 2), np.int64), np.empty(4 * n + 64), 0
    for i in range(n):
        layer = layer_of[module[i]]
        depth, drift, digital = readout.depth[layer], readout.drift[layer], readout.digital[layer]
        u, v, tu, tv = local[i]
        path = depth * sqrt(1.0 + tu * tu + tv * tv)
        # Ends of the track at w = -depth/2 and +depth/2 as the channels see them.
        low = u - tu * depth / 2.0 + max(-drift, 0.0) * depth
        high = u + tu * depth / 2.0 - max(drift, 0.0) * depth
        pu, pv = readout.pitch[layer, 0], readout.pitch[layer, 1]
        a, b = (low + readout.half[layer, 0]) / pu, (v - tv * depth / 2.0 + readout.half[layer, 1]) / pv
        da = (high + readout.half[layer, 0]) / pu - a
        db = (v + tv * depth / 2.0 + readout.half[layer, 1]) / pv - b
        nu, nv = readout.channels[layer, 0], readout.channels[layer, 1]
        ca, cb = int(np.floor(a)), int(np.floor(b))
        way = 0.0
        for step in range(_MOST_CELLS):
            next_a = ((ca + (da > 0.0)) - a) / da if da != 0.0 else 2.0
            next_b = ((cb + (db > 0.0)) - b) / db if db != 0.0 else 2.0
            end = min(next_a, next_b, 1.0)
            if 0 <= ca < nu and 0 <= cb < nv:
                charge = 1.0
                if digital == 0:
                    charge = (end - way) * path * (1.0 + NOISE * normal(keys[i], 2 * step))
                elif end - way < 1e-9:
                    charge = 0.0
                if charge > THRESHOLD:
                    if cells == len(value):
                        wider, more = np.empty((2 * cells, 2), np.int64), np.empty(2 * cells)
                        wider[:cells], more[:cells] = channel, value
                        channel, value = wider, more
                    channel[cells, 0], channel[cells, 1], value[cells] = ca, cb, charge
                    cells += 1
            way = end
            if end >= 1.0:
                break
            if next_a <= next_b:
                ca += 1 if da > 0.0 else -1
            else:
                cb += 1 if db > 0.0 else -1
        offset[i + 1] = cells
    return offset, channel[:cells].copy(), value[:cells].copy()


@njit
@no_type_check
def _touch(channel, begin, end, other_begin, other_end):
    for i in range(begin, end):
        for j in range(other_begin, other_end):
            if abs(channel[i, 0] - channel[j, 0]) <= 1 and abs(channel[i, 1] - channel[j, 1]) <= 1:
                return True
    return False


@njit(cache=True, nogil=True)
@no_type_check
def _merged(group, offset, channel):
    """The first crossing of the cluster that each crossing is in."""
    n = len(group)
    owner = np.arange(n)
    box = np.empty((n, 4), np.int64)
    for i in range(n):
        for j in range(2):
            box[i, j], box[i, 2 + j] = 1 << 40, -(1 << 40)
            for c in range(offset[i], offset[i + 1]):
                box[i, j] = min(box[i, j], channel[c, j] - 1)
                box[i, 2 + j] = max(box[i, 2 + j], channel[c, j] + 1)
    first = 0
    for i in range(n):
        if group[i] != group[first]:
            first = i
        for j in range(first, i):
            apart = box[i, 2] - 1 < box[j, 0] or box[j, 2] < box[i, 0] + 1
            if apart or box[i, 3] - 1 < box[j, 1] or box[j, 3] < box[i, 1] + 1:
                continue
            if _touch(channel, offset[i], offset[i + 1], offset[j], offset[j + 1]):
                one, two = owner[i], owner[j]
                if one != two:
                    for m in range(first, i + 1):
                        if owner[m] == max(one, two):
                            owner[m] = min(one, two)
    return owner


@njit(cache=True, nogil=True)
@no_type_check
def _collected(owner, module, offset, channel, value, layer_of, readout):
    """Cells, position and main crossing of each cluster; crossings without a cell are lost."""
    n = len(owner)
    order = np.argsort(owner, kind="mergesort")
    crossing, local = np.empty(n, np.int64), np.empty((n, 2))
    out_offset = np.zeros(n + 1, np.int64)
    out_channel, out_value = np.empty_like(channel), np.empty_like(value)
    hits, cells, i = 0, 0, 0
    while i < n:
        j = i
        begin, most, best = cells, 0.0, -1
        while j < n and owner[order[j]] == owner[order[i]]:
            member, total = order[j], 0.0
            for c in range(offset[member], offset[member + 1]):
                total += value[c]
                place = cells
                if j > i:
                    for d in range(begin, cells):
                        if out_channel[d, 0] == channel[c, 0] and out_channel[d, 1] == channel[c, 1]:
                            place = d
                            break
                if place == cells:
                    out_channel[cells, 0], out_channel[cells, 1] = channel[c, 0], channel[c, 1]
                    out_value[cells] = 0.0
                    cells += 1
                out_value[place] += value[c]
            if total > most:
                most, best = total, member
            j += 1
        i = j
        if cells == begin:
            continue
        layer = layer_of[module[best]]
        su, sv, total = 0.0, 0.0, 0.0
        for c in range(begin, cells):
            if readout.digital[layer] == 1:
                out_value[c] = 1.0
            su += out_value[c] * (out_channel[c, 0] + 0.5)
            sv += out_value[c] * (out_channel[c, 1] + 0.5)
            total += out_value[c]
        local[hits, 0] = su / total * readout.pitch[layer, 0] - readout.half[layer, 0]
        local[hits, 0] += readout.drift[layer] * readout.depth[layer]
        local[hits, 1] = sv / total * readout.pitch[layer, 1] - readout.half[layer, 1]
        crossing[hits] = best
        hits += 1
        out_offset[hits] = cells
    return crossing[:hits], local[:hits], out_offset[: hits + 1], out_channel[:cells], out_value[:cells]
