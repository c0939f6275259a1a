// The surface: the same contours as heights, to be turned, with the paths upon it (plotly).

import { colour, css, isDark, ready } from "./chart.js";
import { heightOf, rateScale, rateShare } from "./landscape-ground.js";

const GROUND = { light: [[0, "#7fa3c4"], [0.4, "#bfd2e3"], [1, "#f4f7fa"]], dark: [[0, "#4b7aa3"], [0.4, "#2f4a63"], [1, "#20272e"]] };
const PAUSE = 120; // milliseconds between two pictures: plotly draws no faster

/** A surface in an element. */
export class Solid {
  constructor(element) {
    this.element = element;
    this.last = 0;
    this.timer = 0;
  }

  show(surface, runs) {
    Object.assign(this, { surface, runs, share: rateShare(runs) });
    this.paths = runs.map((run) => this.path(run));
    this.draw(this.now ?? 0, true);
  }

  /** Return what of a path lies on the surface: points, heights, colours, steps. */
  path(run) {
    const [l, r, b, t] = this.surface.box;
    const seen = { x: [], y: [], z: [], tone: [], step: [] };
    run.x.forEach((x, i) => {
      const y = run.y[i];
      const inside = x >= l && x <= r && y >= b && y <= t;
      seen.x.push(x);
      seen.y.push(y);
      seen.z.push(inside ? heightOf(this.surface.levels, run.losses[i]) + 0.2 : null);
      seen.tone.push(this.share.of(run.rates[Math.min(i, run.rates.length - 1)] ?? 0));
    });
    return seen;
  }

  draw(now, force = false) {
    this.now = now;
    clearTimeout(this.timer);
    const wait = force ? 0 : this.last + PAUSE - performance.now();
    if (wait > 0) this.timer = setTimeout(() => this.draw(this.now, true), wait);
    else this.paint();
  }

  async paint() {
    this.last = performance.now();
    const plotly = await ready();
    if (!this.element.isConnected || !this.surface) return;
    const { box: [l, r, b, t], columns, rows, values, levels } = this.surface;
    const rowsOf = Array.from({ length: rows }, (_, j) => values.slice(j * columns, (j + 1) * columns));
    const even = (low, high, n) => Array.from({ length: n }, (_, i) => low + ((high - low) * i) / (n - 1));
    const ground = {
      type: "surface", x: even(l, r, columns), y: even(b, t, rows), showscale: false, customdata: rowsOf,
      z: rowsOf.map((row) => row.map((v) => (v === null ? null : heightOf(levels, v)))),
      colorscale: GROUND[isDark() ? "dark" : "light"],
      contours: { z: { show: true, start: 0, end: levels.length, size: 1, color: css("--strong"), width: 1 } },
      lighting: { ambient: 0.75, diffuse: 0.4, specular: 0.05 },
      hovertemplate: "x %{x:.3g}, y %{y:.3g}<br>loss %{customdata:.4g}<extra></extra>",
    };
    const axis = { color: css("--muted"), gridcolor: css("--line"), zeroline: false, backgroundcolor: css("--panel") };
    await plotly.react(this.element, [ground, ...this.traces()], {
      margin: { l: 0, r: 0, t: 0, b: 0 }, paper_bgcolor: "rgba(0,0,0,0)", showlegend: false, uirevision: "kept",
      font: { family: "system-ui, sans-serif", size: 11, color: css("--muted") },
      scene: {
        xaxis: { ...axis, title: { text: this.surface.names?.[0] ?? "x" }, range: [l, r] }, yaxis: { ...axis, title: { text: this.surface.names?.[1] ?? "y" }, range: [b, t] },
        zaxis: { ...axis, title: { text: "" }, showticklabels: false },
        aspectratio: { x: 1.35, y: 1.1, z: 0.6 }, camera: { eye: { x: -1.05, y: -1.5, z: 1.15 }, center: { x: 0, y: 0, z: -0.22 } },
      },
    }, { displayModeBar: false, responsive: true });
  }

  traces() {
    return this.paths.flatMap((path, index) => {
      const n = Math.min(Math.floor(this.now) + 1, path.x.length);
      const cut = (column) => column.slice(0, n);
      const common = { type: "scatter3d", hoverinfo: "skip" };
      const tones = rateScale().map((tone, i, all) => [i / (all.length - 1), tone]);
      return [
        { ...common, mode: "lines", x: cut(path.x), y: cut(path.y), z: cut(path.z),
          line: { width: 6, color: cut(path.tone), colorscale: tones, cmin: 0, cmax: 1 } },
        { ...common, mode: "markers", x: [path.x[n - 1]], y: [path.y[n - 1]], z: [path.z[n - 1]],
          marker: { size: 6, color: colour(index), line: { width: 1, color: css("--panel") } } },
      ];
    });
  }

  end() {
    clearTimeout(this.timer);
    if (window.Plotly) window.Plotly.purge(this.element);
  }
}
