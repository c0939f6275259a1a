// What is asked of a run's network: which slice, and a training from a point of it.

import { field, fill, h, select, short, toast } from "./ui.js";

const KINDS = [
  ["pca", "Principal plane", "The plane that holds most of the training's movement"],
  ["random", "Random plane", "Two random directions, normalised filter by filter"],
  ["three", "Three checkpoints", "The plane through three checkpoints"],
  ["line", "Line", "Straight from one checkpoint to another, and beyond"],
  ["sharpness", "Sharpness", "The largest Hessian eigenvalue along the run, beside 2 / rate"],
];
const POINTS = [[17, "17"], [33, "33"], [65, "65"], [129, "129"]];
const SAMPLES = [["128", "128"], ["512", "512"], ["2048", "2,048"], ["all", "all of them"]];

// The first of the steps is the beginning, which no file is needed for.
const counted = ({ length }) => `${length - 1} checkpoint${length === 2 ? "" : "s"}`;

/** The side of the page: run, kind, how fine, and what to do at the point that was chosen. */
export class SliceForm {
  constructor({ readOnly, chosen, kind, compute, stop, show, start }) {
    Object.assign(this, { readOnly, run: null, kind: "pca", runs: [], files: [], job: null });
    this.choice = select([], "", { onchange: () => { this.run = this.choice.value; this.steps(); chosen(this.run); } });
    this.kinds = h("div.kinds", { role: "group", "aria-label": "What is computed" }, KINDS.map(([value, text, title]) =>
      h("button", { type: "button", title, dataset: { kind: value }, onclick: () => { this.turn(value); kind(); } }, text)));
    this.about = h("p.about");
    this.places = [0, 1, 2].map(() => select([], "", { "aria-label": "Step" }));
    this.placed = h("div.places");
    this.points = select(POINTS, "33");
    this.samples = select(SAMPLES, "512");
    this.seed = h("input", { type: "number", min: 0, max: 2 ** 31 - 1, step: 1, value: "0" });
    this.go = h("button.primary", { type: "button", onclick: () => (this.job ? stop(this.job) : compute(this.asked())) }, "Compute");
    this.earlier = select([], "", { onchange: () => this.earlier.value && show(this.earlier.value) });
    this.seedField = field("Seed", this.seed);
    this.earlierField = field("Computed already", this.earlier);
    this.fine = field("Points an axis", this.points);
    this.element = h("div.stack", {}, field("Run", this.choice), this.kinds, this.about, this.placed,
      h("div.pair", {}, this.fine, field("Samples", this.samples), this.seedField),
      !readOnly && this.go, this.earlierField, this.startPart(start));
    this.turn("pca");
  }

  startPart(start) {
    this.schedule = h("input.mono", { type: "text", value: "0.05 * cosine()", spellcheck: "false", maxlength: 20000 });
    this.total = h("input", { type: "text", value: "5ep", maxlength: 20 });
    this.place = h("p.place");
    this.problem = h("p.error", { role: "alert" });
    this.begin = h("button.primary", { type: "submit" }, "Start a training from here");
    this.outcome = h("p.outcome", { role: "status" });
    this.from = h("form.stack.from", {
      "aria-label": "A training from the point", hidden: true,
      onsubmit: (event) => {
        event.preventDefault();
        this.problem.textContent = "";
        fill(this.outcome);
        start({ schedule: this.schedule.value, total: this.total.value.trim() || null });
      },
    }, h("h2", {}, "At this point"), this.place,
    !this.readOnly && [field("Schedule", this.schedule), field("Length", this.total, "500 (steps), 5ep"), this.begin, this.problem, this.outcome]);
    return this.from;
  }

  async load(runs) {
    this.runs = runs;
    fill(this.choice, runs.map(({ run, task, steps }) => h("option", { value: run }, `${run} (${task}, ${counted(steps)})`)));
    this.choice.disabled = this.go.disabled = !runs.length;
  }

