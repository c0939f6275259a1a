// Find: start a range test, watch the curve grow, move base and maximum, take the schedule along.
//
// Link: #/find?job=ID (a test that was made), or #/find?task=NAME, #/find?run=NAME (a new one).
// The parts: find-form.js asks for the test, find-chart.js draws it, find-answer.js tells what it found.

import { get, latest, post } from "./api.js";
import { fill, h, later, select, toast } from "./ui.js";
import { lastLine } from "./steer-journal.js";
import { Answer } from "./find-answer.js";
import { Form } from "./find-form.js";
import { Picture } from "./find-chart.js";

const OFTEN = 250;
const GOING = new Set(["loading", "running"]);
const WORDS = {
  loading: "Loading the task…", running: "Measuring", found: "Done", nothing: "The curve does not say",
  stopped: "Stopped", failed: "Failed", killed: "Killed",
};

export async function mount(root, params, context) {
  const page = new Page(root, context);
  await page.begin(params);
  return { update: (now) => page.update(now), unmount: () => page.end() };
}

class Page {
  constructor(root, context) {
    this.root = root;
    this.context = context;
    this.job = null;
    this.timer = 0;
    this.ended = false;
    this.askSchedules = latest((rates, options) => post("/api/find/schedules", rates, options));
    this.moved = later(() => this.schedules(), 60);
    this.seen = () => !document.hidden && this.job && this.tick();
  }

  async begin(params) {
    this.form = new Form({ readOnly: this.context.about.read_only, start: (asked) => this.start(asked) });
    this.state = h("div.row.state", { role: "status", "aria-live": "polite" });
    this.meter = h("progress", { max: 1, value: 0, "aria-label": "Updates made" });
    this.before = select([], "", { "aria-label": "Earlier tests", onchange: () => this.before.value && this.show(this.before.value) });
    this.notes = h("div.notes");
    const drawing = h("div.chart.curve");
    this.answer = new Answer({ rates: (rates) => this.move(rates), train: (text) => this.train(text), context: this.context });
    fill(this.root, h("div.columns", {},
      h("section.panel.picture", {}, h("div.row.head", {}, h("h2.grow", {}, "Loss against the learning rate"), this.before),
        h("div.row.progress", {}, this.state, this.meter), drawing, this.notes),
      h("div.side", {}, h("section.panel", {}, this.form.element), h("section.panel.answer", {}, this.answer.element))));
    this.picture = new Picture(drawing, (rates) => this.move(rates));
    document.addEventListener("visibilitychange", this.seen);
    this.blank();
    await Promise.all([this.list(), this.form.load(params)]);
    const job = params.get("job") || (params.get("task") || params.get("run") ? null : this.newest);
    if (job) await this.show(job);
  }

  end() {
    this.ended = true;
    clearTimeout(this.timer);
    this.moved.cancel();
    document.removeEventListener("visibilitychange", this.seen);
    this.picture.end();
  }

  update(params) {
    if (params.get("job") && params.get("job") !== this.job) this.show(params.get("job"));
    else if (params.get("task") || params.get("run")) this.form.choose(params);
  }

  async list() {
    const known = await get("/api/find");
    this.newest = known[0]?.job;
    const when = (one) => new Date(1000 * one.started).toLocaleString([], { dateStyle: "short", timeStyle: "short" });
    fill(this.before, h("option", { value: "" }, "Earlier tests"), known.map((one) => h("option", { value: one.job }, `${one.label}, ${when(one)}`)));
    this.before.hidden = !known.length;
    this.before.value = this.job ?? "";
  }

  blank() {
    this.points = [];
    this.life = 0;
    this.test = null;
    this.rates = { base: null, maximum: null };
    this.picture.begin();
    this.answer.begin();
    this.meter.hidden = true;
    fill(this.notes);
    fill(this.state, h("span.muted", {}, "Raise the rate update by update, and see what the loss does."));
  }

  async start(asked) {
    try {
      const { job } = await post("/api/find", asked);
      await this.show(job);
      await this.list();
    } catch (error) {
      toast(error.message, "bad");
    }
  }

  /** Show the test of a job, and follow it while it goes on. */
  async show(job) {
    clearTimeout(this.timer);
    this.job = job;
    this.blank();
    this.before.value = job;
    this.context.keep({ job });
    await this.tick();
  }

