// The points by which the rest of a curve is dragged: by mouse, touch and keys.

import { fill, s, short } from "./ui.js";

const FIRST = 6; // points at the beginning
const MOST = 32;
const MOST_JOINTS = 12;
const NEAR = 0.06; // of what is left: an even point so close to a joint is left out
const FINE = 0.01; // of the axis: a step of the arrow keys; with shift ten times as far

const round = (value) => Number(Math.max(value, 0).toPrecision(3));

export class Handles {
  constructor(chart, moved) {
    this.chart = chart;
    this.moved = moved;
    this.on = false;
    this.points = [];
    this.anchor = 0;
    this.end_ = 1;
    this.box = s("svg", { class: "handles", "aria-label": "Points of the drawn curve" });
    // A click tells how often; plotly covers the chart under the finger, so no double click comes.
    this.twice = (event) => this.on && event.detail === 2 && this.add(event);
    chart.addEventListener("click", this.twice, true);
  }

  end() {
    this.chart.removeEventListener("click", this.twice, true);
    this.box.remove();
  }

  /**
   * Put points on what is to come, from step anchor on: at its joints, and evenly in between.
   * value(step) is the rate there, at most peak.
   */
  begin(anchor, end, { value, peak, joints }) {
    this.on = true;
    this.anchor = anchor;
    this.end_ = end;
    const near = NEAR * (end - anchor);
    const ahead = joints.map(Math.round).filter((x) => x > anchor && x < end);
    const bends = ahead.length > MOST_JOINTS ? [] : ahead;
    const even = Array.from({ length: FIRST }, (_, i) => Math.min(Math.round(anchor + ((end - anchor) * (i + 1)) / FIRST), end));
    const places = [...bends, ...even.filter((x) => x > anchor && bends.every((bend) => Math.abs(x - bend) > near))];
    this.points = [...new Set(places)].sort((a, b) => a - b).map((x) => ({ x, y: round(value(x)) }));
    this.top = 1.15 * Math.max(peak, 1e-12);
    this.low = Math.min(...this.points.map((one) => one.y).filter((y) => y > 0), value(anchor) || Infinity, this.top / 100) / 10;
    this.build();
  }

  stop() {
    this.on = false;
    this.points = [];
    this.box.remove();
  }

  /** The run has come further: points that it has passed go. */
  from(anchor) {
    if (!this.on) return;
    this.anchor = anchor;
    const left = this.points.filter((one) => one.x > anchor);
    if (left.length === this.points.length) return;
    this.points = left;
    this.build();
  }

  /** The range of the rate axis while points are dragged: it must not run away under the finger. */
  range(kind) {
    return kind === "log" ? [Math.log10(this.low), Math.log10(this.top)] : [0, this.top];
  }

  build() {
    this.dots = this.points.map((point) => {
      const group = s("g", {
        class: "handle", tabindex: "0", role: "slider", "aria-orientation": "vertical", "aria-valuemin": "0",
        onpointerdown: (event) => this.grab(event, point),
        onkeydown: (event) => this.key(event, point),
      }, s("circle", { class: "reach", r: 18 }), s("circle", { class: "dot", r: 6.5 }));
      return group;
    });
    fill(this.box, ...this.dots);
    this.place();
  }

  /** Put every point where the chart has its values. */
  place() {
    const axes = this.axes();
    if (!this.on || !axes) return;
    if (this.box.parentElement !== this.chart) this.chart.append(this.box);
    this.points.forEach((point, i) => {
      const [px, py] = [axes.x.d2p(point.x) + axes.x._offset, axes.y.d2p(Math.max(point.y, axes.log ? this.low : 0)) + axes.y._offset];
      if (!Number.isFinite(px) || !Number.isFinite(py)) return;
      const dot = this.dots[i];
      dot.setAttribute("transform", `translate(${px.toFixed(1)} ${py.toFixed(1)})`);
      dot.setAttribute("aria-valuenow", String(point.y));
      dot.setAttribute("aria-valuemax", String(this.top));
      dot.setAttribute("aria-valuetext", `rate ${short(point.y)} at ${short(point.x)}`);
      dot.setAttribute("aria-label", `Point ${i + 1} of ${this.points.length}`);
    });
  }

