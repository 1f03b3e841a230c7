"""Photographs of hexagonal silicon sensors under a scanning microscope, with scratches, dust and stains.

All lengths are millimetres on the sensor. A sensor of the CMS high-granularity calorimeter is 166.6 mm from flat to
flat and its pads are 11.8 mm wide, so that a photograph shows one to three pads and no honeycomb. The same scan
position of two sensors shows the same pattern, up to the precision of the stage.

The surface is ours: a number obtained on it must not be set beside one obtained on photographs.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args, no_type_check

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64

from femtobarn.compiled import njit
from femtobarn.errors import InputError, check_known

Defect = Literal["scratch", "dust", "stain", "fibre", "missing metal"]
DEFECTS: tuple[str, ...] = get_args(Defect)
#: Range of the contrast of each defect, on the scale of the image (0 to 1).
CONTRAST: dict[str, dict[str, tuple[float, float]]] = {
    "strong": {
        "scratch": (0.15, 0.40),
        "dust": (0.20, 0.50),
        "stain": (0.10, 0.25),
        "fibre": (0.15, 0.40),
        "missing metal": (0.20, 0.35),
    },
    "weak": {
        "scratch": (0.06, 0.25),
        "dust": (0.10, 0.35),
        "stain": (0.04, 0.12),
        "fibre": (0.06, 0.25),
        "missing metal": (0.08, 0.20),
    },
}
_DUST_RADIUS = {"strong": (0.020, 0.060), "weak": (0.012, 0.040)}
_ATTEMPTS = 200  # to place a defect on the sensor
Profile = Callable[[np.ndarray, np.ndarray], np.ndarray]  #: of the coordinates in the image, mm


@dataclass(frozen=True)
class Layout:
    """What is printed on a sensor."""

    width: float = 166.6
    """Flat to flat, mm."""
    pitch: float = 11.8
    """Pitch of the pads, mm: 11.8 with 198 of them, 7.7 with 432."""
    gap: float = 0.060
    """Between two pads, mm."""


@dataclass(frozen=True)
class Camera:
    """Geometry and imperfections of a photograph."""

    rows: int = 680
    """Pixels."""
    columns: int = 960
    """Pixels."""
    pixel: float = 0.010
    """Side of a pixel, mm; 0.0025 for the 2720 x 3840 pixels of the real one."""
    jitter: float = 0.020
    """Largest shift of the stage along either axis, mm."""
    rotation: float = 0.15
    """Largest rotation, degrees."""
    illumination: float = 0.12
    """Strength of four blobs of light and shade, relative."""
    reflectivity: float = 0.0
    """Largest change of the reflectivity of the metal from sensor to sensor, relative."""
    mottle: float = 0.03
    """Relative."""
    blur: float = 0.7
    """Standard deviation, pixels."""
    noise: float = 0.012
    """Standard deviation at full brightness; it falls with the root of the brightness."""

    def __post_init__(self) -> None:
        if min(self.rows, self.columns) < 16 or self.pixel <= 0 or min(self.jitter, self.rotation) < 0:
            raise InputError(f"expected 16 pixels or more of some size and a jitter of 0 or more: got {self}")


class Photograph(NamedTuple):
    """An image and what is true of each of its pixels."""

    image: Float32[np.ndarray, "row column"]
    """Brightness from 0 to 1."""
    defect: Bool[np.ndarray, "row column"]
    on_sensor: Bool[np.ndarray, "row column"]


def scan_positions(camera: Camera, layout: Layout | None = None) -> Float64[np.ndarray, "position xy"]:
    """Centres of the photographs of a scan, mm from the centre of the sensor, row by row.

    The fields touch each other; those with a centre on the sensor belong to the scan.
    """
    layout = layout or Layout()
    step = camera.pixel * np.array([camera.columns, camera.rows])
    count = np.ceil(layout.width / math.sqrt(3) / step).astype(int)
    x, y = (np.arange(-n, n + 1) * s for n, s in zip(count, step, strict=True))
    centres = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    kept: np.ndarray = centres[inside(centres, layout.width) > 0]
    return kept


def inside(points: Float[np.ndarray, "_ 2"], width: float) -> Float64[np.ndarray, "_"]:
    """Distance of points from the edge of a hexagon around the origin, two sides of which are horizontal; mm."""
    angle = np.pi / 6 + np.arange(3) * np.pi / 3
    normal = np.stack((np.cos(angle), np.sin(angle)))
    away: np.ndarray = width / 2 - np.abs(points @ normal).max(axis=-1)
    return away


def photograph(
    position: Float[np.ndarray, "2"],
    *,
    generator: np.random.Generator,
    camera: Camera | None = None,
    layout: Layout | None = None,
    defect: str | None = None,
    level: str = "strong",
    reflectivity: float = 1.0,
) -> Photograph:
    """One photograph of a sensor at a scan position.

    Args:
        position: Nominal centre of the field, mm from the centre of the sensor.
        generator: The only source of randomness.
        camera, layout: See there.
        defect: One of `DEFECTS`; none for a clean sensor.
        level: "strong" or "weak": range of the contrast, see `CONTRAST`.
        reflectivity: Of the metal of this sensor, relative to the usual one.

    Raises:
        InputError: An unknown defect or level, or a defect where there is no sensor.
    """
    camera, layout = camera or Camera(), layout or Layout()
    centre = np.asarray(position, float) + generator.uniform(-camera.jitter, camera.jitter, 2)
    angle = math.radians(generator.uniform(-camera.rotation, camera.rotation))
    image, edge = _surface(
        camera.rows, camera.columns, camera.pixel, *centre, angle, layout.width, layout.pitch, layout.gap
    )
    on_sensor = edge > 0
    image = np.where(edge > _BORDER, np.float32(reflectivity), np.float32(1)) * image
    mask = np.zeros(image.shape, bool)
    if defect is not None:
        _check(defect, level)
        mask = _spoil(image, on_sensor, defect, level, camera.pixel, generator)
    image *= _light(camera, generator)
    return Photograph(_exposed(image, camera, generator), mask, on_sensor)


def _check(defect: str, level: str) -> None:
    check_known("level", [level], CONTRAST)
    check_known("defect", [defect], DEFECTS)


_BORDER = 1.5  # mm from the edge of the sensor to the pads
_GUARDS = (0.50, 0.68, 0.86, 1.04)  # lines, mm from the edge
_OFF, _RIM, _METAL, _GAP = 0.12, 0.30, 0.55, 0.18  # brightness


@no_type_check
@njit(cache=True, nogil=True)
def _step(distance, width):
    """From 0 to 1 where the distance passes zero."""
    return min(max(0.5 + distance / width, 0.0), 1.0)


@no_type_check
@njit(cache=True, nogil=True)
def _surface(rows, columns, pixel, x0, y0, angle, width, pitch, gap):
    """Brightness of each pixel, and its distance from the edge of the sensor (negative outside), mm."""
    image = np.empty((rows, columns), np.float32)
    edge = np.empty((rows, columns), np.float32)
    cosine, sine, third = math.cos(angle), math.sin(angle), math.sqrt(3.0)
    for row in range(rows):
        v = (row - (rows - 1) / 2) * pixel
        for column in range(columns):
            u = (column - (columns - 1) / 2) * pixel
            x, y = x0 + cosine * u - sine * v, y0 + sine * u + cosine * v
            away = width / 2 - max(abs(y), max(abs(third / 2 * x + y / 2), abs(third / 2 * x - y / 2)))
            edge[row, column] = away
            if away < _BORDER:
                value = _OFF + (_RIM - _OFF) * _step(away, pixel)
                for guard in _GUARDS:
                    value += 0.3 * _step(0.03 - abs(away - guard), pixel)
            else:
                value = _pad(x, y, pitch, gap, pixel)
            image[row, column] = value
    return image, edge


@no_type_check
@njit(cache=True, nogil=True)
def _pad(x, y, pitch, gap, pixel):
    """Brightness of a point of the lattice of pads: metal, gap, a line along the edge, two dots, bars of its number."""
    third = math.sqrt(3.0)
    # Cube rounding: the nearest centre of a lattice of hexagons with the corners up.
    q, r = (x - y / third) / pitch, 2 * y / third / pitch
    s = -q - r
    a, b, c = round(q), round(r), round(s)
    if abs(a - q) > max(abs(b - r), abs(c - s)):
        a = -b - c
    elif abs(b - r) > abs(c - s):
        b = -a - c
    x, y = x - pitch * (a + b / 2), y - pitch * third / 2 * b
    away = pitch / 2 - max(abs(x), max(abs(x / 2 + third / 2 * y), abs(x / 2 - third / 2 * y)))
    value = _GAP + (_METAL - _GAP) * _step(away - gap / 2, pixel)
    value += 0.15 * _step(0.02 - abs(away - 0.35), pixel)
    for side in (-1.0, 1.0):
        value -= 0.4 * _step(0.12 - math.hypot(x - 3.1 * side, y + 2.0 * side), pixel)
    number = (int(a) * 31 + int(b) * 17) % 256
    for bit in range(8):
        if (number >> bit) & 1:
            beside = 0.08 - abs(x - (bit - 3.5) * 0.35)
            value += 0.2 * _step(min(beside, 0.3 - abs(y - 2.5)), pixel)
    return value


def _light(camera: Camera, generator: np.random.Generator) -> Float32[np.ndarray, "row column"]:
    """Illumination and mottle; both are smooth, so they are drawn on a coarse grid."""
    from scipy.ndimage import gaussian_filter, zoom

    coarse = 8
    shape = -(-camera.rows // coarse) + 1, -(-camera.columns // coarse) + 1
    v, u = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    light = np.ones(shape)
    for _ in range(4):
        (a, b), size = generator.uniform(-1, 1, 2), generator.uniform(0.4, 1.0)
        strength = generator.uniform(-camera.illumination, camera.illumination)
        light += strength * np.exp(-((u - a) ** 2 + (v - b) ** 2) / (2 * size**2))
    grain = gaussian_filter(generator.standard_normal(shape), 1.5)
    light *= 1 + camera.mottle * grain / max(float(grain.std()), 1e-12)
    fine = zoom(light.astype(np.float32), coarse, order=1)
    return np.ascontiguousarray(fine[: camera.rows, : camera.columns])


def _exposed(
    image: Float32[np.ndarray, "row column"], camera: Camera, generator: np.random.Generator
) -> Float32[np.ndarray, "row column"]:
    """Blurred, with the noise of the light."""
    from scipy.ndimage import gaussian_filter

    blurred = gaussian_filter(image, camera.blur) if camera.blur else image
    spread = camera.noise * np.sqrt(np.maximum(blurred, 0))
    noisy = blurred + spread * generator.standard_normal(image.shape, np.float32)
    return np.clip(noisy, 0, 1).astype(np.float32)


def _spoil(
    image: Float32[np.ndarray, "row column"],
    on_sensor: Bool[np.ndarray, "row column"],
    defect: str,
    level: str,
    pixel: float,
    generator: np.random.Generator,
) -> Bool[np.ndarray, "row column"]:
    """Draw a defect into the image, in place; where it is."""
    rows, columns = image.shape
    v, u = (np.arange(n)[:, None] * pixel for n in (rows, columns))
    contrast = generator.uniform(*CONTRAST[level][defect])
    sign = -1.0 if defect == "missing metal" else float(generator.choice([-1.0, 1.0]))
    for _ in range(_ATTEMPTS):
        centre = generator.uniform(0, (columns * pixel, rows * pixel))
        place = int(centre[1] / pixel), int(centre[0] / pixel)
        if on_sensor[place]:
            break
    else:
        raise InputError("expected a position with a sensor under it for a defect, got one beside it")
    profile = _profile(defect, level, centre, pixel, generator)(u.T, v).astype(np.float32)
    mask: np.ndarray = profile > 0.3
    image += np.float32(sign * contrast) * profile
    return mask


def _profile(
    defect: str, level: str, centre: np.ndarray, pixel: float, generator: np.random.Generator
) -> Profile:
    """How much of the contrast a defect has at each point."""
    match defect:
        case "scratch":
            return _line(_scratch(centre, generator), generator.uniform(0.010, 0.040), pixel)
        case "fibre":
            return _line(_fibre(centre, generator), generator.uniform(0.010, 0.025), pixel)
        case "dust":
            return _blob(centre, generator.uniform(*_DUST_RADIUS[level]), pixel)
        case "stain":
            return _ring(centre, generator.uniform(0.1, 0.75), generator.uniform(0.15, 0.35))
        case _:
            return _polygon(centre, pixel, generator)


def _line(points: np.ndarray, width: float, pixel: float) -> Profile:
    """A line through the points."""

    def profile(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        away = np.full(np.broadcast_shapes(u.shape, v.shape), np.inf, np.float32)
        for (x, y), (dx, dy) in zip(points[:-1], np.diff(points, axis=0), strict=True):
            low, high = np.minimum((x, y), (x + dx, y + dy)), np.maximum((x, y), (x + dx, y + dy))
            reach = width + 2 * pixel
            rows = slice(*np.searchsorted(v[:, 0], (low[1] - reach, high[1] + reach)))
            columns = slice(*np.searchsorted(u[0], (low[0] - reach, high[0] + reach)))
            a, b = u[:, columns] - x, v[rows] - y
            along = np.clip((a * dx + b * dy) / max(dx * dx + dy * dy, 1e-12), 0, 1)
            away[rows, columns] = np.minimum(away[rows, columns], np.hypot(a - along * dx, b - along * dy))
        return np.clip(0.5 + (width / 2 - away) / pixel, 0, 1)

    return profile


def _scratch(centre: np.ndarray, generator: np.random.Generator) -> Float64[np.ndarray, "point xy"]:
    """Four straight pieces that hardly turn; 0.2 to 4 mm long."""
    length = math.exp(generator.uniform(math.log(0.2), math.log(4.0)))
    return _path(centre, generator.uniform(0, 2 * math.pi) + np.cumsum(generator.normal(0, 0.15, 4)), length)


def _fibre(centre: np.ndarray, generator: np.random.Generator) -> Float64[np.ndarray, "point xy"]:
    """A smooth curve; 1 to 4 mm long."""
    turns = generator.uniform(0, 2 * math.pi) + np.linspace(0, generator.uniform(-3, 3), 24)
    return _path(centre, turns, generator.uniform(1.0, 4.0))


def _path(centre: np.ndarray, turns: np.ndarray, length: float) -> Float64[np.ndarray, "point xy"]:
    steps = length / len(turns) * np.stack((np.cos(turns), np.sin(turns)), axis=1)
    points = np.concatenate((np.zeros((1, 2)), np.cumsum(steps, axis=0)))
    return centre + points - points[len(points) // 2]


def _blob(centre: np.ndarray, radius: float, pixel: float) -> Profile:
    """A disk with a soft rim."""
    return lambda u, v: np.clip(0.5 + (radius - np.hypot(u - centre[0], v - centre[1])) / (2 * pixel), 0, 1)


def _ring(centre: np.ndarray, radius: float, width: float) -> Profile:
    """A soft ring; its width is relative to its radius."""

    def profile(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        away = (np.hypot(u - centre[0], v - centre[1]) / radius - 1) / width
        ring: np.ndarray = np.exp(-0.5 * away**2)
        return ring

    return profile


def _polygon(centre: np.ndarray, pixel: float, generator: np.random.Generator) -> Profile:
    """Seven corners at random, 0.03 to 0.4 mm from the centre."""
    angle = np.sort(generator.uniform(0, 2 * math.pi, 7))
    reach = generator.uniform(0.05, 0.4) * generator.uniform(0.6, 1.0, 7)

    def profile(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        a, b = u - centre[0], v - centre[1]
        rim = np.interp(np.arctan2(b, a) % (2 * math.pi), angle, reach, period=2 * math.pi)
        return np.clip(0.5 + (rim - np.hypot(a, b)) / pixel, 0, 1)

    return profile
