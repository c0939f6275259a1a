"use strict";
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const charts = [...document.querySelectorAll("figure.chart")].map((figure) => ({
    figure,
    canvas: figure.querySelector(".canvas"),
    spec: JSON.parse(figure.querySelector("script").textContent),
    hidden: new Set(),
    log: figure.querySelector("[data-log]")?.getAttribute("aria-pressed") === "true",
  }));
  const config = {
    responsive: true, displaylogo: false,
    // Named one by one: plotly's own set has a button that sends the chart to a server.
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
  };

  function draw(chart) {
    const style = getComputedStyle(document.documentElement);
    const [ink, soft, grid, card, rule] =
      ["--ink", "--soft", "--grid", "--card", "--rule"].map((n) => style.getPropertyValue(n));
    const data = chart.spec.data.map((trace, i) => {
      const tone = chart.spec.tones[i][dark.matches ? "dark" : "light"];
      return {
        ...trace,
        line: { ...trace.line, color: tone },
        ...(trace.fill ? { fillcolor: tone + "2e" } : {}),
        ...(trace.marker ? { marker: { ...trace.marker, color: tone } } : {}),
        visible: !chart.hidden.has(trace.meta),
      };
    });
    const axis = { gridcolor: grid, linecolor: rule, tickcolor: rule, color: soft };
    const { xaxis, yaxis, ...rest } = chart.spec.layout;
    const own = chart.log === (yaxis.type === "log");
    const layout = {
      ...rest,
      xaxis: { ...xaxis, ...axis, showline: true },
      yaxis: own
        ? { ...yaxis, ...axis }
        : { ...yaxis, ...axis, type: chart.log ? "log" : "linear", range: undefined,
            dtick: undefined, exponentformat: chart.log ? "e" : "SI",
            rangemode: chart.log ? "normal" : "tozero", autorange: true },
      annotations: rest.annotations?.map((note) => ({ ...note, bgcolor: card, opacity: 0.85 })),
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink, family: getComputedStyle(document.body).fontFamily, size: 13 },
      hoverlabel: { ...rest.hoverlabel, bgcolor: card, bordercolor: rule, font: { color: ink } },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: soft, activecolor: ink },
    };
    Plotly.react(chart.canvas, data, layout, config);
  }

  for (const chart of charts) {
    chart.figure.querySelector(".legend").addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const pressed = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(pressed));
      if ("log" in button.dataset) chart.log = pressed;
      else chart.hidden[pressed ? "delete" : "add"](Number(button.dataset.line));
      draw(chart);
    });
    draw(chart);
  }
  dark.addEventListener("change", () => charts.forEach(draw));
})();