  /** Choose run and kind where they are there; returns whether there is a run. */
  choose(run, kind) {
    if (!this.runs.length) return false;
    const known = this.runs.some((one) => one.run === run);
    const wanted = known ? run : this.run ?? this.runs[0].run;
    if (run && !known) toast(`${run} has no checkpoint here, so ${wanted} is shown; train with --checkpoint 1ep --keep all`, "bad");
    if (wanted !== this.run) {
      this.run = this.choice.value = wanted;
      this.steps();
    }
    if (KINDS.some(([value]) => value === kind)) this.turn(kind);
    return true;
  }

  turn(kind) {
    this.kind = kind;
    for (const button of this.kinds.children) button.setAttribute("aria-pressed", String(button.dataset.kind === kind));
    this.about.textContent = `${KINDS.find(([value]) => value === kind)[2]}.`;
    this.seedField.hidden = kind !== "random";
    this.fine.hidden = kind === "sharpness";
    const count = { three: 3, line: 2 }[kind] ?? 0;
    const names = kind === "line" ? ["From step", "To step"] : ["Step", "Step", "Step"];
    fill(this.placed, this.places.slice(0, count).map((place, i) => field(names[i], place)));
    this.placed.hidden = !count;
    if (this.run) this.steps();
    this.list();
  }

  /** Offer the steps of the run's checkpoints: its beginning, its middle, its end. */
  steps() {
    const steps = this.runs.find((one) => one.run === this.run).steps;
    const spread = this.kind === "line" ? [0, 1, 1] : [0, 0.5, 1];
    this.places.forEach((place, i) => {
      fill(place, steps.map((step) => h("option", { value: step }, step.toLocaleString("en"))));
      place.value = String(steps[Math.round(spread[i] * (steps.length - 1))]);
    });
  }

  asked() {
    const count = { three: 3, line: 2 }[this.kind] ?? 0;
    const samples = this.samples.value === "all" ? "all" : Number(this.samples.value);
    return {
      kind: this.kind, samples, points: Number(this.points.value),
      at: this.places.slice(0, count).map((place) => Number(place.value)),
      seed: this.kind === "random" ? Number(this.seed.value) : 0,
    };
  }

  known(files) {
    this.files = files;
    this.list();
  }

  refresh(message) {
    if (!this.files.some((one) => one.file === message.file && one.level === message.level)) {
      this.files = [{ ...message, growing: false }, ...this.files.filter((one) => one.file !== message.file)];
      this.list(message.file);
    }
  }

  list(now = "") {
    const mine = this.files.filter((one) => one.kind === this.kind);
    const told = (one) => `${one.title.replace(/^.*?: /, "")}, ${one.kind === "sharpness" ? `${one.level} checkpoints` : `${one.level} points`}`;
    fill(this.earlier, h("option", { value: "" }, mine.length ? "Choose…" : "None yet"), mine.map((one) => h("option", { value: one.file }, told(one))));
    this.earlier.value = now;
    this.earlierField.hidden = mine.length < 2;
  }

  newest() {
    return this.files.find((one) => one.kind === this.kind)?.file;
  }

  invites() {
    return this.readOnly ? "Nothing of this kind has been computed." : "Nothing of this kind has been computed yet. Press Compute: the picture comes coarse at once, and refines while you look.";
  }

  /** While something is computed, its command can be stopped. */
  busy(going, job = null) {
    this.job = going ? job : null;
    this.go.disabled = (going && !job) || !this.runs.length;
    this.go.textContent = !going ? "Compute" : job ? "Stop" : "Computing…";
    this.go.classList.toggle("primary", !this.job);
  }

  /** Show what is at a point, and offer a training from it; null hides it. */
  point(at, loss) {
    this.from.hidden = !at;
    if (!at) return;
    const where = at.map((v) => short(v, 3)).join(", ");
    const known = loss !== null && loss !== undefined && Number.isFinite(loss);
    this.place.textContent = `(${where}): loss ${known ? `about ${short(loss, 3)}` : "off the chart"}`;
    this.problem.textContent = "";
    fill(this.outcome);
  }

  refuse(error) {
    this.problem.textContent = error.message;
  }

  started(run, link) {
    fill(this.outcome, "Started ", h("a", { href: link }, run), ". It begins at the weights of this point.");
  }
}
