// Your network: the loss around a run's weights, on planes and lines, and its sharpness.
//
// Link: #/landscape?tab=network&run=NAME&kind=pca|random|three|line|sharpness&file=….jsonl&view=surface
// The parts: landscape-slice.js keeps and draws a slice, landscape-form.js asks for one.

import { get, post, stream } from "./api.js";
import { Chart, css, layout } from "./chart.js";
import { fill, h, segments, short, toast } from "./ui.js";
import { SliceForm } from "./landscape-form.js";
import { rateColours } from "./landscape-ground.js";
import { SliceData, SliceMap } from "./landscape-slice.js";
import { Solid } from "./landscape-solid.js";

const GOING = new Set(["waiting", "growing"]);
const STATES = { waiting: "Loading the run…", growing: "Refining", done: "Done", stopped: "Stopped", failed: "Failed" };
const path = (...parts) => `/api/slices/${parts.map(encodeURIComponent).join("/")}`;

export async function mount(root, params, context) {
  const sheet = h("link", { rel: "stylesheet", href: "/static/css/landscape-network.css" });
  await new Promise((done) => {
    sheet.onload = sheet.onerror = done;
    root.append(sheet);
  });
  const page = new Network(root, context);
  await page.begin(params);
  return { update: (now) => page.take(now), unmount: () => page.end() };
}

class Network {
  constructor(root, context) {
    this.context = context;
    this.data = new SliceData();
    this.close = null;
    this.file = null;
    this.point = null;
    this.view = "map";
    this.build(root);
    this.themed = () => this.repaint();
    addEventListener("lrkit-theme", this.themed);
  }

  build(root) {
    this.form = new SliceForm({
      readOnly: this.context.about.read_only,
      chosen: (run) => this.list(run), kind: () => this.newest(), compute: (asked) => this.compute(asked), stop: (job) => this.stop(job),
      show: (file) => this.show(file), start: (asked) => this.start(asked),
    });
    this.truth = h("p.truth", { role: "status", "aria-live": "polite" });
    this.notes = h("p.notes");
    this.state = h("div.row.state");
    this.meter = h("progress", { max: 1, value: 0, "aria-label": "Points computed" });
    this.map = h("div.map", {
      tabindex: "0", role: "application", onkeydown: (event) => this.key(event),
      "aria-label": "Contours of the loss. Click, or use the arrow keys, to choose a point",
    });
    this.solid = h("div.solid", { hidden: true, role: "img", "aria-label": "The loss as a surface, with the training" });
    this.plot = h("div.chart.flat", { hidden: true });
    this.empty = h("div.empty", {}, "");
    this.readout = h("output.readout");
    this.legend = h("div.legend", { "aria-label": "Colours of the learning rate" },
      h("span", {}, "rate "), h("span.low"), h("i"), h("span.high"));
    this.turns = segments([["map", "Contours"], ["surface", "Surface"]], "map", (view) => { this.view = view; this.draw(); this.keep(); }, "View");
    this.beside = h("div.chart.gap");
    this.stage = h("div.panel.view", {}, this.map, this.solid, this.plot, this.empty, h("div.foot", {}, this.readout, this.legend));
    this.under = h("section.panel.beside", {}, h("h3", {}, "Loss of the checkpoints, by step"), this.beside);
    root.append(h("div.network", {},
      h("aside.panel.side", { "aria-label": "What is looked at" }, this.form.element),
      h("div.stage", {},
        h("div.panel.honest", {}, h("div.row", {}, this.state, this.meter, this.turns), this.truth, this.notes),
        this.stage, this.under)));
    this.plane = new SliceMap(this.map, {
      moved: (x, y) => this.choose([x, y]),
      hovered: (x, y, value) => this.hover(x, y, value),
    });
    this.body = new Solid(this.solid);
    this.flat = new Chart(this.plot, "The loss on a line, or the sharpness along the run");
    this.gap = new Chart(this.beside, "The loss of the checkpoints, true and on the slice");
    this.plot.addEventListener("click", (event) => this.clicked(event));
    this.blank("");
  }

  async begin(params) {
    try {
      await this.form.load(await get("/api/slices"));
    } catch (error) {
      return this.blank(error.message);
    }
    return this.take(params);
  }

  async take(params) {
    this.view = params.get("view") === "surface" ? "surface" : "map";
    this.turns.show(this.view);
    if (!this.form.choose(params.get("run"), params.get("kind"))) {
      return this.blank("No run with a checkpoint here yet. Train one with --checkpoint 1ep --keep all, and look at its way.");
    }
    await this.list(this.form.run, params.get("file"));
  }

  /** List the slices of a run, and show one: that of the name, else the newest of the kind. */
  async list(run, file = null) {
    try {
      const known = await get(path(run));
      if (run !== this.form.run) return;
      this.form.known(known);
    } catch (error) {
      toast(error.message, "bad");
    }
    if (file) this.show(file);
    else this.newest();
  }

