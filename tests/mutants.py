"""Files of every format as a bad disk, a cut transfer or somebody hostile leaves them."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

Arrays = dict[str, np.ndarray]


class Mutant(NamedTuple):
    """A file that was changed, what was done to it, and what may come out: other numbers, fewer columns."""

    name: str
    path: Path
    number: bool = False
    fewer: bool = False


def bytewise(whole: Path, folder: Path, count: int, seed: int) -> Iterator[Mutant]:
    """The file cut short at random places, and with single bytes changed, `count` of each."""
    content, draw = whole.read_bytes(), np.random.default_rng(seed)
    for place in draw.integers(0, len(content), count).tolist():
        place -= content[:place].endswith(
            b"\n"
        )  # a text cut at the end of a line is a shorter text, and right
        yield _written(whole, folder, f"cut at {place}", content[:place])
    for place in draw.integers(0, len(content), count).tolist():
        changed = bytearray(content)
        changed[place] ^= int(draw.integers(1, 256))
        yield _written(whole, folder, f"byte {place} changed", bytes(changed))._replace(number=True)


def special(whole: Path, folder: Path) -> Iterator[Mutant]:
    """What is no such file at all."""
    yield _written(whole, folder, "empty", b"")
    yield _written(whole, folder, "text", b"nothing of the kind\n" * 20)
    yield _written(whole, folder, "zeros", bytes(4096))
    yield Mutant("missing", folder / f"missing{whole.suffix}")
    (folder / f"folder{whole.suffix}").mkdir()
    (folder / f"folder{whole.suffix}" / "readme.txt").write_text("nothing")
    yield Mutant("folder", folder / f"folder{whole.suffix}")


def of_hdf5(whole: Path, folder: Path) -> Iterator[Mutant]:
    """Each data set of a file retyped, renamed, reshaped, and replaced by links and what looks like a data set."""
    with h5py.File(whole) as file:
        names: list[str] = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    secret = folder / "secret.bin"
    secret.write_bytes(bytes(range(256)) * 4096)
    foreign = folder / "foreign.h5"
    shutil.copy(whole, foreign)
    for name in names:
        for what, change in _CHANGES.items():
            if what in _ROWS and names == [name]:
                continue  # of a table of records this is a shorter table, and right
            path = folder / f"{what} {name.replace('/', '-')}{whole.suffix}"
            shutil.copy(whole, path)
            with h5py.File(path, "r+") as file:
                array, attributes = np.atleast_1d(file[name][()]), dict(file[name].attrs)
                del file[name]
                change(file, name, array, folder)
                item = file.get(name) if isinstance(file.get(name, getlink=True), h5py.HardLink) else None
                if isinstance(item, h5py.Dataset):
                    item.attrs.update(attributes)
            yield Mutant(f"{name}: {what}", path, fewer=what in ("gone", "renamed"))


Change = Callable[[h5py.File, str, np.ndarray, Path], None]


def _link(make: Callable[[str, Path], object]) -> Change:
    def change(file: h5py.File, name: str, _: np.ndarray, folder: Path) -> None:
        file[name] = make(name, folder)

    return change


def _data(make: Callable[[np.ndarray], object]) -> Change:
    def change(file: h5py.File, name: str, array: np.ndarray, _: Path) -> None:
        file[name] = make(array)

    return change


def _external(file: h5py.File, name: str, array: np.ndarray, folder: Path) -> None:
    place = [(str(folder / "secret.bin"), 0, h5py.h5f.UNLIMITED)]
    file.create_dataset(name, array.shape, array.dtype, external=place)


def _virtual(file: h5py.File, name: str, array: np.ndarray, folder: Path, *, there: bool = True) -> None:
    layout = h5py.VirtualLayout(array.shape, array.dtype)
    source = str(folder / ("foreign.h5" if there else "gone.h5"))
    layout[...] = h5py.VirtualSource(source, name, array.shape, array.dtype)
    file.create_virtual_dataset(name, layout)


def _virtual_of_nothing(file: h5py.File, name: str, array: np.ndarray, folder: Path) -> None:
    _virtual(file, name, array, folder, there=False)


def _references(file: h5py.File, name: str, array: np.ndarray, _: Path) -> None:
    data = file.create_dataset(name, array.shape[:1] or (1,), h5py.ref_dtype)
    data[...] = file.ref


def _ragged(file: h5py.File, name: str, array: np.ndarray, _: Path) -> None:
    data = file.create_dataset(name, array.shape[:1] or (1,), h5py.vlen_dtype(np.float32))
    data[0] = [1.0, 2.0]


def _declared(file: h5py.File, name: str, array: np.ndarray, _: Path) -> None:
    kind = array.dtype if array.dtype.kind in "fiub" or array.dtype.names else np.float32
    file.create_dataset(name, (10**11, *array.shape[1:]), kind, chunks=(64, *array.shape[1:]))


def _numbered(array: np.ndarray) -> np.ndarray:
    return np.arange(array.size, dtype=np.float64).reshape(array.shape)


_ROWS = ("no rows", "one row less")
_CHANGES: dict[str, Change] = {
    "gone": lambda *_: None,
    "renamed": lambda file, name, array, _: file.create_dataset(f"{name}_x", data=array) and None,
    "link to itself": _link(lambda name, _: h5py.SoftLink(f"/{name}")),
    "dangling link": _link(lambda *_: h5py.SoftLink("/nowhere/at/all")),
    "external link": _link(lambda name, folder: h5py.ExternalLink(str(folder / "foreign.h5"), name)),
    "external link to nothing": _link(lambda *_: h5py.ExternalLink("gone.h5", "x")),
    "external storage": _external,
    "virtual": _virtual,
    "virtual of nothing": _virtual_of_nothing,
    "group": lambda file, name, *_: file.create_group(name) and None,
    "scalar": _data(lambda _: 1.5),
    "null": _data(lambda _: h5py.Empty("f4")),
    "text": _data(lambda array: np.full(array.shape[:1] or (1,), b"text")),
    "words": _data(lambda array: np.full(array.shape[:1] or (1,), "text", dtype=h5py.string_dtype())),
    "complex": _data(lambda array: np.full(array.shape or (1,), 1j)),
    "records": _data(lambda array: np.zeros(array.shape[:1] or (1,), [("a", "f4"), ("b", "i4")])),
    "references": _references,
    "ragged": _ragged,
    "declares 1e11 rows": _declared,
    "no rows": _data(lambda array: array[:0]),
    "one row less": _data(lambda array: array[:-1]),
    "one axis more": _data(lambda array: array[..., None]),
    "another width": _data(
        lambda array: np.concatenate((array, array), axis=-1) if array.ndim > 1 else array[:, None, None]
    ),
}


def _written(whole: Path, folder: Path, name: str, content: bytes) -> Mutant:
    path = folder / f"mutant{whole.suffix}"
    path.write_bytes(content)
    return Mutant(name, path)
