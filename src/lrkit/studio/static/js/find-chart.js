// The curve of a range test while it grows, and base and maximum as lines to be dragged.

import { Chart, colour, layout, line } from "./chart.js";
import { fill, s, short } from "./ui.js";

const ABOVE = 0.6; // how far above the first loss the axis goes, in falls: divergence has no end
const MARKS = [["base", "base", 2], ["maximum", "maximum", 1]];
const FINE = 1.02;
const COARSE = 1.2;

const round = (rate) => Number(rate.toPrecision(3));

export class Picture {
  constructor(element, moved) {
    this.element = element;
    this.moved = moved;
    this.chart = new Chart(element, "The loss of each repeat against the learning rate");
    this.box = s("svg", { class: "marks" });
    this.sized = new ResizeObserver(() => {
      this.chart.resize();
      requestAnimationFrame(() => this.place());
    });
    this.sized.observe(element);
    this.begin();
  }

  end() {
    this.sized.disconnect();
    this.chart.end();
  }

  begin() {
    this.all = [];
    this.test = null;
    this.told = null;
    this.rates = {};
    this.box.remove();
    this.lines = {};
    this.draw();
  }

  points(all, test) {
    this.all = all;
    this.test = test;
    this.draw();
  }

  suggests(told, rates) {
    this.told = told;
    this.rates = rates;
    this.lines = {};
    const groups = MARKS.filter(([name]) => rates[name] !== null).map(([name, label, index]) => (this.lines[name] = this.mark(name, label, index)));
    fill(this.box, ...groups);
    this.draw();
  }

  moves(rates) {
    this.rates = rates;
    this.place();
  }

  draw() {
    this.chart.draw(() => this.make()).then(() => {
      // Plotly draws in its own time when the window's size changes: the marks follow its axes.
      if (!this.heard) this.element.on?.("plotly_afterplot", () => this.place());
      this.heard = Boolean(this.element.on);
      this.place();
    });
  }

  make() {
    const traces = [];
    const repeats = new Map();
    for (const { repeat, rate, loss } of this.all) {
      if (!repeats.has(repeat)) repeats.set(repeat, { x: [], y: [] });
      repeats.get(repeat).x.push(rate);
      repeats.get(repeat).y.push(loss);
    }
    const done = Boolean(this.told?.smooth_rates.length);
    for (const [repeat, { x, y }] of repeats) {
      traces.push(line(x, y, { index: 0, name: `repeat ${repeat + 1}`, width: 1.4, opacity: done ? 0.4 : 0.8, connectgaps: false }));
    }
    const last = this.all.at(-1);
    if (last && this.test?.status === "running") {
      traces.push({ type: "scatter", mode: "markers", x: [last.rate], y: [last.loss], hoverinfo: "skip", marker: { size: 8, color: colour(1) } });
    }
    if (done) traces.push(line(this.told.smooth_rates, this.told.smooth_losses, { index: 3, name: "smooth", width: 2.6 }));
    return { traces, layout: this.around() };
  }

  around() {
    const [low, top] = this.range();
    const linear = this.test?.about.kind === "linear";
    return layout({
      x: { title: "learning rate", log: !linear, automargin: false, range: this.reach(linear) },
      y: { title: "training loss", range: [low, top], hoverformat: ".4g" },
      margin: { l: 64, r: 18, t: 26, b: 44 },
      shapes: this.intervals(),
      uirevision: this.test?.job ?? "none",
    });
  }

  /** The axis of rates: all that the test will go through, as far as its first two steps tell. */
  reach(linear) {
    const rates = this.all.map((one) => one.rate);
    const [low, high] = [rates.reduce((a, b) => Math.min(a, b), Infinity), rates.reduce((a, b) => Math.max(a, b), 0)];
    if (rates.length < 2 || this.all[0].repeat !== this.all[1].repeat) return linear ? [0, 1] : [-5, 1];
    const last = (this.test.about.steps ?? 2) - 1;
    const planned = this.told ? high : linear ? rates[0] + last * (rates[1] - rates[0]) : rates[0] * (rates[1] / rates[0]) ** last;
    const end = Math.max(high, planned);
    if (linear) return [low, end];
    const [from, to] = [Math.log10(low), Math.log10(end)];
    return [from - 0.01 * (to - from), to + 0.01 * (to - from)];
  }