  newest() {
    const file = this.form.newest();
    if (file) this.show(file);
    else {
      this.leave();
      this.blank(this.form.invites());
      this.keep();
    }
  }

  async compute(asked) {
    const run = this.form.run;
    try {
      const began = await post(path(run), asked);
      if (run === this.form.run) this.show(began.file);
    } catch (error) {
      toast(error.message, "bad");
    }
  }

  async stop(job) {
    try {
      await post(`/api/jobs/${encodeURIComponent(job)}/stop`);
    } catch (error) {
      toast(error.message, "bad");
    }
  }

  leave() {
    this.close?.();
    this.close = this.file = null;
    this.choose(null);
    this.form.busy(false);
  }

  show(file) {
    this.leave();
    this.file = file;
    this.data.begin();
    this.blank("Waiting for the first points…");
    this.keep();
    this.close = stream(path(this.form.run, file, "live"), {
      slice: (message) => this.told(message),
      over: () => { this.close?.(); this.close = null; },
      refusal: ({ message }) => this.blank(message),
    }, { again: () => this.data.begin() });
  }

  told(message) {
    const first = !this.data.told;
    this.data.take(message);
    if (first && message.kind) this.form.choose(this.form.run, message.kind);
    const going = GOING.has(message.status);
    this.form.busy(going, message.job);
    this.stage.dataset.points = this.data.losses.size || message.readings.length;
    this.stage.dataset.level = message.level;
    this.stage.dataset.status = message.status;
    fill(this.state,
      h(`span.badge.${going ? "running" : message.status}`, {}, STATES[message.status] ?? message.status),
      h("strong", { title: message.title }, message.title),
      h("span.muted", {}, this.progress(message)),
      message.reason && h("span.error", { title: message.reason }, message.reason));
    this.meter.hidden = !going || !message.wanted;
    this.meter.value = message.kind === "sharpness" ? message.level / message.wanted
      : this.data.losses.size / Math.max(message.wanted, 1) ** Math.max(message.axes.length, 1);
    this.honest(message);
    if (!going && message.done) this.form.refresh(message);
    this.draw();
  }

  progress({ kind, level, wanted }) {
    if (!kind) return "";
    if (kind === "sharpness") return `${level} of ${wanted} checkpoints`;
    const size = (n) => (this.data.told.axes.length === 2 ? `${n} × ${n}` : `${n}`);
    return level >= wanted ? `${size(level)} points` : `${size(level)} of ${size(wanted)} points`;
  }

  /** Say how much of the truth the slice shows, loudest where it is little. */
  honest({ truth, notes, share, kind }) {
    this.truth.textContent = truth;
    this.truth.dataset.kind = share !== null && share < 0.5 ? "bad" : share !== null && share < 0.8 ? "warn" : "";
    this.notes.textContent = notes.join(" ");
    this.turns.hidden = !kind || kind === "line" || kind === "sharpness";
  }

  blank(text) {
    fill(this.state);
    this.truth.textContent = this.notes.textContent = this.readout.textContent = "";
    this.meter.hidden = this.turns.hidden = this.legend.hidden = true;
    for (const part of [this.map, this.solid, this.plot]) part.hidden = true;
    this.under.hidden = true;
    this.empty.hidden = false;
    this.empty.textContent = text;
    for (const name of ["points", "level", "status"]) delete this.stage.dataset[name];
  }

  draw() {
    const told = this.data.told;
    if (!told?.kind) return;
    const plane = told.axes.length === 2;
    const ready = told.kind === "sharpness" ? told.readings.length > 0 : this.data.drawable;
    this.empty.hidden = ready;
    this.map.hidden = !(ready && plane && this.view === "map");
    this.solid.hidden = !(ready && plane && this.view === "surface");
    this.plot.hidden = !ready || plane;
    this.legend.hidden = !(ready && plane && told.way.length);
    this.under.hidden = !told.way.length;
    if (!ready) return;
    if (plane) this.paint();
    else this.flat.draw(() => this.chart());
    if (told.way.some((w) => w.measured)) {
      this.gap.draw(() => this.gaps());
    }
    this.hover();
  }

  paint() {
    const surface = this.data.surface();
    const runs = this.data.told.way.length ? [this.data.path()] : [];
    if (this.view === "surface") {
      this.body.show(surface, runs);
      this.body.draw(Infinity);
    } else {
      this.plane.now = runs.length ? runs[0].x.length - 1 : 0;
      this.plane.show(surface);
      this.plane.race(runs, this.point);
      this.scale(this.plane.share);
    }
  }

  scale({ low, high, log }) {
    this.legend.querySelector(".low").textContent = short(low, 2);
    this.legend.querySelector(".high").textContent = `${short(high, 2)}${log ? " (log)" : ""}`;
    this.legend.querySelector("i").style.background = `linear-gradient(90deg, ${rateColours().filter((_, i) => i % 6 === 0).join(", ")})`;
  }

