"""Pages: whole in themselves, safe whatever the labels say, the facts beside the chart."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from plotly.graph_objects import Figure

from lrkit import constant, cosine, parse
from lrkit.errors import DataError
from lrkit.plots import (
    Chart,
    Line,
    Section,
    chart_html,
    code,
    curve_chart,
    document,
    lines_html,
    page,
    plot,
    plotly_js,
    table,
)

NASTY = "</script><script>alert(1)</script><!-- <b>&amp;\"'"


class Checked(HTMLParser):
    """Collects what a page holds, and fails on tags that do not match."""

    VOID = ("meta", "br", "link", "img")

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.text += data


def specs(text):
    """Return the charts' data in *text*, each checked by plotly's own validators."""
    found = re.findall(r'<script type="application/json">(.*?)</script>', text, re.DOTALL)
    charts = [json.loads(spec) for spec in found]
    for chart in charts:
        Figure(data=chart["data"], layout=chart["layout"])
        assert len(chart["tones"]) == len(chart["data"])
    return charts


def test_page_of_curves(curves, tmp_path):
    path = page(curves, tmp_path / "a.html")
    text = path.read_text(encoding="utf-8")
    checked = Checked(text)
    assert text.count(plotly_js()) == 1
    (chart,) = specs(text)
    lines = [t for t in chart["data"] if "hovertemplate" in t]
    assert [t["name"] for t in lines] == [c.replace(">", "&gt;") for c in curves]
    assert lines[0]["x"][-1] == 30
    for label, curve in curves.items():
        assert label in checked.text
        assert f"{curve.facts().peak:.6g}" in checked.text
    assert "1,175" in checked.text
    assert plot(curves, tmp_path / "b.html").read_bytes() == path.read_bytes()


def test_page_asks_for_nothing_from_outside(curves, tmp_path):
    text = page(curves, tmp_path / "a.html").read_text(encoding="utf-8")
    for tag, attributes in Checked(text).tags:
        assert tag not in ("link", "img", "iframe", "object")
        assert not {"src", "href", "srcset", "data"} & set(attributes)
    policies = [a["content"] for t, a in Checked(text).tags if "http-equiv" in a]
    assert policies == [policies[0]]
    assert "default-src 'none'" in policies[0]
    assert "http" not in policies[0]
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style
    assert "prefers-color-scheme: dark" in style


def test_page_warns_of_what_is_worth_a_look(tmp_path):
    curve = parse("0.3 * linear(1, 0.5)").over(100)
    text = page({"half": curve}, tmp_path / "a.html").read_text(encoding="utf-8")
    assert "above 10 %" in text
    calm = page({"all": cosine().over(100)}, tmp_path / "b.html").read_text(encoding="utf-8")
    assert "Worth a second look" not in calm


def test_labels_cannot_break_out():
    chart = lines_html([Line(NASTY, [0, 1], [1, 2])], NASTY, NASTY, NASTY)
    text = document(
        NASTY,
        [Section(NASTY, chart, intro=NASTY), Section("", table([NASTY], [[NASTY], [code(NASTY)]]))],
        subtitle=NASTY,
        footer=NASTY,
    )
    checked = Checked(text)
    scripts = [a for t, a in checked.tags if t == "script"]
    assert len(scripts) == 3, "the data, plotly and our own"
    assert checked.text.count("alert(1)") >= 6
    (spec,) = specs(text)
    name = spec["data"][-1]["name"]
    assert "<" not in name


def test_document_without_charts_is_small():
    text = document("Table", [Section("One", table(["a"], [[1]]))])
    Checked(text)
    assert len(text) < 10_000
    assert "Plotly" not in text


def test_many_charts_share_one_copy_of_plotly():
    charts = [Section(str(k), lines_html([Line("a", [0, 1], [k, k])], "x", "y")) for k in range(4)]
    text = document("Four", charts)
    assert text.count(plotly_js()) == 1
    assert len(specs(text)) == 4


def test_bands_gaps_joints_and_log_axes_are_valid_for_plotly():
    x = np.arange(1, 100.0)
    y = 1 / x
    y[3], y[4] = np.nan, np.inf
    line = Line("mean", x, y, y * 0.9, y * 1.1, joints=[10, 20])
    for log in (False, True):
        (spec,) = specs(
            lines_html([line, Line("one", [5], [1])], "rate", "loss", log=log, xlog=log, height=300)
        )
        curve = next(t for t in spec["data"] if t.get("name") == "mean")
        assert curve["y"][3] is None
        assert curve["y"][4] is None
        assert spec["layout"]["yaxis"]["type"] == ("log" if log else "linear")
        assert spec["layout"]["height"] == 300
        assert any(t.get("fill") for t in spec["data"])


def test_points_bars_and_named_axes_are_valid_for_plotly_and_escaped():
    points = Line("a", [1, 2], [3, 4], drawn="points", texts=[NASTY, "two"], faint=True)
    names = ((1.0, NASTY), (2.0, "b"))
    text = chart_html(Chart([points], xnames=names, notes=((1, 3, NASTY),)))
    (spec,) = specs(text)
    assert "<" not in spec["data"][0]["text"][0]
    assert "<" not in spec["layout"]["xaxis"]["ticktext"][0]
    assert "<" not in spec["layout"]["annotations"][0]["text"]
    assert spec["data"][0]["mode"] == "markers"
    bars = Chart([Line("weight", [0.7, 0.3], [0, 1], drawn="bars")], ynames=((0, "p"), (1, "q")))
    text = chart_html(bars)
    (spec,) = specs(text)
    assert spec["data"][0]["type"] == "bar"
    assert "data-log" not in text, "names have no logarithm"


def test_ten_million_steps_give_a_page_one_can_open(tmp_path):
    curve = cosine().over(10_000_000)
    text = page({"long": curve}, tmp_path / "a.html").read_text(encoding="utf-8")
    assert len(text) - len(plotly_js()) < 300_000


def test_sweep_page_names_the_parameter(tmp_path):
    curves = {g: parse(f"exponential(1, {g}, every=1ep)") for g in ("0.8", "0.9")}
    curves = {g: s.over("10ep", steps_per_epoch=7) for g, s in curves.items()}
    text = page(curves, tmp_path / "a.html", sweep="factor").read_text(encoding="utf-8")
    assert "factor = 0.8" in text
    assert "exponential(1, 0.8" in text


def test_table_shows_numbers_short_and_to_the_right():
    text = table(
        ["name", "score", "spread"], [["a", 0.123456, "±1"], ["b", None, "±2"], ["c", 12345, ""]]
    )
    checked = Checked(text)
    assert checked.text == "namescorespreada0.1235±1b\N{EN DASH}±2c12,345"
    assert text.count('class="number"') == 4
    assert table(["a"], [["1"]], numeric=["a"]).count('class="number"') == 2


def test_unwritable_page_is_a_data_error(curves):
    with pytest.raises(DataError, match="no space left"):
        page(curves, "/dev/full")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
@pytest.mark.parametrize("dark", [0, 1])
def test_charts_are_drawn_in_a_browser(curves, tmp_path, dark):
    body = chart_html(curve_chart({**curves, NASTY: constant(0.1).over("30ep", steps_per_epoch=9)}))
    path = tmp_path / "a.html"
    path.write_text(document("Drawn", [Section("", body)]), encoding="utf-8")
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"]
    command += ["--no-first-run", "--disable-background-networking", "--disable-component-update"]
    command += ["--disable-sync", f"--user-data-dir={tmp_path / 'profile'}"]
    command += [f"--blink-settings=preferredColorScheme={1 - dark}", "--virtual-time-budget=5000"]
    command += ["--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout.count('class="main-svg"') >= 1
    assert len(re.findall(r'<path class="js-line"', done.stdout)) >= 4
    colour = "rgb(75, 163, 227)" if dark else "rgb(0, 114, 178)"
    assert colour in done.stdout
    assert "Refused" not in done.stderr


def test_parts_of_the_page_are_in_the_package():
    project = Path(__file__).parents[2] / "pyproject.toml"
    for part in ("plots/*.css", "plots/*.js"):
        assert part in project.read_text(encoding="utf-8")
