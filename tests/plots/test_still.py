"""Files: the right kind, the same every time, and nothing of the caller's touched."""

import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from lrkit import cosine, parse
from lrkit.errors import DataError, HorizonError, SpecError
from lrkit.plots import Chart, Line, figure, lines_png, notebook, plot, still, svg
from lrkit.plots.chart import curve_chart


def png_size(path):
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])


def test_png(curves, tmp_path):
    path = figure(curves, tmp_path / "new" / "a.png")
    width, height = png_size(path)
    assert width > 1200
    assert height > 600
    before = path.read_bytes()
    assert figure(curves, path).read_bytes() == before, "the same values give the same file"
    assert figure(curves, path, log=True).read_bytes() != before


def test_svg_and_pdf(curves, tmp_path):
    path = figure(curves, tmp_path / "a.svg", log=True)
    assert ElementTree.parse(path).getroot().tag.endswith("svg")
    assert figure(curves, tmp_path / "b.svg", log=True).read_bytes() == path.read_bytes()
    assert figure(curves, tmp_path / "a.pdf").read_bytes()[:4] == b"%PDF"


def test_other_names_and_places_are_refused(curves, tmp_path):
    with pytest.raises(SpecError, match=r"\.png, \.svg, \.pdf.*rename"):
        figure(curves, tmp_path / "a.jpeg")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="choose another"):
        figure(curves, tmp_path / "file" / "a.png")


def test_labels_are_shown_as_they_are(tmp_path):
    curve = cosine().over(10)
    labels = [r"$\frac", "_hidden", "a $b$ c", "x" * 300, "", "<b> & 'c'"]
    figure(dict.fromkeys(labels, curve), tmp_path / "a.png")
    named = figure({"_hidden": curve}, tmp_path / "b.svg").read_bytes()
    assert named != figure({" ": curve}, tmp_path / "c.svg").read_bytes(), "a legend entry is there"


def test_lines_with_bands_gaps_and_more_lines_than_colours(tmp_path):
    x = np.arange(50.0)
    y = np.exp(-x / 9)
    y[7] = np.nan
    y[9] = np.inf
    lines = [Line(str(k), x, y + k, y + k - 0.1, y + k + 0.1) for k in range(16)]
    lines.append(Line("one point", [3], [1]))
    path = lines_png(lines, tmp_path / "a.png", "epoch", "loss", "Sixteen", log=True)
    assert png_size(path)[1] > 600
    lines_png(lines, tmp_path / "b.png", "rate", "loss", xlog=True)


def test_points_steps_bars_names_and_notes(tmp_path):
    points = Line("tried", [1e-3, 1e-2], [0.5, 0.7], drawn="points", faint=True)
    best = Line("best", [1e-3, 1e-2], [0.5, 0.7], drawn="steps")
    path = still(Chart([points, best], xlog=True), tmp_path / "a.png")
    without = still(Chart([best], xlog=True), tmp_path / "b.png")
    assert path.read_bytes() != without.read_bytes()
    bars = Line("weight", [0.7, 0.3], [0, 1], drawn="bars")
    names = ((0, "$peak"), (1, "_shape"))
    noted = Chart([bars], ynames=names, notes=((0.1, 1, "1e-3"),))
    assert still(noted, tmp_path / "c.png").read_bytes() != path.read_bytes()


def test_pyplot_is_never_touched(tmp_path):
    code = f"""
import sys
import lrkit, lrkit.plots as plots
assert not {{"matplotlib", "plotly", "plotext", "torch"}} & set(sys.modules), "loaded too early"
curve = lrkit.cosine().over(10)
plots.thumbnail(curve), plots.notebook(curve)
assert not {{"matplotlib", "plotly", "plotext"}} & set(sys.modules), "loaded for nothing"
plots.figure({{"a": curve}}, {str(tmp_path / "a.png")!r})
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("missing", "call"),
    [
        ("matplotlib", "figure(c, 'a.png')"),
        ("matplotlib", "plot(c, 'a.svg')"),
        ("plotly", "page(c, 'a.html')"),
        ("plotly", "document('t', [Section('', lines_html([Line('a', [0], [0])], 'x', 'y'))])"),
        ("plotext", "terminal(c)"),
    ],
)
def test_missing_library_is_one_line_with_the_remedy(missing, call, tmp_path):
    code = f"""
import sys
sys.modules[{missing!r}] = None
from lrkit import LrkitError, cosine
from lrkit.plots import *
c = {{"a": cosine().over(10)}}
try:
    {call}
except LrkitError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    assert f"needs {missing}" in done.stdout
    assert "pip install" in done.stdout
    assert done.stdout.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_notebook_picture_is_whole_and_small(curves):
    curve = next(iter(curves.values()))
    text = notebook(curve)
    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert len(text) < 20_000
    assert "epoch" in text
    assert "warmup(5ep) &gt;&gt; cosine()" in text
    assert notebook(parse("0.3 * cosine()")).startswith("<svg")
    assert plot(curve)._repr_svg_().startswith("<svg")
    ElementTree.fromstring(notebook(curve, log=True))


def test_notebook_picture_of_many_and_of_odd_labels():
    curve = cosine().over(100)
    chart = curve_chart({"<script>alert(1)</script>": curve, "a & b\x00": curve}, sweep='"p"')
    text = svg(chart)
    assert "<script" not in text
    ElementTree.fromstring(text)


def test_notebook_says_what_is_missing():
    with pytest.raises(HorizonError, match="tokens"):
        notebook(parse("linear(1, 0, 2e9tok)"))
