// The charts of the runs that are chosen: rate, loss and whatever else they measure.

import { ApiError, get, latest } from "./api.js";
import { Chart, colour, css, layout } from "./chart.js";
import { mark, markers, plain, tracesOf } from "./runs-picture.js";
import { fill, h, later, select } from "./ui.js";

const TITLES = { lr: "learning rate" };
const FEW = 6; // runs with a band between lowest and highest; of more, only a smear would be seen
const POINTS = 1000; // of a stretch that is seen more closely
const OFTEN = 250; // milliseconds between two drawings of a chart

export class Charts {
  constructor(data, { changed, drop }) {
    this.data = data;
    this.changed = changed;
    this.drop = drop;
    this.runs = [];
    this.wanted = [];
    this.logs = new Set();
    this.smooth = 0;
    this.cards = new Map();
    this.pointed = null;
    this.slider = h("input", { type: "range", min: 0, max: 0.99, step: 0.01, "aria-label": "Smoothing", oninput: () => this.smoothen() });
    this.told = h("output.mono");
    this.add = select([["", "Add a chart…"]], "", { "aria-label": "Add a chart", onchange: () => this.more() });
    this.tools = h("div.row.grow", {}, h("label.smooth", { title: "Exponential moving average over the points that are drawn" }, "Smoothing", this.slider, this.told),
      h("span.grow"), this.add);
    this.legend = h("div.legend", { "aria-label": "Runs that are drawn" });
    this.grid = h("div.grid");
    this.note = h("p.empty", {}, "Tick runs in the list to see their curves.");
    this.problems = h("div.problems", { role: "status" });
    this.element = h("div.charts", {}, this.legend, this.problems, this.note, this.grid);
    this.range = null;
    this.ask = latest((path, options) => get(path, options));
    this.closer = later(() => this.inspect(), 200);
    this.wide = matchMedia("(min-width: 1500px)");
    this.themed = () => this.drawLegend();
    addEventListener("lrkit-theme", this.themed);
  }

  take({ charts, log, smooth }) {
    this.wanted = charts;
    this.logs = new Set(log);
    this.smooth = Math.min(Math.max(smooth, 0), 0.99);
    this.slider.value = this.smooth;
    this.told.value = this.smooth ? this.smooth.toFixed(2) : "off";
  }

  state() {
    return { charts: this.wanted, log: [...this.logs], smooth: this.smooth };
  }

  /** Draw these runs on this axis. */
  show(runs, axis) {
    this.runs = runs;
    if (this.axis !== axis) this.all();
    this.closer();
    this.axis = axis;
    this.note.hidden = runs.length > 0;
    this.drawLegend();
    this.arrange();
  }

  /** Something has come of a run. */
  tell(run) {
    if (this.data.close.has(run)) this.closer();
    this.arrange();
    this.drawLegend();
  }

  names() {
    const all = this.data.charts();
    return this.wanted.length ? this.wanted.filter((name) => all.includes(name)) : this.data.usual();
  }

  /** Give each chart that is shown its card, in order, and draw it. */
  arrange() {
    const names = this.runs.length ? this.names() : [];
    for (const [name, card] of this.cards) {
      if (names.includes(name)) continue;
      card.chart.end();
      card.element.remove();
      this.cards.delete(name);
    }
    names.forEach((name, i) => {
      if (!this.cards.has(name)) this.cards.set(name, this.card(name));
      const { element } = this.cards.get(name);
      if (this.grid.children[i] !== element) this.grid.insertBefore(element, this.grid.children[i] ?? null);
      this.soon(name);
    });
    this.grid.dataset.count = names.length;
    const rest = this.data.charts().filter((name) => !names.includes(name));
    const told = rest.join("\n");
    if (told !== this.rest) {
      this.rest = told;
      fill(this.add, h("option", { value: "" }, "Add a chart…"), rest.map((name) => h("option", { value: name }, TITLES[name] ?? name)));
    }
    this.add.disabled = !rest.length;
    this.explain();
  }

  /** Say why a run is not drawn, and what could not be read. */
  explain() {
    const told = [];
    for (const name of this.runs) {
      const run = this.data.runs.get(name);
      if (run?.missing) told.push(run.missing);
      else if (run?.problem) told.push(run.problem);
      if (run?.lost) told.push(`${name}: ${run.lost} damaged lines are left out`);
    }
    fill(this.problems, told.map((text) => h("p", {}, text)));
  }