  async tick() {
    clearTimeout(this.timer);
    if (this.ended || document.hidden) return;
    const job = this.job;
    let wait = OFTEN;
    try {
      const test = await get(`/api/find/${encodeURIComponent(job)}?known=${this.points.length}&life=${this.life}`);
      if (this.ended || job !== this.job) return;
      this.take(test);
      if (!GOING.has(test.status)) return;
    } catch (error) {
      if (this.ended || job !== this.job) return;
      if (error.status && error.status !== 429) {
        fill(this.state, h("span.error", {}, error.message));
        return;
      }
      wait = 1000; // the studio is away; the page asks until it is back
    }
    this.timer = setTimeout(() => this.tick(), wait);
  }

  take(test) {
    this.points.length = test.known;
    for (const { repeat, rates, losses } of test.points) {
      rates.forEach((rate, i) => this.points.push({ repeat, rate, loss: losses[i] }));
    }
    this.life = test.life;
    const fresh = this.test?.status !== test.status;
    if (!this.test) this.form.choose(new URLSearchParams(test.run ? { run: test.run } : { task: test.task }));
    this.test = test;
    this.form.busy(GOING.has(test.status));
    this.tell(test);
    this.picture.points(this.points, test);
    if (fresh && !GOING.has(test.status)) this.found(test);
  }

  tell(test) {
    const going = GOING.has(test.status);
    const last = this.points.at(-1);
    const shown = [h(`span.badge.${going ? "running" : test.status === "found" ? "done" : test.status === "failed" ? "failed" : "stopped"}`, {}, WORDS[test.status])];
    shown.push(h("span", { dataset: { part: "label" } }, test.label));
    if (last) shown.push(h("span.muted", {}, `${test.count.toLocaleString("en")} updates, repeat ${last.repeat + 1} of ${test.about.repeats ?? last.repeat + 1}`));
    if (test.status === "failed" || test.status === "killed") shown.push(h("span.error", {}, test.reason));
    fill(this.state, shown);
    if (going && !this.context.about.read_only) this.state.append(h("button", { type: "button", onclick: () => this.cancel() }, "Cancel"));
    this.meter.hidden = !going;
    if (test.updates) this.meter.value = Math.min((last ? last.repeat + this.share(last.repeat) : 0) / test.about.repeats, 1);
    fill(this.notes, test.notes.map((note) => h("p", {}, note)));
  }

  share(repeat) {
    return this.points.filter((one) => one.repeat === repeat).length / (this.test.about.steps || 1);
  }

  async cancel() {
    try {
      await post(`/api/jobs/${encodeURIComponent(this.job)}/stop`);
    } catch (error) {
      toast(error.message, "bad");
    }
    await this.tick();
  }

  found(test) {
    const told = test.suggestion;
    this.rates = { base: told?.base?.value ?? null, maximum: told?.maximum?.value ?? null };
    this.picture.suggests(told, this.rates);
    this.answer.shows(test, this.rates);
  }

  /** Base or maximum was moved: by its line on the chart, or its field. */
  move(rates) {
    this.rates = { ...this.rates, ...rates };
    this.picture.moves(this.rates);
    this.answer.moves(this.rates);
    this.moved();
  }

  async schedules() {
    const given = Object.fromEntries(Object.entries(this.rates).filter(([, rate]) => rate > 0));
    try {
      const texts = await this.askSchedules(given);
      if (texts !== undefined && !this.ended) this.answer.texts(texts);
    } catch (error) {
      toast(error.message, "bad");
    }
  }

  async train(text) {
    try {
      const { task, options } = this.test;
      const { job, run } = await post("/api/trainings", { task: task || "lenet-digits", options, schedule: text });
      toast(`${run} is being loaded; it is shown when it goes`);
      if (await this.begun(job, run)) this.context.go("steer", { run });
    } catch (error) {
      toast(error.message, "bad");
    }
  }

  /** Wait until the run is there; false where the page was left before. */
  async begun(job, run) {
    for (;;) {
      await new Promise((done) => setTimeout(done, 500));
      if (this.ended) return false;
      const [runs, command] = await Promise.all([get("/api/steer"), get(`/api/jobs/${job}`)]);
      if (runs.some((one) => one.name === run)) return true;
      if (command.status !== "running") throw new Error(lastLine(command));
    }
  }
}
