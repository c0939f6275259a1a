// A slice as it grows: its points, the surface that they make so far, and the map of it.

import { colour, css, line } from "./chart.js";
import { BINS, rateColours } from "./landscape-ground.js";
import { LandscapeMap } from "./landscape-map.js";

const STEPS = 256;
const BANDS = 16;
const WIDE = 30;

/** What a slice has told so far; take(message) adds a message of its stream. */
export class SliceData {
  constructor() {
    this.begin();
  }

  begin() {
    this.losses = new Map();
    this.told = null;
    this.stride = STEPS;
  }

  take(message) {
    this.told = message;
    for (const point of message.points) {
      const [i, j] = point.length === 3 ? point : [point[0], 0];
      this.losses.set(i * (STEPS + 1) + j, point.at(-1) ?? Infinity);
      for (const k of [i, j]) if (k % STEPS) this.stride = Math.min(this.stride, k & -k);
    }
  }

  /** Whether there is a picture: the coarsest grid is half there. */
  get drawable() {
    return this.losses.size > (this.told?.axes.length === 2 ? 8 : 3);
  }

  /** Points an axis of the finest grid that has been begun. */
  get count() {
    return STEPS / Math.min(this.stride, STEPS / 4) + 1;
  }

  at(i, j) {
    return this.losses.get(i * (STEPS + 1) + j);
  }

  /** Return rows of the grid with n points an axis; what is not known yet lies between its neighbours. */
  rows(n = this.count) {
    const stride = STEPS / (n - 1);
    const coarse = n > 5 ? this.rows((n - 1) / 2 + 1) : null;
    return Array.from({ length: n }, (_, q) => Array.from({ length: n }, (_, p) => {
      const known = this.at(p * stride, q * stride);
      if (known !== undefined) return known;
      if (!coarse) return this.nearest(p, q, stride);
      const [a, b] = [Math.floor(p / 2), Math.floor(q / 2)];
      const [c, d] = [Math.ceil(p / 2), Math.ceil(q / 2)];
      return (coarse[b][a] + coarse[b][c] + coarse[d][a] + coarse[d][c]) / 4;
    }));
  }

  /** Return the loss of the known point of the coarsest grid that is nearest. */
  nearest(p, q, stride) {
    let [best, far] = [NaN, Infinity];
    for (let b = 0; b < 5; b++) {
      for (let a = 0; a < 5; a++) {
        const known = this.at(a * stride, b * stride);
        const off = (a - p) ** 2 + (b - q) ** 2;
        if (known !== undefined && off < far) [best, far] = [known, off];
      }
    }
    return best;
  }

  /** Return the plane as the map and the solid take it. */
  surface() {
    const n = this.count;
    const values = this.rows(n).flat();
    const [x, y] = this.told.axes;
    const finite = [...this.losses.values()].filter(Number.isFinite).sort((a, b) => a - b);
    const levels = Array.from({ length: BANDS + 1 }, (_, k) => quantile(finite, (k / BANDS) ** 2));
    return {
      box: [x.low, x.high, y.low, y.high], columns: n, rows: n, function: { minima: [] },
      names: [x.label, y.label],
      values: values.map((v) => (Number.isFinite(v) ? v : null)), levels: levels.filter((v, k) => !k || v > levels[k - 1]),
    };
  }

  /** Return the training as a path on the map: where its checkpoints fall, and their rates. */
  path() {
    const way = this.told.way;
    return {
      x: way.map((w) => w.at[0]), y: way.map((w) => w.at[1] ?? 0), losses: way.map((w) => w.inside ?? NaN),
      rates: way.map((w) => w.rate ?? 0), status: "done",
    };
  }

  /** Return the traces and the layout of the losses of the checkpoints, true and in the slice. */
  gap() {
    const measured = this.told.way.filter((w) => w.measured);
    const x = measured.map((w) => w.step);
    const columns = ["loss", "inside"].map((name) => measured.map((w) => w[name]));
    const dotted = { mode: "lines+markers" };
    const where = this.told.axes.length === 2 ? "plane" : "line";
    return {
      traces: [
        line(x, columns[0], { ...dotted, index: 0, name: "true weights" }),
        line(x, columns[1], { ...dotted, index: 1, name: `their image on the ${where}`, line: { color: colour(1), width: 2, dash: "dash" } }),
      ],
      log: wide(columns.flat()),
    };
  }

  /** Return the traces of a line: the loss along it, and above it the true losses. */
  along() {
    const [axis] = this.told.axes;
    const places = [...this.losses.keys()].map((key) => Math.floor(key / (STEPS + 1))).sort((a, b) => a - b);
    const x = places.map((i) => axis.low + ((axis.high - axis.low) * i) / STEPS);
    const y = places.map((i) => finiteOr(this.at(i, 0)));
    const seen = this.told.way.filter((w) => w.measured && w.at[0] >= axis.low && w.at[0] <= axis.high);
    return {
      traces: [
        line(x, y, { index: 0, name: "on the line" }),
        {
          ...line(seen.map((w) => w.at[0]), seen.map((w) => w.loss), { index: 1, name: "true weights" }),
          mode: "markers", marker: { size: 7, color: colour(1) }, text: seen.map((w) => `step ${w.step.toLocaleString("en")}`),
          hovertemplate: "%{y:.4g}, %{text}<extra>true weights</extra>",
        },
      ],
      log: wide([...y, ...seen.map((w) => w.loss)]),
    };
  }