  /** The axis of losses: a diverging loss would hide all that came before. */
  range() {
    const finite = this.all.map((one) => one.loss).filter((loss) => loss !== null);
    if (!finite.length) return [0, 1];
    const starts = this.all.filter((one, i) => i === 0 || this.all[i - 1].repeat !== one.repeat).map((one) => one.loss).filter((loss) => loss !== null);
    const first = starts.reduce((a, b) => a + b, 0) / (starts.length || 1);
    const least = finite.reduce((a, b) => Math.min(a, b), Infinity);
    const fall = Math.max(first - least, 0.05 * Math.abs(first), 1e-9);
    const rates = this.all.map((one) => one.rate).sort((a, b) => a - b);
    const early = this.all.filter((one) => one.loss !== null && one.rate <= rates[rates.length >> 1]).map((one) => one.loss).sort((a, b) => a - b);
    const usual = early[Math.floor(0.97 * (early.length - 1))] ?? first;
    return [least - 0.08 * fall, Math.max(first + ABOVE * fall, usual + 0.08 * (usual - least))];
  }

  intervals() {
    if (!this.told) return [];
    return MARKS.filter(([name]) => this.told[name]).map(([name, , index]) => ({
      type: "rect", xref: "x", yref: "paper", x0: this.told[name].low, x1: this.told[name].high, y0: 0, y1: 1,
      line: { width: 0 }, fillcolor: colour(index), opacity: 0.1, layer: "below",
    }));
  }

  mark(name, label, index) {
    const group = s("g", {
      class: "mark", tabindex: "0", role: "slider", "aria-label": label, "data-mark": name,
      onpointerdown: (event) => this.grab(event, name),
      onkeydown: (event) => this.key(event, name),
    }, s("line", { class: "reach" }), s("line", { class: "rule" }), s("rect", { class: "tab", rx: 5 }), s("text", { class: "name", "text-anchor": "middle" }));
    group.dataset.index = index;
    return group;
  }

  axes() {
    const full = this.element._fullLayout;
    return full?.xaxis?.d2p ? [full.xaxis, full.yaxis] : null;
  }

  place() {
    const axes = this.axes();
    if (!axes || !Object.keys(this.lines).length) return;
    const [x, y] = axes;
    if (this.box.parentElement !== this.element) this.element.append(this.box);
    for (const [name, group] of Object.entries(this.lines)) {
      const rate = this.rates[name];
      // A rate beyond the axis stands at its end, where it can be taken hold of again.
      const at = Math.min(Math.max(x.d2p(rate), 0), x._length) + x._offset;
      group.style.setProperty("--mark", colour(Number(group.dataset.index)));
      group.style.display = Number.isFinite(at) ? "" : "none";
      if (!Number.isFinite(at)) continue;
      const label = `${name} ${short(rate, 3)}`;
      const wide = 7 * label.length + 14;
      const middle = Math.min(Math.max(at, wide / 2), this.element.clientWidth - wide / 2);
      const [reach, rule, tab, text] = group.children;
      for (const one of [reach, rule]) for (const [key, value] of Object.entries({ x1: at, x2: at, y1: y._offset - 4, y2: y._offset + y._length })) one.setAttribute(key, value);
      for (const [key, value] of Object.entries({ x: middle - wide / 2, y: y._offset - 24, width: wide, height: 20 })) tab.setAttribute(key, value);
      text.setAttribute("x", middle);
      text.setAttribute("y", y._offset - 10);
      text.textContent = label;
      group.setAttribute("aria-valuenow", String(rate));
      group.setAttribute("aria-valuetext", short(rate, 3));
    }
  }

  grab(event, name) {
    event.preventDefault();
    event.stopPropagation();
    const group = this.lines[name];
    group.setPointerCapture(event.pointerId);
    group.focus({ preventScroll: true });
    const move = (now) => {
      const [x] = this.axes();
      const box = this.element.getBoundingClientRect();
      const inside = Math.min(Math.max(now.clientX - box.left - x._offset, 0), x._length);
      this.to(name, x.p2d(inside));
    };
    const release = () => group.removeEventListener("pointermove", move);
    group.addEventListener("pointermove", move);
    group.addEventListener("pointerup", release, { once: true });
    group.addEventListener("pointercancel", release, { once: true });
  }

  key(event, name) {
    const by = event.shiftKey ? COARSE : FINE;
    const factor = { ArrowRight: by, ArrowUp: by, ArrowLeft: 1 / by, ArrowDown: 1 / by }[event.key];
    if (!factor) return;
    event.preventDefault();
    this.to(name, this.rates[name] * factor);
  }

  to(name, rate) {
    if (rate > 0) this.moved({ [name]: round(rate) });
  }
}