  card(name) {
    const title = TITLES[name] ?? name;
    const body = h("div.chart");
    const log = h("button.quiet", {
      type: "button", "aria-pressed": String(this.logs.has(name)), title: "Logarithmic or linear",
      onclick: () => {
        if (!this.logs.delete(name)) this.logs.add(name);
        log.setAttribute("aria-pressed", String(this.logs.has(name)));
        this.draw(name);
        this.changed();
      },
    }, "log");
    const away = h("button.quiet.icon", { type: "button", "aria-label": `Remove the chart of ${title}`, title: "Remove this chart", onclick: () => this.less(name) }, "×");
    const element = h("article.panel.card", { dataset: { chart: name } }, h("header.row", {}, h("h2.grow", {}, title), log, away), body);
    return { element, body, log, chart: new Chart(body, `${title} of the chosen runs`), drawn: 0, timer: 0 };
  }

  /** Draw a chart now, or a moment after it was drawn last. */
  soon(name) {
    const card = this.cards.get(name);
    if (card.timer) return;
    const wait = Math.max(card.drawn + OFTEN - performance.now(), 0);
    card.timer = setTimeout(() => { card.timer = 0; this.draw(name); }, wait);
  }

  draw(name) {
    const card = this.cards.get(name);
    if (!card) return;
    card.drawn = performance.now();
    card.log.setAttribute("aria-pressed", String(this.logs.has(name)));
    const drawn = card.chart.draw(() => this.picture(name));
    if (!card.zooms) drawn.then(() => card.body.on?.("plotly_relayout", (changed) => this.zoom(changed)));
    card.zooms = true;
  }

  picture(name) {
    const [scale, title] = this.unit();
    const traces = [];
    const marks = { x: [], y: [], text: [], colours: [] };
    const smooth = name === "lr" ? 0 : this.smooth;
    this.runs.forEach((run, index) => {
      this.data.lines(run, name).forEach(([group, told], part) => {
        // An evaluation is a measurement of its own, and there are few: they stay as they are.
        traces.push(...tracesOf(told, { run, group, part, index, scale, smooth: told.score ? 0 : smooth, many: this.runs.length > FEW }));
        if (!part) mark(marks, this.data.runs.get(run)?.events ?? [], index, told, scale);
      });
    });
    if (marks.x.length) traces.push(markers(marks));
    const first = this.grid.firstChild === this.cards.get(name)?.element;
    const shapes = this.pointed ? this.pointer(scale) : [];
    const annotations = this.pointed && first ? this.label(scale) : [];
    // One axis for all: they stand below each other, and a stretch chosen in one is shown in all.
    const named = this.wide.matches || this.grid.lastChild === this.cards.get(name)?.element;
    const around = layout({
      x: { title: named ? title : "", range: this.range ?? this.extent(scale), automargin: false },
      y: { title: "", log: this.logs.has(name), nticks: 6, automargin: false },
      margin: { l: 56, r: 14, t: 6, b: named ? 38 : 24 }, shapes, annotations,
    });
    return { traces, layout: around };
  }

  /** Point at an edit: {run, event}, or at none. */
  point(pointed) {
    this.pointed = null;
    const found = pointed && this.data.runs.get(pointed.run)?.events.find((e) => e.step === pointed.event.step && e.time === pointed.event.time);
    if (found && found.x !== null) this.pointed = { ...found, run: pointed.run };
    for (const name of this.cards.keys()) this.draw(name);
  }

  pointer(scale) {
    const x = this.pointed.x / scale;
    return [{ type: "line", x0: x, x1: x, yref: "paper", y0: 0, y1: 1, line: { color: css("--accent"), width: 1.5, dash: "dot" } }];
  }

  label(scale) {
    const { x, words, author, reason } = this.pointed;
    const text = plain([words, [author, reason].filter(Boolean).join(": ")].filter(Boolean).join(" · "));
    const [low, high] = this.range ?? this.extent(scale) ?? [0, 1];
    const left = x / scale < (low + high) / 2;
    return [{
      x: x / scale, yref: "paper", y: 1, yanchor: "top", xanchor: left ? "left" : "right", xshift: left ? 5 : -5, text, showarrow: false,
      bgcolor: css("--panel"), bordercolor: css("--line"), borderpad: 3, font: { color: css("--text") },
    }];
  }

