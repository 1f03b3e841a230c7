"""Drawings made fit to stand, several at a time, inside one HTML page."""

import re
from xml.etree import ElementTree

from markupsafe import Markup

from femtobarn.errors import InputError, printable

_TAGS = {
    *("svg", "g", "defs", "use", "symbol", "marker", "clipPath", "mask", "pattern", "title", "desc"),
    *("path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "image"),
    *("text", "tspan", "textPath", "linearGradient", "radialGradient", "stop"),
}
_REFERENCE = re.compile(r"url\(\s*['\"]?([^'\")]*)['\"]?\s*\)")
_FONT = re.compile(r"\s*font-family:\s*'DejaVu Sans'[^;]*;?")  # the page names it and its substitutes
_POINTS_TO_PIXELS = 96 / 72


def inline_svg(svg: bytes, *, prefix: str, title: str) -> tuple[Markup, float, float]:
    """The drawing as markup for an HTML page, its width and its height in CSS pixels.

    Identifiers get the prefix, so that drawings cannot take each other's clip paths; those that
    nothing refers to are dropped. Only shapes, text and embedded images stay: no script, no style
    sheet, nothing that a browser would fetch.

    Raises:
        InputError: It is not an SVG drawing.
    """
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError as error:
        raise InputError(f"a figure is not SVG: {error}") from error
    if _local(root.tag) != "svg":
        raise InputError(f"a figure is not SVG: it begins with <{_local(root.tag)}>")
    width, height = (_pixels(root.get(side, "")) for side in ("width", "height"))
    _clean(root, prefix, _targets(root))
    root.attrib.pop("width", None)
    root.attrib.pop("height", None)
    root.attrib |= {"role": "img", "aria-label": printable(title)}
    root.attrib.setdefault("viewBox", f"0 0 {width:g} {height:g}")
    return Markup(ElementTree.tostring(root, encoding="unicode")), width, height


def _targets(root: ElementTree.Element) -> set[str]:
    """Identifiers that something in the drawing refers to."""
    values = [value for element in root.iter() for value in element.attrib.values()]
    targets = [target for value in values for target in (value, *_REFERENCE.findall(value))]
    return {target[1:] for target in targets if target.startswith("#")}


def _clean(element: ElementTree.Element, prefix: str, used: set[str]) -> None:
    element.tag = _local(element.tag)
    element.attrib = _safe_attributes(element.attrib, prefix, used)
    # White space between elements means nothing, except inside text.
    if element.tag not in ("text", "tspan", "title", "desc"):
        element.text = None
    for child in list(element):
        if not isinstance(child.tag, str) or _local(child.tag) not in _TAGS:
            element.remove(child)
            continue
        _clean(child, prefix, used)
        if element.tag not in ("text", "tspan"):
            child.tail = None


def _safe_attributes(attributes: dict[str, str], prefix: str, used: set[str]) -> dict[str, str]:
    safe = {}
    for key, value in attributes.items():
        name = _local(key)
        meaning = name.lower()  # to HTML capital letters are the same
        if meaning.startswith("on") or (meaning == "id" and value not in used):
            continue
        if meaning == "id":
            value = prefix + value
        elif meaning == "href":
            if value.startswith("#"):
                value = f"#{prefix}{value[1:]}"
            elif not re.match(r"data:image/(png|jpeg);base64,", value):
                continue
        elif not _points_inside(value):
            continue
        else:
            value = _FONT.sub("", value)
            value = _REFERENCE.sub(lambda found: f"url(#{prefix}{found[1][1:]})", value)
        safe[name] = value
    return safe


def _points_inside(value: str) -> bool:
    """Whether all that a style refers to is in the drawing; escapes would hide a reference."""
    targets = _REFERENCE.findall(value)
    plain = "\\" not in value and value.lower().count("url(") == len(targets)
    return plain and all(target.startswith("#") for target in targets)


def _local(name: str) -> str:
    """Name without its name space; HTML knows those of SVG by itself."""
    return name.rpartition("}")[2]


def _pixels(length: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(pt|px)?", length)
    if not found:
        raise InputError(f"a figure is SVG with width and height in pt or px, got {length!r}")
    return float(found[1]) * (_POINTS_TO_PIXELS if found[2] == "pt" else 1)
