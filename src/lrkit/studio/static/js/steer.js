// Steer: how a run stands, what an edit would make of it, and the edit on its way.
//
// Link: #/steer?run=NAME&edit=KIND. The parts: steer-chart.js draws the rate and takes the drags,
// steer-form.js asks for the edit, steer-journal.js tells what became of the edits.

import { ApiError, get, latest, post } from "./api.js";
import { duration, fill, h, later, segments, select, short, toast } from "./ui.js";
import { Losses } from "./steer-losses.js";
import { Picture } from "./steer-chart.js";
import { Form, endsTraining } from "./steer-form.js";
import { journal, lastLine } from "./steer-journal.js";

const OFTEN = 1000;
const SELDOM = 4000;
const at = (run, rest = "") => `/api/steer/${encodeURIComponent(run)}${rest}`;

export async function mount(root, params, context) {
  const page = new Page(root, context);
  await page.begin(params);
  return { update: (now) => page.update(now), unmount: () => page.end() };
}

class Page {
  constructor(root, context) {
    this.root = root;
    this.context = context;
    this.run = null;
    this.state = null;
    this.course = null;
    this.group = null;
    this.timer = 0;
    this.ended = false;
    this.askPreview = latest((order, options) => post(at(this.run, "/preview"), order, options));
    this.preview = later(() => this.look(), 60);
    this.seen = () => !document.hidden && this.tick();
  }

  async begin(params) {
    this.choice = select([], "", { "aria-label": "Run", onchange: () => this.choose(this.choice.value) });
    this.facts = h("dl.facts");
    this.actions = h("div.row.actions");
    this.notice = h("p.notice", { hidden: true });
    this.groups = h("span");
    this.follows = h("div.follows");
    this.events = h("div.events");
    const drawing = h("div.chart.rate");
    const losses = h("div.chart.loss");
    this.form = new Form({
      readOnly: this.context.about.read_only,
      changed: () => this.changed(),
      send: () => this.send(),
      add: () => this.picture.handles.more(),
    });
    this.main = h("div.columns", {},
      h("section.panel.picture", {},
        h("div.row.head", {}, h("h2", {}, "Learning rate"), this.legend = h("div.legend.grow"), this.groups,
          segments([["linear", "Linear"], ["log", "Log"]], "linear", (kind) => this.picture.scale(kind), "Axis")),
        drawing, losses, this.follows),
      h("div.side", {},
        h("section.panel.asking", { "aria-label": "Edit" }, this.form.element),
        h("section.panel", {}, h("h2", {}, "Edits"), this.events)));
    this.empty = h("p.empty", { hidden: true });
    fill(this.root, h("section.panel.line", {}, this.choice, this.facts, this.actions), this.notice, this.empty, this.main);
    this.picture = new Picture(drawing, this.legend, (points) => this.form.drew(points));
    this.losses = new Losses(losses);
    document.addEventListener("visibilitychange", this.seen);
    await this.list();
    await this.choose(params.get("run") || this.choice.value, params.get("edit"));
  }

  end() {
    this.ended = true;
    clearTimeout(this.timer);
    this.preview.cancel();
    document.removeEventListener("visibilitychange", this.seen);
    this.picture.end();
    this.losses.end();
  }

  update(params) {
    if (params.get("run") && params.get("run") !== this.run) this.choose(params.get("run"), params.get("edit"));
  }

  async list() {
    const runs = await get("/api/steer");
    const names = runs.map((run) => [run.name, `${run.name} · ${run.status}`]);
    if (this.run && !runs.some((run) => run.name === this.run)) names.unshift([this.run, this.run]);
    fill(this.choice, names.map(([value, text]) => h("option", { value }, text)));
    if (this.run) this.choice.value = this.run;
  }

  /** Show the run called name; nothing of the one before stays. */
  async choose(name, edit = null) {
    clearTimeout(this.timer);
    this.run = name || null;
    this.state = this.course = this.group = null;
    this.main.hidden = !this.run;
    this.empty.hidden = Boolean(this.run);
    if (!this.run) {
      fill(this.empty, "There are no runs here yet. Start one from ", h("a", { href: this.context.link("design") }, "Design"),
        ", or with ", h("code", {}, "lrkit train"), ".");
      return;
    }
    this.choice.value = this.run;
    this.form.choose(edit);
    this.losses.follow(this.run);
    await this.tick();
    this.changed();
  }

  keep() {
    this.context.keep({ run: this.run, edit: this.form.kind });
  }

  /** Look how the run stands, and look again in a moment. */
  async tick() {
    clearTimeout(this.timer);
    if (this.ended || !this.run) return;
    const name = this.run;
    try {
      const state = await get(at(name));
      if (this.ended || name !== this.run) return;
      await this.take(state);
    } catch (error) {
      if (this.ended || name !== this.run) return;
      this.say(error instanceof ApiError ? error.message : String(error), "error");
      if (error.status === 404) {
        this.main.hidden = true;
        fill(this.facts);
        this.list();
      }
    }
    if (!document.hidden) this.timer = setTimeout(() => this.tick(), this.state?.status === "running" ? OFTEN : SELDOM);
  }

  async take(state) {
    const before = this.state;
    const known = (one) => `${one?.edits.length} ${one?.edits.at(-1)?.letter} ${one?.total} ${one?.schedule}`;
    this.state = state;
    this.main.hidden = false;
    this.say(noticeOf(state), "notice");
    fill(this.facts, factsOf(state, this.group));
    fill(this.actions, this.buttons(state));
    fill(this.events, journal(state));
    this.form.stands(state);
    if (before?.status !== state.status && before) this.list();
    if (known(before) !== known(state)) {
      this.askGroups();
      await this.loadCourse();
    }
    this.picture.stands(state);
    this.losses.stands(state, this.picture.end_);
    if (this.form.kind) this.look();
  }

