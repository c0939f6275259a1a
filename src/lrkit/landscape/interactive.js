"use strict";
// Draws every figure.descent of the page: paths over contours or a surface, up to a step.
addEventListener("load", () => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  for (const figure of document.querySelectorAll("figure.descent")) {
    const data = JSON.parse(figure.querySelector("script").textContent);
    const view = figure.querySelector(".view");
    const slider = figure.querySelector("input[type=range]");
    const output = figure.querySelector("output");
    const button = figure.querySelector("[data-play]");
    const surface = figure.querySelector("[data-surface]");
    let timer = 0;
    slider.max = data.steps;
    slider.value = data.steps;

    const ground = () => dark.matches
      ? [[0, "#26415c"], [0.5, "#1c2d3e"], [1, "#151b22"]]
      : [[0, "#b9cde0"], [0.5, "#e1e9f1"], [1, "#f9fbfd"]];

    function paths(until) {
      const [low, high, log] = data.rates;
      return data.paths.flatMap((path) => {
        let n = path.step.findIndex((step) => step > until);
        if (n < 0) n = path.step.length;
        // On the surface a path ends at the edge: beyond there is nothing to lie on.
        const inside = (v, ends) => v >= ends[0] && v <= ends.at(-1);
        const seen = (values, i) => !surface.checked ||
          (inside(path.x[i], data.x) && inside(path.y[i], data.y)) ? values[i] : null;
        const shown = {
          x: path.x.slice(0, n), y: path.y.slice(0, n),
          customdata: path.loss.slice(0, n).map((loss, i) => [path.step[i], loss, path.rate[i]]),
          hovertemplate: "step %{customdata[0]}<br>loss %{customdata[1]:.4g}<br>" +
            "rate %{customdata[2]:.4g}<extra>%{fullData.name}</extra>",
          name: path.name, mode: "lines+markers",
          line: { color: dark.matches ? path.dark : path.light, width: surface.checked ? 5 : 2 },
          marker: {
            size: (surface.checked ? 0.5 : 1) * (data.dots ?? 5), colorscale: data.scale,
            color: path.rate.slice(0, n).map((r) => (log ? Math.log10(Math.max(r, low)) : r)),
            cmin: log ? Math.log10(low) : low, cmax: log ? Math.log10(high) : high,
            ...(data.bar && { showscale: true, colorbar: { title: { text: data.bar, side: "right" },
              thickness: 10, outlinewidth: 0 } }),
          },
        };
        return surface.checked
          ? [{ ...shown, type: "scatter3d", z: path.height.slice(0, n).map((h, i) => seen(path.height, i) === null ? null : h + 0.1) }]
          : [{ ...shown, type: "scatter" }];
      });
    }

    function draw() {
      const until = Number(slider.value);
      const style = getComputedStyle(document.documentElement);
      const [ink, rule] = ["--ink", "--rule"].map((name) => style.getPropertyValue(name));
      const under = surface.checked
        ? { type: "surface", z: data.heights, showscale: false, colorscale: ground(),
            contours: { z: { show: true, start: 0, end: data.levels, size: 1, color: rule } } }
        : { type: "contour", z: data.heights, showscale: false, colorscale: ground(),
            contours: { start: 0, end: data.levels, size: 1 },
            line: { width: 0.6, color: dark.matches ? "#34506b" : "#8fa6bc" } };
      const traces = [{ ...under, x: data.x, y: data.y, customdata: data.values,
        hovertemplate: "x %{x:.4g}<br>y %{y:.4g}<br>loss %{customdata:.4g}<extra></extra>" }];
      if (!surface.checked) {
        traces.push({ type: "scatter", mode: "markers", name: "minimum", hoverinfo: "skip",
          x: data.minima.map((m) => m[0]), y: data.minima.map((m) => m[1]), showlegend: false,
          marker: { symbol: "cross-thin", size: 11, line: { width: 2, color: ink } } });
      }
      const axis = (values, name) => ({ range: [values[0], values.at(-1)], linecolor: rule,
        gridcolor: rule, zeroline: false, title: { text: name ?? "" } });
      const [first, second] = data.names ?? [];
      const brief = (name) => name?.split(" (")[0];  // a longer one would leave the picture
      const scene = { xaxis: axis(data.x, brief(first)), yaxis: axis(data.y, brief(second)),
        zaxis: { title: { text: "contours" }, showticklabels: false } };
      Plotly.react(view, [...traces, ...paths(until)], {
        margin: { l: 44, r: 10, t: 6, b: 40 }, paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink },
        xaxis: axis(data.x, first), yaxis: axis(data.y, second), scene, uirevision: "kept",
        legend: { orientation: "h", y: -0.12 }, hovermode: "closest",
      }, { responsive: true, displaylogo: false,
        modeBarButtons: surface.checked ? [["resetCameraDefault3d"]]
          : [["toImage", "zoom2d", "pan2d", "resetScale2d"]] });
      output.textContent = "step " + until;
    }

    function stop() {
      clearInterval(timer);
      timer = 0;
      button.textContent = "Play";
    }

    button.addEventListener("click", () => {
      if (timer) return stop();
      if (Number(slider.value) >= data.steps) slider.value = 0;
      button.textContent = "Pause";
      timer = setInterval(() => {
        slider.value = Number(slider.value) + Math.max(1, Math.round(data.steps / 120));
        draw();
        if (Number(slider.value) >= data.steps) stop();
      }, 60);
    });
    slider.addEventListener("input", draw);
    surface.addEventListener("change", draw);
    dark.addEventListener("change", draw);
    draw();
  }
});
