// The map: contours of a function, and paths upon them, each step in the colour of its rate.

import { colour, css } from "./chart.js";
import { BINS, paint, rateColours, rateShare, ticks } from "./landscape-ground.js";
import { h, short } from "./ui.js";

const EDGE = { left: 44, right: 10, top: 10, bottom: 26 };
/** The map in an element; `moved(x, y)` is told where the start is put, `hovered` what is under the pointer. */
export class LandscapeMap {
  constructor(element, { moved, hovered }) {
    this.element = element;
    const layer = (name) => h(`canvas.map-${name}`, { "aria-hidden": "true" });
    [this.ground, this.trail, this.top] = ["ground", "trail", "top"].map(layer);
    element.append(this.ground, this.trail, this.top);
    this.surface = null;
    this.runs = [];
    this.start = null;
    this.drawn = [];
    this.now = 0;
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(element);
    this.pointers(moved, hovered);
  }

  end() {
    this.observer.disconnect();
  }

  pointers(moved, hovered) {
    const place = (event) => {
      const box = this.element.getBoundingClientRect();
      return [this.toX(event.clientX - box.left), this.toY(event.clientY - box.top)];
    };
    this.element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !this.surface) return;
      this.element.setPointerCapture(event.pointerId);
      this.held = true;
      moved(...place(event), true);
    });
    this.element.addEventListener("pointermove", (event) => {
      if (!this.surface) return;
      const [x, y] = place(event);
      hovered(x, y, this.valueAt(x, y));
      if (this.held) moved(x, y, false);
    });
    for (const name of ["pointerup", "pointercancel"]) this.element.addEventListener(name, () => { this.held = false; });
    this.element.addEventListener("pointerleave", () => hovered());
  }

  show(surface) {
    this.surface = surface;
    this.resize(true);
  }

  race(runs, start) {
    this.runs = runs;
    this.start = start;
    this.share = rateShare(runs);
    this.repaint();
  }

  /** Forget what is drawn, and draw it again up to the present step. */
  repaint() {
    this.ghosts();
    this.drawn = [];
    this.clear(this.trail);
    this.draw(this.now);
  }

  themed() {
    this.resize(true);
  }

  resize(force = false) {
    const [width, height] = [this.element.clientWidth, this.element.clientHeight];
    if (!width || !height || (!force && width === this.width && height === this.height)) return;
    const ratio = Math.min(devicePixelRatio || 1, 2);
    Object.assign(this, { width, height, ratio });
    for (const canvas of [this.ground, this.trail, this.top]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    if (!this.surface) return;
    this.picture = paint(this.surface, Math.max(Math.round(this.inner.w * ratio), 1), Math.max(Math.round(this.inner.h * ratio), 1));
    this.repaint();
  }

  clear(canvas) {
    canvas.getContext("2d").clearRect(0, 0, this.width ?? 0, this.height ?? 0);
  }

  get inner() {
    return { w: this.width - EDGE.left - EDGE.right, h: this.height - EDGE.top - EDGE.bottom };
  }
  x(x) { const [l, r] = this.surface.box; return EDGE.left + ((x - l) / (r - l)) * this.inner.w; }
  y(y) { const [, , b, t] = this.surface.box; return EDGE.top + ((t - y) / (t - b)) * this.inner.h; }
  toX(px) { const [l, r] = this.surface.box; return l + ((px - EDGE.left) / this.inner.w) * (r - l); }
  toY(py) { const [, , b, t] = this.surface.box; return t - ((py - EDGE.top) / this.inner.h) * (t - b); }

  /** Return the value at a place of the box, between the four points around it. */
  valueAt(x, y) {
    const { box: [l, r, b, t], columns, rows, values } = this.surface;
    const [u, v] = [((x - l) / (r - l)) * (columns - 1), ((y - b) / (t - b)) * (rows - 1)];
    if (!(u >= 0 && v >= 0 && u <= columns - 1 && v <= rows - 1)) return null;
    const [i, j] = [Math.min(Math.floor(u), columns - 2), Math.min(Math.floor(v), rows - 2)];
    const at = (p, q) => values[q * columns + p] ?? NaN;
    const [du, dv] = [u - i, v - j];
    return (at(i, j) * (1 - du) + at(i + 1, j) * du) * (1 - dv) + (at(i, j + 1) * (1 - du) + at(i + 1, j + 1) * du) * dv;
  }

  /** Draw the ground, the axes, the known minima, and faintly where every path will go. */
  ghosts() {
    if (!this.picture) return;
    const g = this.ground.getContext("2d");
    this.clear(this.ground);
    g.drawImage(this.picture, EDGE.left, EDGE.top, this.inner.w, this.inner.h);
    this.axes(g);
    g.save();
    this.clip(g);
    g.strokeStyle = css("--text");
    g.lineWidth = 1.5;
    for (const { x, y } of this.surface.function.minima) cross(g, this.x(x), this.y(y), 5);
    g.globalAlpha = 0.3;
    g.lineWidth = 1;
    this.runs.forEach((run, index) => {
      g.strokeStyle = colour(index);
      g.beginPath();
      this.trace(g, run, 0, run.x.length - 1);
      g.stroke();
    });
    g.restore();
  }

  clip(g) {
    g.beginPath();
    g.rect(EDGE.left, EDGE.top, this.inner.w, this.inner.h);
    g.clip();
  }

  axes(g) {
    const { box: [l, r, b, t] } = this.surface;
    g.font = "11px system-ui, sans-serif";
    g.fillStyle = css("--muted");
    g.strokeStyle = css("--strong");
    g.lineWidth = 1;
    g.strokeRect(EDGE.left + 0.5, EDGE.top + 0.5, this.inner.w - 1, this.inner.h - 1);
    g.textAlign = "center";
    g.textBaseline = "top";
    for (const v of ticks(l, r, this.inner.w / 80)) g.fillText(short(v), this.x(v), this.height - EDGE.bottom + 6);
    g.textAlign = "right";
    g.textBaseline = "middle";
    for (const v of ticks(b, t, this.inner.h / 50)) g.fillText(short(v), EDGE.left - 6, this.y(v));
  }

  /** Add the points from..to of a path to the canvas' path; steps that are not seen are passed over. */
  trace(g, run, from, to) {
    let [px, py] = [this.far(this.x(run.x[from])), this.far(this.y(run.y[from]))];
    g.moveTo(px, py);
    for (let i = from + 1; i <= to; i++) {
      const [nx, ny] = [this.far(this.x(run.x[i])), this.far(this.y(run.y[i]))];
      if (i < to && Math.abs(nx - px) < 0.6 && Math.abs(ny - py) < 0.6) continue;
      g.lineTo(nx, ny);
      [px, py] = [nx, ny];
    }
  }

  far(v) { return Math.min(Math.max(v, -1e5), 1e5); }

  /** Draw the paths up to step `now`, which may lie between two. */
  draw(now) {
    this.now = now;
    if (!this.picture) return;
    const g = this.trail.getContext("2d");
    g.lineCap = g.lineJoin = "round";
    g.save();
    this.clip(g);
    this.runs.forEach((run, index) => {
      const to = Math.min(Math.floor(now), run.x.length - 1);
      if (to < (this.drawn[index] ?? 0)) this.drawn = this.drawn.map(() => Infinity);
    });
    if (this.drawn.includes(Infinity)) {
      this.drawn = [];
      g.clearRect(0, 0, this.width, this.height);
    }
    const colours = rateColours();
    this.runs.forEach((run, index) => {
      const to = Math.min(Math.floor(now), run.x.length - 1);
      this.stroke(g, run, index, this.drawn[index] ?? 0, to, colours);
      this.drawn[index] = to;
    });
    g.restore();
    this.heads(now, colours);
  }

  /** Draw the steps from..to: an edge in the colour of the descent, filled in that of the rate. */
  stroke(g, run, index, from, to, colours) {
    if (to <= from) return;
    g.strokeStyle = colour(index);
    g.lineWidth = 4;
    g.beginPath();
    this.trace(g, run, from, to);
    g.stroke();
    g.lineWidth = 2;
    const bin = (i) => Math.min(Math.floor(this.share.of(run.rates[i]) * BINS), BINS - 1);
    for (let i = from; i < to;) {
      let j = i + 1;
      while (j < to && bin(j) === bin(i)) j++;
      g.strokeStyle = colours[Math.max(bin(i), 0)];
      g.beginPath();
      this.trace(g, run, i, j);
      g.stroke();
      i = j;
    }
  }

  /** Draw what moves: the last, partial step of every path, where it is, and the start. */
  heads(now, colours) {
    const g = this.top.getContext("2d");
    this.clear(this.top);
    if (this.start) {
      g.strokeStyle = css("--text");
      g.lineWidth = 1.5;
      g.beginPath();
      g.arc(this.x(this.start[0]), this.y(this.start[1]), 8, 0, 2 * Math.PI);
      g.stroke();
    }
    this.runs.forEach((run, index) => {
      const last = run.x.length - 1;
      const i = Math.min(Math.floor(now), last);
      const part = i < last ? now - i : 0;
      const over = run.status === "diverged" && i === last;
      const at = (column) => column[i] + (part ? (column[i + 1] - column[i]) * part : 0);
      let [px, py] = [this.far(this.x(at(run.x))), this.far(this.y(at(run.y)))];
      if (part) {
        g.save();
        this.clip(g);
        g.lineCap = "round";
        for (const [width, tone] of [[4, colour(index)], [2, colours[Math.min(Math.floor(this.share.of(run.rates[i]) * BINS), BINS - 1)]]]) {
          g.lineWidth = width;
          g.strokeStyle = tone;
          g.beginPath();
          g.moveTo(this.far(this.x(run.x[i])), this.far(this.y(run.y[i])));
          g.lineTo(px, py);
          g.stroke();
        }
        g.restore();
      }
      // What has left the map has its mark at the edge.
      px = Math.min(Math.max(px, EDGE.left), this.width - EDGE.right);
      py = Math.min(Math.max(py, EDGE.top), this.height - EDGE.bottom);
      mark(g, px, py, colour(index), over);
    });
  }
}

function cross(g, x, y, size) {
  g.beginPath();
  g.moveTo(x - size, y);
  g.lineTo(x + size, y);
  g.moveTo(x, y - size);
  g.lineTo(x, y + size);
  g.stroke();
}

function mark(g, x, y, tone, over) {
  g.lineWidth = 1.5;
  g.strokeStyle = css("--panel");
  g.fillStyle = tone;
  if (!over) {
    g.beginPath();
    g.arc(x, y, 5.5, 0, 2 * Math.PI);
    g.fill();
    g.stroke();
    return;
  }
  for (const [width, ink] of [[6, css("--panel")], [3, tone]]) {
    g.lineWidth = width;
    g.strokeStyle = ink;
    g.beginPath();
    g.moveTo(x - 6, y - 6);
    g.lineTo(x + 6, y + 6);
    g.moveTo(x + 6, y - 6);
    g.lineTo(x - 6, y + 6);
    g.stroke();
  }
}