  /** Return the traces of the sharpness and of its bound. */
  sharpness() {
    const readings = this.told.readings;
    const x = readings.map((r) => r.step);
    const [value, bound] = ["value", "bound"].map((name) => readings.map((r) => r[name]));
    const traces = [line(x, value, { mode: "lines+markers", index: 0, name: "sharpness" })];
    if (bound.some((b) => b !== null)) {
      traces.push(line(x, bound, { index: 1, name: "bound", line: { color: colour(1), width: 2, dash: "dash" } }));
    }
    return { traces, log: wide([...value, ...bound]) };
  }
}

const finiteOr = (v) => (Number.isFinite(v) ? v : null);
const quantile = (sorted, share) => {
  if (!sorted.length) return 0;
  const place = share * (sorted.length - 1);
  const i = Math.min(Math.floor(place), sorted.length - 1);
  return sorted[i] + (sorted[Math.min(i + 1, sorted.length - 1)] - sorted[i]) * (place - i);
};
const wide = (values) => {
  const there = values.filter((v) => v !== null && Number.isFinite(v));
  const [low, high] = [Math.min(...there), Math.max(...there)];
  return there.length > 0 && low > 0 && high > WIDE * low;
};

/** The map of a plane: contours, the training with a dot for each checkpoint, and the point chosen. */
export class SliceMap extends LandscapeMap {
  /** Draw the steps from..to in the colours of their rates, with an edge that sets them off. */
  stroke(g, run, index, from, to, colours) {
    if (to <= from) return;
    for (const [width, edge] of [[6, css("--panel")], [3.4, null]]) {
      g.lineWidth = width;
      for (let i = from; i < to; i++) {
        g.strokeStyle = edge ?? colours[Math.max(Math.min(Math.floor(this.share.of(run.rates[i]) * BINS), BINS - 1), 0)];
        g.beginPath();
        this.trace(g, run, i, i + 1);
        g.stroke();
      }
    }
  }

  /** Draw the dots in the colours of their rates, the ends, and the point that was chosen. */
  heads() {
    const g = this.top.getContext("2d");
    this.clear(this.top);
    const [run] = this.runs;
    const tones = rateColours();
    run?.x.forEach((x, i) => {
      const ends = i === 0 || i === run.x.length - 1;
      g.beginPath();
      const [px, py] = [this.x(x), this.y(run.y[i])];
      if (i === 0) g.rect(px - 4.5, py - 4.5, 9, 9);
      else g.arc(px, py, ends ? 6 : run.x.length > 60 ? 2.2 : 4, 0, 2 * Math.PI);
      g.fillStyle = tones[Math.min(Math.floor(this.share.of(run.rates[i]) * BINS), BINS - 1)] ?? tones[0];
      g.fill();
      g.lineWidth = 1.5;
      g.strokeStyle = ends ? css("--text") : css("--panel");
      g.stroke();
    });
    if (run) {
      const last = run.x.length - 1;
      const off = Math.hypot(this.x(run.x[0]) - this.x(run.x[last]), this.y(run.y[0]) - this.y(run.y[last]));
      if (off > 24) this.label(g, run, 0, "begin");
      this.label(g, run, last, off > 24 ? "end" : "begin and end");
    }
    if (!this.start) return;
    const [px, py] = [this.x(this.start[0]), this.y(this.start[1])];
    for (const [width, ink] of [[5, css("--panel")], [2, css("--text")]]) {
      g.lineWidth = width;
      g.strokeStyle = ink;
      g.beginPath();
      g.arc(px, py, 8, 0, 2 * Math.PI);
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        g.moveTo(px + 5 * dx, py + 5 * dy);
        g.lineTo(px + 12 * dx, py + 12 * dy);
      }
      g.stroke();
    }
  }

  label(g, run, i, text) {
    const [px, py] = [this.x(run.x[i]), this.y(run.y[i])];
    if (!(px > 0 && py > 0 && px < this.width && py < this.height)) return;
    g.font = "11px system-ui, sans-serif";
    g.textBaseline = "middle";
    g.textAlign = px > this.width - 60 ? "right" : "left";
    const x = px + (px > this.width - 60 ? -10 : 10);
    g.lineWidth = 3;
    g.strokeStyle = css("--panel");
    g.strokeText(text, x, py - 9);
    g.fillStyle = css("--text");
    g.fillText(text, x, py - 9);
  }
}