  async loadCourse() {
    const name = this.run;
    const group = this.group === null ? "" : `?group=${this.group}`;
    try {
      const course = this.state.schedule === null ? null : await get(at(name, `/course${group}`));
      if (name === this.run) this.picture.follows((this.course = course), this.state);
    } catch (error) {
      this.say(error.message, "error");
    }
    fill(this.follows, followsOf(this.state, this.course, this.context));
  }

  askGroups() {
    const groups = this.state.groups;
    if (groups.length < 2) return fill(this.groups);
    const names = groups.map((one) => [String(one.index), one.name ?? `Group ${one.index}`]);
    return fill(this.groups, select([["", "All groups, in ratio"], ...names], this.group === null ? "" : String(this.group), {
      "aria-label": "Parameter group",
      onchange: (event) => {
        this.group = event.target.value === "" ? null : Number(event.target.value);
        this.form.group = this.group;
        this.picture.draws(null);
        this.form.points = null;
        fill(this.facts, factsOf(this.state, this.group));
        this.loadCourse().then(() => this.changed());
      },
    }));
  }

  buttons(state) {
    if (this.context.about.read_only) return [];
    const found = [];
    if (state.resumable) found.push(h("button.primary", { type: "button", onclick: (event) => this.resume(event.target) }, "Resume"));
    return found;
  }

  say(text, kind) {
    this.notice.hidden = !text;
    this.notice.className = kind;
    if (this.notice.textContent !== text) this.notice.textContent = text;
  }

  /** The edit that is asked for has changed: show what it would do. */
  changed() {
    this.keep();
    this.picture.draws(this.form.kind === "draw" ? this.form : null);
    if (!this.form.kind) return this.picture.shows(null);
    return this.preview();
  }

  async look() {
    const order = this.form.order();
    if (!order || !this.run) {
      this.picture.shows(null);
      return this.form.seen(null, "");
    }
    try {
      const seen = await this.askPreview(order);
      if (seen === undefined || this.ended) return null;
      this.picture.shows(seen.curve && seen.changes ? seen : null);
      return this.form.seen(seen, "");
    } catch (error) {
      this.picture.shows(null);
      return this.form.seen(null, error.message);
    }
  }

  async send() {
    const order = this.form.order();
    if (!order || !(await endsTraining(order, this.run))) return;
    this.form.busy(true);
    try {
      const sent = await post(at(this.run, "/edits"), order);
      toast(sent.told, sent.answer === "refused" ? "bad" : sent.answer === "taken" ? "good" : "");
      if (sent.answer !== "refused") this.form.choose(null);
      this.changed();
    } catch (error) {
      toast(error.message, "bad");
    } finally {
      this.form.busy(false);
    }
    await this.tick();
  }

  async resume(button) {
    button.disabled = true;
    try {
      const { job } = await post(`/api/trainings/${encodeURIComponent(this.run)}/resume`);
      toast(`${this.run} goes on; loading takes a few seconds`);
      await this.whenGoing(job);
    } catch (error) {
      toast(error.message, "bad");
    }
    button.disabled = false;
    await this.tick();
  }

  /** Wait until the run goes; say why where its command has ended before. */
  async whenGoing(job) {
    for (;;) {
      await new Promise((done) => setTimeout(done, 500));
      if (this.ended) return;
      const [state, begun] = await Promise.all([get(at(this.run)), get(`/api/jobs/${job}`)]);
      if (state.status === "running" || begun.status === "done") return;
      if (begun.status !== "running") throw new Error(lastLine(begun));
    }
  }
}

function noticeOf(state) {
  if (state.problem) return `What this run follows cannot be told: ${state.problem}`;
  if (state.status === "dead") {
    return "This run is dead: its process was killed, or the machine was. It takes edits when it is resumed.";
  }
  if (!state.takes) return `This run is ${state.status}${state.reason ? ` (${state.reason})` : ""}; only a run that is going can be steered.`;
  if (state.schedule === null) return "This run does not say what it follows; it judges edits by itself.";
  return "";
}

function factsOf(state, group) {
  const clock = state.per_epoch ? "Epoch" : "Step";
  const rate = state.groups.find((one) => group === null || one.index === group)?.rate ?? state.metrics.lr;
  const place = state.total === null ? short(state.position) : `${state.position.toLocaleString("en")} of ${state.total.toLocaleString("en")}`;
  const rows = [
    ["Status", h(`span.badge.${state.status}`, {}, state.status)],
    [clock, place],
    ["Rate", short(rate)],
    ["Loss", short(state.metrics.loss)],
    ["Speed", state.status === "running" && state.speed ? `${short(state.speed, 3)}/s` : "–"],
    ["Left", state.status === "running" ? duration(state.left) : "–"],
  ];
  return rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", { "data-fact": name.toLowerCase() }, value)));
}

function followsOf(state, course, context) {
  if (!course) return [];
  const params = { text: course.schedule, total: state.total, epoch: state.per_epoch ? 1 : state.steps_per_epoch };
  return [
    h("h3", {}, "Follows"),
    h("code.text", { tabindex: 0 }, course.schedule),
    h("a", { href: context.link("design", params) }, "Open in Design"),
  ];
}