  /** Return where the axis begins and ends: all that is drawn, with a little room. */
  extent(scale) {
    let low = Infinity;
    let high = -Infinity;
    for (const name of this.cards.keys()) {
      for (const run of this.runs) {
        for (const [, told] of this.data.lines(run, name)) {
          low = Math.min(low, told.x[0] ?? Infinity);
          high = Math.max(high, told.x.at(-1) ?? -Infinity);
        }
      }
    }
    const room = 0.012 * (high - low);
    return high > low ? [(low - room) / scale, (high + room) / scale] : undefined;
  }

  /** A stretch was chosen in a chart (or, by a double click, all): show it in all charts. */
  zoom(changed) {
    const from = changed["xaxis.range[0]"];
    if (from !== undefined) this.range = [from, changed["xaxis.range[1]"]];
    else if (changed["xaxis.autorange"] || changed["xaxis.range"]) this.all();
    else return;
    for (const name of this.cards.keys()) this.draw(name);
    this.closer();
  }

  /** Show all of the axis again. */
  all() {
    this.range = null;
    this.data.stretch([]);
  }

  /** Look at the stretch that was chosen more closely: long runs have more to show there. */
  async inspect() {
    const runs = this.range ? this.data.coarse(this.runs) : [];
    const [scale] = this.unit();
    if (!runs.length) {
      if (!this.data.close.size) return;
      this.data.stretch([]);
    } else {
      const query = new URLSearchParams({ axis: this.axis, points: POINTS, begin: this.range[0] * scale, end: this.range[1] * scale });
      for (const run of runs) query.append("run", run);
      const told = await this.ask(`/api/curves?${query}`).catch((error) => {
        if (!(error instanceof ApiError)) throw error;
        return []; // a run that is gone says so by its stream
      });
      if (!told || !this.range) return;
      this.data.stretch(told);
    }
    for (const name of this.cards.keys()) this.draw(name);
  }

  /** Return by what the axis is divided, and its title. */
  unit() {
    if (this.axis !== "time") return [1, { step: "step", epoch: "epoch", area: "learning-rate area (sum of the rates so far)" }[this.axis]];
    let most = 0;
    for (const run of this.data.runs.values()) for (const told of run.lines.values()) most = Math.max(most, told.x.at(-1) ?? 0);
    if (most < 180) return [1, "time of training, s"];
    return most < 3 * 3600 ? [60, "time of training, min"] : [3600, "time of training, h"];
  }

  drawLegend() {
    const shares = this.runs.map((run) => Math.round(100 * (this.data.runs.get(run)?.share ?? 1)));
    const look = JSON.stringify([this.runs, shares]) + css("--page");
    if (look === this.look) return;
    this.look = look;
    fill(this.legend, this.runs.map((run, i) => h("span.chip", { style: { "--own": colour(i) } },
      h("i.own", { "aria-hidden": "true" }), h("span.label", { title: run }, run), shares[i] < 100 && h("small", { title: "A first sight, from parts of the journal; extremes come when all of it has been read" }, `${shares[i]} % read`),
      h("button.quiet", { type: "button", "aria-label": `Take ${run} away`, title: "Take away", onclick: () => this.drop(run) }, "×"))));
  }

  smoothen() {
    this.smooth = Number(this.slider.value);
    this.told.value = this.smooth ? this.smooth.toFixed(2) : "off";
    for (const name of this.cards.keys()) if (name !== "lr") this.soon(name);
    this.changed();
  }

  more() {
    if (this.add.value) this.wanted = [...this.names(), this.add.value];
    this.add.value = "";
    this.arrange();
    this.changed();
  }

  less(name) {
    const left = this.names().filter((other) => other !== name);
    this.wanted = left.length ? left : this.wanted;
    this.arrange();
    this.changed();
  }

  end() {
    removeEventListener("lrkit-theme", this.themed);
    this.closer.cancel();
    for (const card of this.cards.values()) {
      clearTimeout(card.timer);
      card.chart.end();
    }
  }
}
