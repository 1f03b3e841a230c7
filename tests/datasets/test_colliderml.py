"""ColliderML files in exactly the published types, as hits, cells and truth."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap_files import colliderml_rows, some_hits
from femtobarn.datasets import colliderml
from femtobarn.datasets.hgcalml import HitEvents, of_endcap
from femtobarn.errors import InputError
from femtobarn.metrics.tracking import TrackingPerformance, selected

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
NONE = 2**64 - 1  # of hits without a particle


def write(path: Path, kind: str, rows: list[dict[str, Any]]) -> Path:
    """Events in the types of the published files."""
    real, wide = arrow.list_(arrow.float32()), arrow.list_(arrow.uint64())
    whole = {
        "pdg_id": arrow.int64(),
        "volume_id": arrow.uint8(),
        "layer_id": arrow.uint16(),
        "surface_id": arrow.uint32(),
    }
    types = {
        name: wide if name == "particle_id" else arrow.list_(whole[name]) if name in whole else real
        for name in colliderml.COLUMNS[kind]
    }
    if kind == "calo_hits":
        types["detector"] = arrow.list_(arrow.uint8())
        for name in colliderml._CONTRIBUTIONS:
            types[name] = arrow.list_(wide if name == "contrib_particle_ids" else real)
    schema = arrow.schema({"event_id": arrow.uint32(), **types})
    parquet.write_table(arrow.Table.from_pylist(rows, schema=schema), path, row_group_size=2)
    return path


def event(number: int, tracks: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Straight tracks of six hits each, and one hit of noise."""
    draw = np.random.default_rng(number)
    identifier = [2**63 + 7 * i for i in range(tracks)]
    direction = draw.normal(size=(tracks, 3))
    way = np.arange(1, 7)[:, None, None] * 30 * direction
    place = np.concatenate((way.transpose(1, 0, 2).reshape(-1, 3), [[1.0, 2.0, 3.0]]))
    hits: dict[str, Any] = {"event_id": number}
    for i, axis in enumerate("xyz"):
        hits[axis] = hits[f"true_{axis}"] = place[:, i].tolist()
    count = len(place)
    hits |= {"particle_id": [*np.repeat(np.array(identifier, object), 6), NONE], "volume_id": [16] * count}
    hits |= {"layer_id": [2] * count, "surface_id": list(range(count))}
    particles: dict[str, Any] = {"event_id": number, "particle_id": identifier, "pdg_id": [211] * tracks}
    particles |= {"charge": [1.0] * tracks} | {f"v{axis}": [0.0] * tracks for axis in "xyz"}
    particles |= {f"p{axis}": direction[:, i].tolist() for i, axis in enumerate("xyz")}
    return hits, particles


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    rows = [event(number, tracks) for number, tracks in ((90_000, 4), (90_001, 0), (90_002, 3))]
    hits, particles = ([each[i] for each in rows] for i in (0, 1))
    return write(tmp_path / "h.parquet", "tracker_hits", hits), write(
        tmp_path / "p.parquet", "particles", particles
    )


def test_hits_know_their_particles(files: tuple[Path, Path]) -> None:
    hits = colliderml.tracker_hits(*files)
    assert hits.truth is not None
    assert hits.particles is not None
    np.testing.assert_array_equal(np.diff(hits.offset), [25, 1, 19])
    np.testing.assert_array_equal(hits.truth.particle[:25], [*np.repeat(np.arange(4), 6), -1])
    np.testing.assert_array_equal(hits.event(2).truth.particle, [*np.repeat(np.arange(3), 6), -1])  # type: ignore[union-attr]
    assert hits.particles.barcode.view(np.uint64)[1] == 2**63 + 7, "64 bits, not rounded"
    sums = [hits.event(i).truth.weight.sum() for i in range(3)]  # type: ignore[union-attr]
    np.testing.assert_allclose(sums, [1, 0, 1])


def test_perfect_labels_find_all(files: tuple[Path, Path]) -> None:
    hits = colliderml.tracker_hits(*files).event(0)
    assert hits.truth is not None
    found = TrackingPerformance().update(hits, hits.truth.particle, selected(hits, pt=0.0, eta=9.0))
    assert found.efficiency("perfect").value == 1.0
    assert found.score()[0] == pytest.approx(1.0)


def test_events_are_the_same_alone_and_among_others(files: tuple[Path, Path]) -> None:
    every = colliderml.tracker_hits(*files)
    assert colliderml.events(files[0]) == 3
    for i in range(3):
        alone = colliderml.tracker_hits(*files, start=i, stop=i + 1)
        np.testing.assert_array_equal(alone.position, every.event(i).position)
        np.testing.assert_array_equal(alone.truth.particle, every.event(i).truth.particle)  # type: ignore[union-attr]