  axes() {
    const full = this.chart._fullLayout;
    if (!full?.xaxis?.d2p) return null;
    return { x: full.xaxis, y: full.yaxis, log: full.yaxis.type === "log" };
  }

  at(event) {
    const axes = this.axes();
    const box = this.chart.getBoundingClientRect();
    return [axes.x.p2d(event.clientX - box.left - axes.x._offset), axes.y.p2d(event.clientY - box.top - axes.y._offset)];
  }

  grab(event, point) {
    event.preventDefault();
    event.stopPropagation();
    const dot = this.dots[this.points.indexOf(point)];
    dot.setPointerCapture(event.pointerId);
    dot.focus({ preventScroll: true });
    dot.classList.add("held");
    const move = (now) => this.move(point, ...this.at(now));
    const release = () => {
      dot.removeEventListener("pointermove", move);
      dot.classList.remove("held");
    };
    dot.addEventListener("pointermove", move);
    dot.addEventListener("pointerup", release, { once: true });
    dot.addEventListener("pointercancel", release, { once: true });
  }

  /** Move a point, between its neighbours and above 0, and tell. */
  move(point, x, y) {
    const i = this.points.indexOf(point);
    if (i < 0) return;
    const low = (this.points[i - 1]?.x ?? this.anchor) + 1;
    const high = i === this.points.length - 1 ? this.end_ : this.points[i + 1].x - 1;
    point.x = Math.min(Math.max(x >= this.end_ ? this.end_ : Math.round(x), low), high);
    point.y = round(Math.min(y, this.top));
    this.tell();
  }

  key(event, point) {
    const far = event.shiftKey ? 10 * FINE : FINE;
    const axes = this.axes();
    const wide = far * (this.end_ - this.anchor);
    const up = axes?.log ? (sign) => point.y * (this.top / this.low) ** (sign * far) : (sign) => point.y + sign * far * this.top;
    const moves = {
      ArrowUp: () => this.move(point, point.x, up(1)),
      ArrowDown: () => this.move(point, point.x, up(-1)),
      ArrowRight: () => this.move(point, point.x + Math.max(1, wide), point.y),
      ArrowLeft: () => this.move(point, point.x - Math.max(1, wide), point.y),
      Delete: () => this.drop(point),
      Backspace: () => this.drop(point),
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    moves[event.key]();
  }

  drop(point) {
    if (this.points.length < 2) return;
    const i = this.points.indexOf(point);
    this.points.splice(i, 1);
    this.build();
    this.dots[Math.min(i, this.dots.length - 1)].focus();
    this.tell();
  }

  add(event) {
    event.preventDefault();
    event.stopPropagation();
    this.put(...this.at(event));
  }

  /** Put a point into the middle of the widest gap, and the keyboard on it. */
  more() {
    if (!this.on) return;
    const all = [{ x: this.anchor, y: this.points[0].y }, ...this.points];
    const gaps = all.slice(1).map((one, i) => one.x - all[i].x);
    const widest = gaps.indexOf(Math.max(...gaps));
    const [a, b] = [all[widest], all[widest + 1]];
    this.put((a.x + b.x) / 2, (a.y + b.y) / 2);
    this.dots[widest]?.focus();
  }

  put(x, y) {
    const place = Math.round(x);
    const taken = this.points.some((one) => Math.abs(one.x - place) < 1);
    if (taken || place <= this.anchor || place > this.end_ || this.points.length >= MOST) return;
    this.points.push({ x: place, y: round(y) });
    this.points.sort((a, b) => a.x - b.x);
    this.build();
    this.tell();
  }

  tell() {
    this.place();
    this.moved(this.points.map((one) => [one.x, one.y]));
  }
}
