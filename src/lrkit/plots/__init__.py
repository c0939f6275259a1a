"""Figures from values: charts in the terminal, as PNG and SVG files, as pages, and in notebooks.

Draws what it is given and writes the file it is told to; it reads no run, keeps no state and
touches no figure of the caller's. matplotlib and plotly are imported when a picture needs them
(`pip install 'lrkit[plots]'`); the terminal, the notebook and the thumbnail need neither.
"""

from lrkit.plots.chart import Chart, Line, curve_chart
from lrkit.plots.interactive import chart_html, lines_html, plotly_js
from lrkit.plots.page import Html, Section, code, document, page, table
from lrkit.plots.picture import Picture, plot
from lrkit.plots.still import figure, lines_png, still
from lrkit.plots.svg import notebook, svg
from lrkit.plots.terminal import terminal, terminal_chart, terminal_lines, terminal_plot
from lrkit.plots.thumbnail import thumbnail

__all__ = [
    "Chart",
    "Html",
    "Line",
    "Picture",
    "Section",
    "chart_html",
    "code",
    "curve_chart",
    "document",
    "figure",
    "lines_html",
    "lines_png",
    "notebook",
    "page",
    "plot",
    "plotly_js",
    "still",
    "svg",
    "table",
    "terminal",
    "terminal_chart",
    "terminal_lines",
    "terminal_plot",
    "thumbnail",
]
