"""Check that an output file overwrites neither an input nor a file of a run."""

from collections.abc import Collection, Iterable
from pathlib import Path

from femtobarn.errors import InputError

_FILES = ("run.json", "log.jsonl", "results.json", "lock", "report.html")
_FOLDERS = ("figures", "work")


def check_output(output: Path, inputs: Iterable[Path] = (), *, replaces: Collection[str] = ()) -> None:
    """Refuse to write where an input or a file of a run lies, by whatever name or link it is given.

    Args:
        output: The file or folder to write.
        inputs: Files that are read; of a folder every file in it.
        replaces: Files of a run that the output is meant to replace, as ``report.html``.

    Raises:
        InputError: The output is one of them.
    """
    place = output.resolve()
    for given in inputs:
        found = given.resolve()
        inside = found.is_dir() and place.exists() and place.is_relative_to(found)
        if place == found or inside or (place.exists() and found.exists() and place.samefile(found)):
            what = f"lies in the input {given}" if inside and place != found else "is one of the inputs"
            raise InputError(
                f"the output {output} {what}: choose another with -o, or your data would be lost"
            )
    for folder in (place, *place.parents):
        if (folder / "run.json").is_file():
            name = place.relative_to(folder)
            if name == Path() or name.parts[0] in _FOLDERS or str(name) in set(_FILES) - set(replaces):
                raise InputError(f"the output {output} belongs to the run {folder}: choose another with -o")
            return
