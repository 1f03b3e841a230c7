import io
import re

import matplotlib as mpl
import pytest
from matplotlib import pyplot

from femtobarn.errors import InputError
from femtobarn.report.svg import inline_svg

mpl.use("Agg")


def drawing() -> bytes:
    figure, axes = pyplot.subplots(figsize=(4, 3))
    axes.plot([0, 1], [1, 2], "o-")
    axes.set_xlabel("a < b & c")
    stream = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none"}):
        figure.savefig(stream, format="svg")
    pyplot.close(figure)
    return stream.getvalue()


def test_every_reference_points_into_its_own_drawing() -> None:
    svg = drawing()
    one, two = (str(inline_svg(svg, prefix=prefix, title="t")[0]) for prefix in ("pa-", "pb-"))
    for text, prefix in ((one, "pa-"), (two, "pb-")):
        names = set(re.findall(r'\bid="([^"]+)"', text))
        used = set(re.findall(r'href="#([^"]+)"', text)) | set(re.findall(r"url\(#([^)]+)\)", text))
        assert used
        assert used <= names
        assert all(name.startswith(prefix) for name in names)
    assert one.replace("pa-", "pb-") == two


def test_size_title_and_text_stay() -> None:
    markup, width, height = inline_svg(drawing(), prefix="a-", title='say "x" & <y>')
    assert (width, height) == pytest.approx((4 * 96, 3 * 96))
    assert 'viewBox="0 0 288 216"' in markup
    assert 'aria-label="say &quot;x&quot; &amp; &lt;y&gt;"' in markup
    assert ">a &lt; b &amp; c</text>" in markup


HOSTILE = b"""<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9pt"
 height="9" onload="alert(1)">
<script>alert(2)</script><style>@import url(http://x/a.css)</style>
<foreignObject><iframe xmlns="http://www.w3.org/1999/xhtml" src="http://x/b"/></foreignObject>
<image xlink:href="http://x/c.png"/><image HREF="http://x/i.png"/>
<image href="data:image/svg+xml;base64,AAAA"/>
<image xlink:href="data:image/png;base64,KEEP"/>
<use href="http://x/d.svg#e"/><a href="javascript:alert(3)"><text>t</text></a>
<rect style="fill: url(http://x/f)"/><rect style="fill: url('http://x/g"/><rect style="fill: u\\72l(http://x/h)"/>
<rect style="fill: url( '#keep' )" OnClick="alert(4)" onclick="alert(5)"/>
</svg>"""


def test_nothing_is_left_that_runs_or_fetches() -> None:
    markup, _, _ = inline_svg(HOSTILE, prefix="p-", title="t")
    assert "http:" not in markup
    assert "alert" not in markup
    assert "javascript" not in markup
    assert "svg+xml" not in markup
    assert "data:image/png;base64,KEEP" in markup
    assert "url(#p-keep)" in markup


@pytest.mark.parametrize("svg", [b"", b"<svg", b"<html/>", b'<svg width="3em" height="1pt"/>', b"<svg/>"])
def test_what_is_not_a_drawing_is_refused(svg: bytes) -> None:
    with pytest.raises(InputError, match="a figure is"):
        inline_svg(svg, prefix="p-", title="t")
