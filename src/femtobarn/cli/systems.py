"""Verbs that tell what there is: ``list``, ``show``, ``data``."""

import tyro


def list_systems() -> None:
    """List the systems, one per line."""
    from femtobarn.recipe import all_systems

    systems = all_systems()
    width = max(map(len, systems))
    for system in systems.values():
        print(f"{system.name:{width}}  {system.summary}")


def show(system: tyro.conf.Positional[str], /) -> None:
    """Show what a system does, its presets and settings."""
    from femtobarn.recipe import find_system
    from femtobarn.settings import flatten, to_dict

    found = find_system(system)
    recipe = found.recipe()
    print(f"{found.name}: {found.summary}\n")
    presets = {name: flatten(to_dict(config)) for name, config in recipe.PRESETS.items()}
    rows = [("setting", *presets)]
    rows += [(key, *(_short(flat[key]) for flat in presets.values())) for key in next(iter(presets.values()))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    if recipe.PUBLISHED:
        print("\npublished:")
    for number in recipe.PUBLISHED:
        labels = ", ".join(f"{key} {value}" for key, value in number.labels.items())
        print(f"  {number.name} {number.value:g} {number.unit} ({labels}; {number.data}; {number.source})")


def data(name: tyro.conf.Positional[str] = "", /) -> None:
    """Describe a data set: columns, units, source; without a name, list all data sets."""
    from femtobarn import datasets

    print(datasets.describe(name) if name else datasets.summaries())


def _short(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
