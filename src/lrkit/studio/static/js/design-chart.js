// The curve, and the handles over it: by mouse, by touch and by keyboard.

import { Chart, colour, fade, layout, line } from "./chart.js";
import { fill, h, s, short } from "./ui.js";

const HEADROOM = 1.18;
const STILL = 5; // pixels that a hand moves without meaning it, on either axis

/**
 * The plot: on.drag({handle, x, y, dx, dy}, base) as a handle is moved, x and y null where it stays, and
 * on.drop(base, cancelled) when it is let go; `base` is what on.take() gave. Answers come by show().
 */
export class Plot {
  constructor(on) {
    this.on = on;
    this.canvas = h("div.canvas");
    this.marks = s("svg", { class: "marks", "aria-hidden": "true" });
    this.grips = h("div.grips", { role: "group", "aria-label": "Handles of the curve" });
    this.legend = h("div.legend", { "aria-hidden": "true" });
    this.box = h("div.plot", {}, h("span.unit", { "aria-hidden": "true" }, "learning rate"), this.legend, this.canvas, this.marks, this.grips);
    this.chart = new Chart(this.canvas, "The rate of every update");
    this.buttons = new Map();
    this.held = null;
    this.shown = null;
    this.lit = null;
    this.listening = false;
    this.watch = new ResizeObserver(() => this.place());
    this.watch.observe(this.box);
  }

  end() {
    this.watch.disconnect();
    this.chart.end();
  }

  /** Draw a look, and the pinned curves; view is {log, epochs, epoch}. */
  async show(look, pins, view) {
    this.shown = { look, pins, view };
    fill(this.legend, pins.length ? [{ name: "this schedule", index: 0 }, ...pins].map((one) =>
      h("span", { style: { color: colour(one.index) } }, h("i.swatch"), h("b", {}, one.name))) : null);
    await this.chart.draw(() => this.figure());
    if (!this.listening && this.canvas.on) {
      this.canvas.on("plotly_afterplot", () => this.place());
      this.listening = true;
    }
    this.place();
    this.canvas.dispatchEvent(new CustomEvent("drawn", { detail: look.text }));
  }

  /** Light up the steps between which a piece runs, or none. */
  light(piece) {
    this.lit = piece;
    this.place();
  }

  figure() {
    const { look, pins, view } = this.shown;
    const unit = view.epochs ? view.epoch : 1;
    const across = (x) => (unit === 1 ? x : x.map((v) => v / unit));
    const traces = pins.filter((pin) => pin.points).map((pin) =>
      line(across(pin.points.x), pin.points.y, { index: pin.index, name: pin.name, width: 1.6, opacity: 0.9 }));
    traces.push(line(across(look.points.x), look.points.y, { index: 0, name: "this schedule", width: 2.6 }));
    if (!view.log) {
      const under = traces[traces.length - 1];
      under.fill = "tozeroy";
      under.fillcolor = fade(colour(0), 0.07);
    }
    const [low, high] = this.range();
    const y = view.log
      ? { log: true, range: [Math.log10(low), Math.log10(high)], dtick: 1, tickformat: "~e" }
      : { range: [low, high], tickformat: "~g", nticks: 7 };
    return {
      traces,
      layout: layout({
        margin: { l: 58, r: 16, t: 22, b: 40 },
        x: { title: view.epochs ? "epoch" : "step", range: [0, look.total / unit], hoverformat: ",.6~g", tickformat: view.epochs ? "~g" : ",~g", showspikes: false, automargin: false },
        y: { automargin: false, ...y },
        dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
        uirevision: `${view.log} ${view.epochs} ${look.total}`,
        hovermode: this.held ? false : "x unified",
        transition: { duration: 0 },
      }),
    };
  }

  /** Return the lowest and the highest rate of the axis; while a hand drags it stays as it is. */
  range() {
    const { look, pins, view } = this.shown;
    if (this.held) return this.held.range;
    const tops = [look.facts.peak, ...pins.map((pin) => pin.peak ?? 0)];
    const top = Math.max(...tops) || 1;
    if (!view.log) return [0, top * HEADROOM];
    const floor = look.facts.smallest || top / 1e4;
    return [Math.max(floor, top / 1e5) / 1.6, top * 1.8];
  }

  /** Return plotly's axes, with functions between values and pixels of the box. */
  axes() {
    const full = this.canvas._fullLayout;
    if (!full?.xaxis?._length) return null;
    const unit = this.shown.view.epochs ? this.shown.view.epoch : 1;
    const { xaxis, yaxis } = full;
    return {
      left: xaxis._offset, width: xaxis._length, top: yaxis._offset, height: yaxis._length,
      x: (steps) => xaxis._offset + xaxis.l2p(steps / unit),
      steps: (px) => xaxis.p2l(px - xaxis._offset) * unit,
      y: (rate) => yaxis._offset + yaxis.l2p(this.shown.view.log ? Math.log10(Math.max(rate, 1e-300)) : rate),
      // A rate of 0 is nowhere on a logarithmic axis: its handle is at the bottom.
      seen(rate) { return Math.min(Math.max(this.y(rate), this.top - 4), this.top + this.height); },
      rate: (px) => {
        const l = yaxis.p2l(px - yaxis._offset);
        return this.shown.view.log ? 10 ** l : l;
      },
    };
  }