def test_files_that_do_not_fit_are_told(files: tuple[Path, Path], tmp_path: Path) -> None:
    others = write(tmp_path / "o.parquet", "particles", [event(n, 1)[1] for n in (1, 2, 3)])
    with pytest.raises(InputError, match="same events"):
        colliderml.tracker_hits(files[0], others)
    with pytest.raises(InputError, match="no column"):
        colliderml.tracker_hits(files[1])
    hits = event(1, 2)[0]
    uneven = write(tmp_path / "u.parquet", "tracker_hits", [hits | {"y": [0.0]}])
    with pytest.raises(InputError, match="y has another"):
        colliderml.tracker_hits(uneven)
    broken = write(tmp_path / "n.parquet", "tracker_hits", [hits | {"z": [float("nan"), *hits["z"][1:]]}])
    with pytest.raises(InputError, match="z of object 0 is nan"):
        colliderml.tracker_hits(broken)
    far = write(tmp_path / "f.parquet", "tracker_hits", [hits | {"z": [*hits["z"][:-1], 1e31]}])
    with pytest.raises(InputError, match="expected a finite number below 1e\\+30"):
        colliderml.tracker_hits(far)


def test_cells_of_the_calorimeter(tmp_path: Path) -> None:
    row = {
        "event_id": 1,
        "detector": [9, 13],
        "total_energy": [0.5, 0.25],
        "x": [1.0, 2.0],
        "y": [0.0, 0.0],
        "z": [5.0, 6.0],
    }
    cells = colliderml.calorimeter_cells(
        write(tmp_path / "c.parquet", "calo_hits", [row, row | {"event_id": 2}])
    )
    np.testing.assert_array_equal(cells.offset, [0, 2, 4])
    assert cells.energy.sum() == pytest.approx(1.5)
    np.testing.assert_array_equal(cells.position[3], [2, 0, 6])
    with pytest.raises(InputError, match="detector 3"):
        colliderml.calorimeter_cells(write(tmp_path / "w.parquet", "calo_hits", [row | {"detector": [9, 3]}]))


@pytest.fixture(scope="module")
def simulated() -> tuple[HitEvents, list[dict[str, Any]], list[dict[str, Any]]]:
    hits, endcap = some_hits(3)
    return of_endcap(hits, endcap), *colliderml_rows(hits, endcap)


def test_hits_of_the_calorimeters_belong_to_who_left_most(
    simulated: tuple[HitEvents, list[dict[str, Any]], list[dict[str, Any]]], tmp_path: Path
) -> None:
    """Simulated hits that went into files: energies, times and owners come back, also of a part of the events."""
    expected, cells, listed = simulated
    one = write(tmp_path / "c.parquet", "calo_hits", cells)
    two = write(tmp_path / "p.parquet", "particles", listed)
    found = colliderml.calorimeter_hits(one, two)
    np.testing.assert_allclose(found.hits[:, :4], expected.hits[:, :4], rtol=1e-5)
    np.testing.assert_allclose(found.hits[:, 4], expected.hits[:, 4], atol=1e-3)
    for column in ("offset", "of_object", "owner", "pdg"):
        np.testing.assert_array_equal(getattr(found, column), getattr(expected, column))
    np.testing.assert_allclose(found.energy, expected.energy, rtol=1e-5)
    last = colliderml.calorimeter_hits(one, two, start=2)
    np.testing.assert_array_equal(last.owner, expected.event(2).owner)
    nobody = colliderml.calorimeter_hits(one)
    np.testing.assert_array_equal(nobody.hits, found.hits)
    assert (nobody.owner == -1).all()
    assert not len(nobody.energy)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda row: {"contrib_energies": [[-1.0] * len(each) for each in row["contrib_energies"]]},
            "below 0",
        ),
        (lambda row: {"contrib_times": row["contrib_times"][1:]}, "contrib_times has others"),
        (lambda row: {"contrib_times": [[float("nan")], *row["contrib_times"][1:]]}, "contrib_times"),
        (
            lambda row: {"contrib_times": [[1e31] * len(each) for each in row["contrib_times"]]},
            r"contrib_times is not finite or beyond 1e\+30",
        ),
        (lambda row: {"x": [-1e31] * len(row["x"])}, "x of object 0 is -9.99"),
    ],
)
def test_contributions_that_do_not_fit_are_told(
    simulated: tuple[HitEvents, list[dict[str, Any]], list[dict[str, Any]]],
    change: Callable[[dict[str, Any]], dict[str, Any]],
    words: str,
    tmp_path: Path,
) -> None:
    row = simulated[1][0]
    with pytest.raises(InputError, match=words):
        colliderml.calorimeter_hits(write(tmp_path / "c.parquet", "calo_hits", [row | change(row)]))


def test_its_description_names_every_column() -> None:
    text = colliderml.describe()
    assert all(name in text for columns in colliderml.COLUMNS.values() for name in columns)