  // What is drawn a moment later, or anew in another theme, may find that another slice has begun.
  gaps() {
    if (!this.data.told) return { traces: [], layout: layout() };
    const { traces, log } = this.data.gap();
    return { traces, layout: layout({ margin: { l: 50, r: 12, t: 4, b: 34 }, x: { title: "" }, y: { log, nticks: 5 }, ...legend }) };
  }

  chart() {
    const told = this.data.told;
    if (!told || told.axes.length === 2) return { traces: [], layout: layout() };
    const sharp = told.kind === "sharpness";
    const { traces, log } = sharp ? this.data.sharpness() : this.data.along();
    const marks = sharp ? [] : [0, 1, ...(this.point ? this.point : [])].map((x, i) => ({
      type: "line", xref: "x", yref: "paper", x0: x, x1: x, y0: 0, y1: 1,
      line: { color: css(i < 2 ? "--strong" : "--text"), width: i < 2 ? 1 : 2, dash: i < 2 ? "dot" : "solid" },
    }));
    const title = sharp ? "step" : `place on the line: 0 at step ${short(told.at[0])}, 1 at step ${short(told.at[1])}`;
    return {
      traces,
      layout: layout({ shapes: marks, x: { title }, y: { log, title: sharp ? "sharpness" : "loss" }, ...legend }),
    };
  }

  /** Choose the point to start from: [x, y] on a plane, [t] on a line, null for none. */
  choose(point) {
    const axes = this.data.told?.axes ?? [];
    this.point = point && point.map((v, k) => Math.min(Math.max(v, axes[k].low), axes[k].high));
    this.form.point(this.point, point && this.lossAt(this.point));
    if (point && this.point.length === 2) {
      this.plane.start = this.point;
      this.plane.heads();
    } else if (point) {
      this.flat.draw(() => this.chart());
    } else {
      this.plane.start = null;
    }
  }

  /** Return the loss at a point, between the computed ones. */
  lossAt(point) {
    if (point.length === 2) return this.plane.surface ? this.plane.valueAt(...point) : null;
    const { x, y } = this.data.along().traces[0];
    const next = x.findIndex((v) => v >= point[0]);
    if (next <= 0) return y[Math.max(next, 0)] ?? null;
    const part = (point[0] - x[next - 1]) / (x[next] - x[next - 1]);
    return y[next - 1] === null || y[next] === null ? null : y[next - 1] * (1 - part) + y[next] * part;
  }

  clicked(event) {
    const axis = this.plot._fullLayout?.xaxis;
    if (this.data.told?.kind !== "line" || !axis) return;
    this.choose([axis.p2d(event.clientX - this.plot.getBoundingClientRect().left - axis._offset)]);
  }

  key(event) {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key] ?? [0, 0];
    if (!dx && !dy) return;
    event.preventDefault();
    const share = event.shiftKey ? 0.1 : 0.01;
    const middle = this.data.told.axes.map((a) => (a.low + a.high) / 2);
    const [x, y] = this.point ?? middle;
    const [a, b] = this.data.told.axes.map((axis) => share * (axis.high - axis.low));
    this.choose(this.point ? [x + dx * a, y + dy * b] : middle);
  }

  hover(x, y, value) {
    const told = this.data.told;
    if (!told?.kind || told.kind === "sharpness") return void (this.readout.textContent = "");
    const idle = this.view === "surface" && told.axes.length === 2 ? "drag to turn, scroll to come nearer" : "click to choose a point";
    const [a, b] = told.axes.map((axis) => axis.label);
    const known = value !== undefined && value !== null && Number.isFinite(value);
    this.readout.textContent = x === undefined ? idle
      : `${a} ${short(x, 3)}, ${b} ${short(y, 3)}: loss ${known ? short(value, 3) : "off the chart"}`;
  }

  async start(asked) {
    try {
      const { run } = await post(path(this.form.run, this.file, "start"), { at: this.point, ...asked });
      this.form.started(run, this.context.link("steer", { run }));
    } catch (error) {
      this.form.refuse(error);
    }
  }

  keep() {
    const { run, kind } = this.form;
    this.context.keep({ run, kind, file: this.file, view: this.view === "surface" ? "surface" : "" });
  }

  repaint() {
    if (this.data.told?.axes.length === 2 && this.data.drawable) this.paint();
  }

  end() {
    this.leave();
    removeEventListener("lrkit-theme", this.themed);
    for (const part of [this.plane, this.body, this.flat, this.gap]) part.end();
  }
}

const legend = { showlegend: true, legend: { orientation: "h", x: 1, xanchor: "right", y: 1, yanchor: "bottom", bgcolor: "rgba(0,0,0,0)" } };
