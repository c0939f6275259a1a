// Loss and rate against the step, with a cursor at the present one.

import { Chart, css, fade, layout, line } from "./chart.js";
import { largest, limits, ruling } from "./landscape-limits.js";
import { h, short } from "./ui.js";

const MARGIN = { l: 54, r: 12, t: 6, b: 34 };
const POINTS = 1200;

/** Two charts in an element; `seek(step)` is called where one is clicked. */
export class Traces {
  constructor(element, seek) {
    this.boxes = ["Loss", "Learning rate"].map((title) => {
      const canvas = h("div.chart");
      const cursor = h("div.cursor", { "aria-hidden": "true" });
      const box = h("div.trace", {}, h("h3", {}, title), h("div.plot", {}, canvas, cursor));
      canvas.addEventListener("click", (event) => {
        const place = canvas.getBoundingClientRect();
        const share = (event.clientX - place.left - MARGIN.l) / (place.width - MARGIN.l - MARGIN.r);
        if (this.steps) seek(Math.round(Math.min(Math.max(share, 0), 1) * this.steps));
      });
      return { box, canvas, cursor, chart: new Chart(canvas, `${title} against the step`) };
    });
    element.append(...this.boxes.map((one) => one.box));
    this.now = 0;
    this.observer = new ResizeObserver(() => this.at(this.now));
    this.observer.observe(element);
  }

  /** Draw the runs of the lanes; `known` is the function, for its lowest value and its curvature. */
  show(runs, lanes, steps, known) {
    const names = lanes.map(({ parts }) => `${parts.at(-1).optimizer}, ${parts.at(-1).schedule}`);
    this.steps = steps;
    const [loss, rate] = this.boxes;
    const floor = lowest(known, runs);
    const all = runs.map((run) => run.losses.map((v) => v - floor));
    const log = all.every((column) => column.every((v) => v >= 0)) && all.some((column) => column[0] > 0);
    const top = 1e4 * Math.max(...all.map((column) => column[0]), 0);
    loss.box.querySelector("h3").textContent = floor ? "Loss above the minimum" : "Loss";
    loss.chart.draw(() => ({
      traces: runs.map((run, index) => {
        const [x, y] = thinned(all[index].map((v) => (top && v > top) || (log && v <= 0) ? null : v));
        return line(x, y, { index, name: names[index], width: 1.6 });
      }),
      layout: around(steps, { log, ...(log ? scaled(decades(all, top)) : {}) }),
    }));
    const bounds = known.curvature ? limits(lanes, known.curvature, steps) : [];
    rate.chart.draw(() => ({
      traces: [...bounds.map(fixed), ...(known.curvature || runs.length > 1 ? [] : local(runs[0], lanes[0].parts)), ...rates(runs, names)],
      layout: around(steps, { range: [0, highest(runs, bounds)], nticks: 6 }),
    }));
    this.at(this.now);
  }

  /** Put the cursor at a step. */
  at(step) {
    this.now = step;
    for (const { canvas, cursor } of this.boxes) {
      const width = canvas.clientWidth - MARGIN.l - MARGIN.r;
      cursor.style.transform = `translateX(${MARGIN.l + (this.steps ? (step / this.steps) * width : 0)}px)`;
    }
  }

  end() {
    this.observer.disconnect();
    for (const { chart } of this.boxes) chart.end();
  }
}

/** Return the value that losses are counted from: the known minimum, where no path is below it. */
function lowest(known, runs) {
  if (!known.minima.length) return 0;
  const least = Math.min(...known.minima.map((m) => m.value));
  return runs.every((run) => run.losses.every((v) => v >= least)) && Math.abs(least) > 1e-12 ? least : 0;
}

function rates(runs, names) {
  return runs.map((run, index) => {
    const [x, y] = thinned(run.rates);
    return line(x, y, { index, name: names[index], width: 1.8 });
  });
}

const bound = (x, y, name) => line(x, y, { name, line: { color: css("--muted"), width: 1.2, dash: "dash" } });
const fixed = ({ rate, word, x }) => bound(x, [rate, rate], `${word} / L = ${short(rate)}`);

/** Return the limit of a run by the curvature at each of its points, where its optimizer has one. */
function local(run, parts) {
  const found = run.sharpness.map((curvature, step) => largest(ruling(parts, step), curvature));
  const words = new Set(found.filter(Boolean).map((one) => one.word));
  if (!words.size) return [];
  const [x, y] = thinned(found.map((one) => one?.rate ?? null));
  return [bound(x, y, words.size > 1 ? "largest stable rate where it is" : `${[...words][0]} / curvature where it is`)];
}

/** Return where the axis of rates ends: with room for the limits that are near. */
function highest(runs, bounds) {
  const most = Math.max(...runs.map((run) => run.rates.reduce((a, b) => Math.max(a, b), 0)), 0) || 1;
  return 1.12 * Math.max(most, ...bounds.map((one) => one.rate).filter((rate) => rate < 2.5 * most));
}

function decades(all, top) {
  let [low, high] = [Infinity, 0];
  for (const column of all) for (const v of column) if (v > 0 && v <= top) { low = Math.min(low, v); high = Math.max(high, v); }
  if (!(high > 0)) return [-1, 1];
  low = Math.max(low, high * 1e-16);
  return [Math.log10(low) - 0.3, Math.log10(high) + 0.3];
}

/** Return an axis of decades: where it spans few, 2 and 5 have their marks as well. */
function scaled(range) {
  const span = range[1] - range[0];
  return { range, nticks: 6, ...(span < 2 ? { dtick: "D2" } : span < 6 ? { dtick: 1 } : {}) };
}

function around(steps, y) {
  return layout({
    margin: MARGIN,
    hoverlabel: { bgcolor: css("--panel"), bordercolor: fade("#888888", 0.4), font: { color: css("--text") }, namelength: 30 },
    x: { range: [0, steps], automargin: false, nticks: 6, title: "" },
    y: { automargin: false, title: "", exponentformat: "e", ...y },
  });
}

/** Return steps and values with about POINTS points, highest and lowest of each stretch kept. */
function thinned(values) {
  const n = values.length;
  if (n <= POINTS) return [values.map((_, i) => i), values];
  const [x, y] = [[], []];
  const size = Math.ceil((2 * n) / POINTS);
  for (let from = 0; from < n; from += size) {
    let [low, high] = [from, from];
    for (let i = from; i < Math.min(from + size, n); i++) {
      if (values[i] < values[low] || values[low] === null) low = i;
      if (values[i] > values[high]) high = i;
    }
    for (const i of low === high ? [low] : [Math.min(low, high), Math.max(low, high)]) { x.push(i); y.push(values[i]); }
  }
  x.push(n - 1);
  y.push(values[n - 1]);
  return [x, y];
}