  /** Put the handles, the joints' lines and the lit piece where the axes say. */
  place() {
    const axes = this.shown && this.axes();
    if (!axes) return;
    const { look } = this.shown;
    this.marks.setAttribute("viewBox", `0 0 ${this.box.clientWidth} ${this.box.clientHeight}`);
    const bottom = axes.top + axes.height;
    const parts = look.facts.joints.slice(0, 60).map((j) =>
      s("line", { class: "joint", x1: axes.x(j), x2: axes.x(j), y1: axes.top, y2: bottom }));
    if (this.lit && this.lit.begins !== null) {
      const a = axes.x(this.lit.begins);
      parts.unshift(s("rect", { class: "lit", x: a, y: axes.top, width: Math.max(axes.x(Math.min(this.lit.ends, look.total)) - a, 1), height: axes.height }));
    }
    this.marks.replaceChildren(...parts);
    const seen = new Set();
    for (const grip of look.grips) {
      seen.add(grip.name);
      const button = this.buttons.get(grip.name) ?? this.button(grip.name);
      const px = axes.x(grip.x);
      const py = axes.seen(grip.y);
      button.style.transform = `translate(${px}px, ${py}px)`;
      button.hidden = px < axes.left - 1 || px > axes.left + axes.width + 1;
      button.classList.toggle("fixed", !grip.by_x && !grip.by_y);
      button.classList.toggle("across", Boolean(grip.by_x && !grip.by_y));
      button.classList.toggle("along", Boolean(!grip.by_x && grip.by_y));
      button.setAttribute("aria-label", this.words(grip));
      button.title = this.words(grip);
    }
    for (const [name, button] of this.buttons) {
      if (seen.has(name) || this.held?.name === name) continue;
      button.remove();
      this.buttons.delete(name);
    }
  }

  words(grip) {
    const moves = grip.by_x && grip.by_y ? "drag it, or use the arrow keys"
      : grip.by_x ? "it moves sideways" : grip.by_y ? "it moves up and down" : "it does not move";
    const why = [!grip.by_x && grip.why_x, !grip.by_y && grip.why_y].filter(Boolean).join("; ");
    return `${grip.name}: step ${short(grip.x, 6)}, rate ${short(grip.y)}; ${moves}${why ? ` (${why})` : ""}`;
  }

  button(name) {
    const button = h("button.grip", { type: "button", dataset: { grip: name } }, h("i"));
    button.addEventListener("pointerdown", (event) => this.take(event, name, button));
    button.addEventListener("keydown", (event) => this.key(event, name));
    this.buttons.set(name, button);
    this.grips.append(button);
    return button;
  }

  take(event, name, button) {
    const axes = this.axes();
    const grip = this.shown.look.grips.find((one) => one.name === name);
    if (event.button || !axes || !grip || (!grip.by_x && !grip.by_y)) return;
    const base = this.on.take();
    if (!base) return;
    event.preventDefault();
    button.focus();
    button.setPointerCapture(event.pointerId);
    const box = this.box.getBoundingClientRect();
    const at = { x: axes.x(grip.x), y: axes.seen(grip.y) };
    const from = { x: event.clientX - box.left, y: event.clientY - box.top };
    this.held = { name, range: this.range(), moved: { x: false, y: false } };
    this.box.classList.add("dragging");
    const move = (now) => {
      const by = { x: now.clientX - box.left - from.x, y: now.clientY - box.top - from.y };
      for (const axis of ["x", "y"]) this.held.moved[axis] ||= Math.abs(by[axis]) > STILL;
      const x = grip.by_x && this.held.moved.x ? Math.max(axes.steps(at.x + by.x), 0) : null;
      const y = grip.by_y && this.held.moved.y ? Math.max(axes.rate(at.y + by.y), 0) : null;
      if (x !== null || y !== null) this.on.drag({ handle: name, x, y, ...this.resolution(axes, y ?? grip.y) }, base);
    };
    const escape = (key) => {
      if (key.key !== "Escape") return;
      this.held.cancelled = true;
      button.releasePointerCapture(event.pointerId);
    };
    const drop = () => {
      button.removeEventListener("pointermove", move);
      button.removeEventListener("keydown", escape);
      const { cancelled } = this.held;
      this.held = null;
      this.box.classList.remove("dragging");
      this.on.drop(base, cancelled);
    };
    button.addEventListener("keydown", escape);
    button.addEventListener("pointermove", move);
    button.addEventListener("lostpointercapture", drop, { once: true });
  }

  /** Return how fine a pixel is, in steps and in rates at a rate. */
  resolution(axes, rate, fine = 1) {
    const dx = Math.abs(axes.steps(axes.left + 2) - axes.steps(axes.left));
    const py = axes.seen(rate);
    const dy = Math.abs(axes.rate(py - 1) - axes.rate(py + 1));
    return { dx: Math.max(dx * fine, 1e-9), dy: Math.max(dy * fine, 1e-300) };
  }

  key(event, name) {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = ways[event.key];
    const axes = this.axes();
    const grip = this.shown.look.grips.find((one) => one.name === name);
    if (!way || !axes || !grip || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const size = event.shiftKey ? 5 : event.altKey ? 0.2 : 1;
    const by = [(way[0] * size * axes.width) / 100, (way[1] * size * axes.height) / 50];
    const x = way[0] && grip.by_x ? Math.max(axes.steps(axes.x(grip.x) + by[0]), 0) : null;
    const y = way[1] && grip.by_y ? Math.max(axes.rate(axes.seen(grip.y) + by[1]), 0) : null;
    if (x === null && y === null) return this.on.stuck(way[0] ? grip.why_x : grip.why_y);
    this.on.nudge({ handle: name, x, y, ...this.resolution(axes, y ?? grip.y, size / 2) });
  }
}
