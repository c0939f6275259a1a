// The rate of a run on one chart: declared, followed, what an edit would make of it, and the
// points by which the rest of the curve is dragged.

import { Chart, colour, css, layout, line } from "./chart.js";
import { Handles } from "./steer-handles.js";
import { fill, h } from "./ui.js";

const AHEAD = 2.5; // seconds; what is drawn begins where the run will be then

/** Return the value of a line of points at x, straight in between. */
export function valueAt({ x, y }, place) {
  let low = 0;
  let high = x.length - 1;
  if (place <= x[0]) return y[0];
  if (place >= x[high]) return y[high];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (x[middle] <= place) low = middle;
    else high = middle;
  }
  return y[low] + ((y[high] - y[low]) * (place - x[low])) / (x[high] - x[low]);
}

/** Return the first step that an edit drawn now can move. */
export function anchorOf(state) {
  const gone = state.status === "running" ? Math.max(1, Math.ceil((state.speed ?? 0) * AHEAD / clock(state))) : 0;
  return state.position + gone;
}

const clock = (state) => (state.per_epoch && state.steps_per_epoch ? state.steps_per_epoch : 1);

export class Picture {
  constructor(element, legend, drew) {
    this.element = element;
    this.legend = legend;
    this.chart = new Chart(element, "The learning rate of the run: declared, followed so far, and to come");
    this.kind = "linear";
    this.course = null;
    this.state = null;
    this.preview = null;
    this.handles = new Handles(element, drew);
    this.sized = new ResizeObserver(() => {
      this.chart.resize();
      requestAnimationFrame(() => this.handles.place());
    });
    this.sized.observe(element);
  }

  end() {
    this.sized.disconnect();
    this.handles.end();
    this.chart.end();
  }

  scale(kind) {
    this.kind = kind;
    this.draw();
  }

  follows(course, state) {
    this.course = course;
    this.state = state;
    this.draw();
  }

  stands(state) {
    this.state = state;
    this.handles.from(anchorOf(state));
    this.draw();
  }

  /** Show what an edit would make of the rest; null: nothing is asked for. */
  shows(preview) {
    if (this.preview === preview) return;
    this.preview = preview;
    this.draw();
  }

  /** Let the rest of the curve be dragged for the form; null: no longer. */
  draws(form) {
    if (Boolean(form) === this.handles.on || (form && !this.course)) return;
    if (form) this.handles.begin(anchorOf(this.state), this.course.total ?? this.end_, { value: (x) => this.ahead(x), peak: this.peak, joints: this.course.joints });
    else this.handles.stop();
    this.draw();
  }

  /** Where the axis ends: the run's total, before and after the edit that is looked at. */
  get end_() {
    const total = this.course ? this.course.total ?? this.course.followed.x.at(-1) : 0;
    return Math.max(total, this.preview?.after.total ?? 0, this.state?.position ?? 0, 1);
  }

  get peak() {
    return [...this.course.declared.y, ...this.course.followed.y].reduce((a, b) => Math.max(a, b), 0);
  }

  ahead(x) {
    return valueAt(this.course.followed, x);
  }

  draw() {
    const there = Boolean(this.course && this.state);
    this.element.hidden = !there;
    if (!there) return null;
    return this.chart.draw(() => this.make()).then(() => this.handles.place());
  }

  make() {
    const { course, state, preview } = this;
    const now = state.position;
    const edited = state.edits.some((one) => one.words && one.step !== null);
    const past = part(course.followed, 0, now);
    const rest = part(course.followed, now, Infinity);
    const traces = [];
    if (edited) {
      traces.push(line(course.declared.x, course.declared.y, {
        name: "declared", width: 1.2, line: { color: css("--muted"), width: 1.2, dash: "dot" },
      }));
    }
    traces.push(line(past.x, past.y, { name: "so far", width: 2.6 }));
    traces.push(line(rest.x, rest.y, { name: "to come", opacity: preview ? 0.45 : 0.75, width: 2 }));
    if (preview) traces.push(line(preview.curve.x, preview.curve.y, { index: 1, name: "with the edit", width: 2.6 }));
    traces.push(marks(state, course.followed));
    fill(this.legend, traces.filter((one) => one.mode === "lines").map((one) =>
      h("span", {}, h("i", { style: { "border-top": `2px ${one.line.dash === "dot" ? "dotted" : "solid"} ${one.line.color}`, opacity: one.opacity } }), one.name)));
    return { traces, layout: this.around(this.end_, now) };
  }

  around(end, now) {
    const rule = { type: "line", xref: "x", yref: "paper", x0: now, x1: now, y0: 0, y1: 1, line: { color: css("--strong"), width: 1, dash: "dot" } };
    const y = { title: "", automargin: false, log: this.kind === "log", hoverformat: ".4g", ...(this.kind === "log" ? { tickformat: "~g" } : { rangemode: "tozero" }) };
    if (this.handles.on && this.handles.range) Object.assign(y, { range: this.handles.range(this.kind), autorange: false });
    return layout({
      x: { title: this.state.per_epoch ? "epoch" : "step", automargin: false, range: [0, end * 1.01] },
      y,
      shapes: [rule],
      annotations: [{
        x: now, y: 1, xref: "x", yref: "paper", text: "now", showarrow: false, yanchor: "bottom", font: { size: 11, color: css("--muted") },
      }],
      margin: { l: 60, r: 14, t: 20, b: 40 },
      dragmode: this.handles.on ? false : "zoom",
      uirevision: "steer",
    });
  }
}

function part({ x, y }, from, to) {
  const at = x.map((one) => one >= from && one <= to);
  const found = { x: x.filter((_, i) => at[i]), y: y.filter((_, i) => at[i]) };
  for (const edge of [from, to]) {
    if (!Number.isFinite(edge) || edge <= x[0] || edge >= x.at(-1)) continue;
    const value = valueAt({ x, y }, edge);
    if (edge === from) { found.x.unshift(edge); found.y.unshift(value); } else { found.x.push(edge); found.y.push(value); }
  }
  return found;
}

// plotly reads tags in its labels.
const plain = (text) => text.replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);

function marks(state, followed) {
  const shown = state.edits.filter((one) => one.step !== null);
  return {
    type: "scatter", mode: "markers", name: "edits", x: shown.map((one) => one.step), y: shown.map((one) => valueAt(followed, one.step)),
    text: shown.map((one) => plain(one.told)), hovertemplate: "%{text}<extra></extra>",
    marker: { size: 9, symbol: "diamond", color: colour(0), line: { color: css("--panel"), width: 1.5 } },
  };
}
