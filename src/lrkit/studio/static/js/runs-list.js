// The list of runs: filtered, sorted, ticked; always as it is in the folder.

import { colour } from "./chart.js";
import { Story } from "./runs-story.js";
import { duration, fill, h, later, select, short } from "./ui.js";

const STATUSES = ["running", "done", "stopped", "failed", "dead", "damaged"];
const SORTS = [
  ["started", "Newest first"], ["updated", "Last changed"], ["name", "Name"], ["task", "Task"],
  ["loss", "Loss, lowest first"], ["value", "Score, highest first"],
];
const missing = (value) => value === null || value === undefined;
const ORDERS = {
  started: (a, b) => b.started - a.started,
  updated: (a, b) => b.updated - a.updated,
  name: (a, b) => a.name.localeCompare(b.name, "en", { numeric: true }),
  task: (a, b) => a.task.localeCompare(b.task) || b.started - a.started,
  loss: (a, b) => missing(a.loss) - missing(b.loss) || a.loss - b.loss,
  value: (a, b) => missing(a.value) - missing(b.value) || b.value - a.value,
};
const STEP = 100; // rows shown at first; more on asking

export class List {
  constructor(context, { choose, changed, edit }) {
    this.context = context;
    this.choose = choose;
    this.changed = changed;
    this.edit = edit;
    this.rows = new Map();
    this.items = new Map();
    this.chosen = [];
    this.shown = STEP;
    this.known = false;
    const filtered = later(() => { this.shown = STEP; this.draw(); changed(); }, 120);
    this.search = h("input", { type: "search", placeholder: "Filter by name, task, schedule", "aria-label": "Filter runs", oninput: filtered });
    this.status = select([["", "Any status"]], "", { "aria-label": "Status", onchange: () => { this.draw(); changed(); } });
    this.sort = select(SORTS, "started", { "aria-label": "Order", onchange: () => { this.draw(); changed(); } });
    this.count = h("span.count", { role: "status" });
    this.clear = h("button.quiet", { type: "button", hidden: true, onclick: () => this.choose([]) }, "Untick all");
    this.body = h("ul.rows", { onkeydown: (event) => this.walk(event) });
    this.more = h("button.quiet", { type: "button", hidden: true, onclick: () => { this.shown += 5 * STEP; this.draw(); } });
    this.story = new Story(context, edit, (name) => {
      if (this.opened === name) this.opened = null;
      if (this.chosen.includes(name)) this.choose(this.chosen.filter((other) => other !== name));
    });
    this.element = h("section.list.panel", { "aria-label": "Runs" },
      h("div.filters", {}, this.search, this.status, this.sort),
      h("div.row.summary", {}, this.count, h("span.grow"), this.clear),
      h("div.scroll", {}, this.body, this.more));
    this.clock = setInterval(() => this.ages(), 20_000);
  }

  take(params, chosen) {
    this.search.value = params.get("q") ?? "";
    this.wanted = params.get("status") ?? "";
    const sort = params.get("sort");
    this.sort.value = SORTS.some(([name]) => name === sort) ? sort : "started";
    this.opened = params.get("open");
    this.mark(chosen);
  }

  state() {
    return {
      open: this.opened ?? "", q: this.search.value.trim(), status: this.status.value || (this.known ? "" : this.wanted),
      sort: this.sort.value === "started" ? "" : this.sort.value,
    };
  }

  /** Take in what has become of the list. */
  tell({ whole, runs, gone }) {
    if (whole) {
      const names = new Set(runs.map((run) => run.name));
      for (const name of this.rows.keys()) if (!names.has(name)) this.rows.delete(name);
    }
    for (const name of gone) this.rows.delete(name);
    for (const run of runs) this.rows.set(run.name, run);
    this.known = true;
    this.draw();
  }

  /** Take in how far a run is that is being drawn: the list itself is told less often. */
  steps(told) {
    const row = this.rows.get(told.run);
    if (row && told.share === 1 && told.steps > row.step) {
      row.step = told.steps;
      row.epoch = told.epoch_steps ? told.steps / told.epoch_steps : row.epoch;
      const item = this.items.get(told.run);
      if (item) this.write(item, row);
    }
  }

  newest() {
    return this.found()[0]?.name ?? null;
  }

  /** Show which runs are ticked. */
  mark(names) {
    this.chosen = names;
    this.draw();
  }

  found() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const status = this.status.value;
    return [...this.rows.values()]
      .filter((row) => (!status || row.status === status)
        && words.every((word) => `${row.name} ${row.task} ${row.schedule} ${row.parent}`.toLowerCase().includes(word)))
      .sort(ORDERS[this.sort.value]);
  }

  draw() {
    this.drawStatuses();
    const found = this.found();
    const visible = found.slice(0, this.shown);
    const places = visible.map((row) => this.item(row));
    const focused = document.activeElement;
    places.forEach((item, i) => {
      if (this.body.children[i] !== item.element) this.body.insertBefore(item.element, this.body.children[i] ?? null);
    });
    while (this.body.children.length > places.length) this.body.lastChild.remove();
    // What is moved loses the focus.
    if (focused !== document.activeElement && this.body.contains(focused)) focused.focus({ preventScroll: true });
    for (const name of this.items.keys()) if (!this.rows.has(name)) this.items.delete(name);
    const all = this.rows.size;
    this.count.textContent = found.length === all ? `${all} run${all === 1 ? "" : "s"}` : `${found.length} of ${all} runs`;
    this.clear.hidden = !this.chosen.length;
    this.clear.textContent = `Untick ${this.chosen.length === 1 ? "it" : `all ${this.chosen.length}`}`;
    this.more.hidden = found.length <= this.shown;
    this.more.textContent = `Show ${found.length - this.shown} more`;
    this.empty(found.length);
  }

  empty(found) {
    this.note?.remove();
    this.note = null;
    if (found || !this.known) return;
    const design = h("a", { href: this.context.link("design") }, "Design");
    this.note = this.rows.size
      ? h("p.empty", {}, "No run matches.")
      : h("p.empty", {}, "No runs in this folder yet. Start one from ", design, ", or with ", h("code", {}, "lrkit train"), ".");
    this.body.after(this.note);
  }

  drawStatuses() {
    const counts = new Map();
    for (const row of this.rows.values()) counts.set(row.status, (counts.get(row.status) ?? 0) + 1);
    const now = this.known && this.wanted !== undefined ? this.wanted : this.status.value;
    if (this.known) this.wanted = undefined;
    const options = STATUSES.filter((status) => counts.has(status) || status === now);
    const told = options.map((status) => `${status} (${counts.get(status) ?? 0})`).join();
    if (told !== this.told) {
      this.told = told;
      fill(this.status, h("option", { value: "" }, "Any status"),
        options.map((status) => h("option", { value: status }, `${status} (${counts.get(status) ?? 0})`)));
    }
    this.status.value = now;
  }

  /** Return the item of a run, as the run is now. */
  item(row) {
    let item = this.items.get(row.name);
    if (!item) {
      item = this.made(row.name);
      this.items.set(row.name, item);
    }
    const place = this.chosen.indexOf(row.name);
    const look = `${JSON.stringify(row)}${place}${this.opened === row.name}`;
    if (item.look !== look) {
      item.look = look;
      this.write(item, row);
      item.tick.checked = place >= 0;
      item.element.classList.toggle("chosen", place >= 0);
      item.element.style.setProperty("--own", place >= 0 ? colour(place) : "transparent");
      this.open(item, row);
    }
    return item;
  }

  made(name) {
    const tick = h("input", { type: "checkbox", "aria-label": `Draw ${name}`, onchange: () => this.toggle(name) });
    const status = h("span.badge");
    const said = h("span.said");
    const sub = h("span.sub.mono");
    const numbers = h("span.numbers");
    const task = h("span.task");
    const age = h("time.age");
    const button = h("button.name", { type: "button", "aria-expanded": "false", title: name, onclick: () => this.press(name) }, h("span", {}, name));
    const bar = h("i");
    const element = h("li.run", { dataset: { run: name } },
      h("label.tick", {}, tick, h("i.own")), h("div.head", {}, button, status), h("div.sub-row", {}, sub, age),
      h("div.numbers-row", {}, numbers, task), said, h("div.bar", { "aria-hidden": "true" }, bar));
    return { element, tick, status, sub, numbers, task, age, button, said, bar };
  }

  write(item, row) {
    item.status.className = `badge ${row.status}`;
    item.status.textContent = row.status;
    item.sub.textContent = row.problem || row.schedule || "no schedule told";
    item.sub.title = item.sub.textContent;
    item.age.textContent = row.started ? age(row) : "";
    item.age.title = row.started ? new Date(row.started * 1000).toLocaleString() : "";
    const all = row.updates && row.step !== row.updates ? ` of ${short(row.updates)}` : "";
    const numbers = [`${short(row.step)}${all} step${row.step === 1 && !all ? "" : "s"}`];
    if (row.status === "running" && !missing(row.epoch)) numbers[0] = `${short(row.step)}${all} · epoch ${short(row.epoch, 3)}`;
    if (!missing(row.loss)) numbers.push(`loss ${short(row.loss, 3)}`);
    if (!missing(row.value)) numbers.push(`${row.score} ${short(row.value, 3)}`);
    item.numbers.textContent = numbers.join(" · ");
    item.task.textContent = row.task;
    item.said.textContent = row.reason && row.status !== "done" ? row.reason : "";
    item.said.title = row.reason;
    const live = row.status === "running" && row.updates;
    item.bar.style.width = live ? `${Math.min(100, (100 * row.step) / row.updates)}%` : "0";
  }

  ages() {
    for (const [name, item] of this.items) {
      const row = this.rows.get(name);
      if (row?.started) item.age.textContent = age(row);
    }
  }

  toggle(name) {
    this.choose(this.chosen.includes(name) ? this.chosen.filter((n) => n !== name) : [...this.chosen, name]);
  }

  /** A press on a name opens its story, and draws it alone unless it is ticked. */
  press(name) {
    this.opened = this.opened === name ? null : name;
    if (this.opened && !this.chosen.includes(name)) this.choose([name]);
    else {
      this.draw();
      this.changed();
    }
  }

  open(item, row) {
    const open = this.opened === row.name;
    item.button.setAttribute("aria-expanded", String(open));
    if (open) {
      if (this.story.element.parentElement !== item.element) item.element.append(this.story.element);
      this.story.show(row);
    } else if (this.story.element.parentElement === item.element) {
      this.story.element.remove();
    }
  }

  /** Arrow keys walk from name to name. */
  walk(event) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by || !event.target.matches(".name, .tick input")) return;
    const selector = event.target.matches(".name") ? ".name" : ".tick input";
    const all = [...this.body.querySelectorAll(selector)];
    all[all.indexOf(event.target) + by]?.focus();
    event.preventDefault();
  }

  end() {
    clearInterval(this.clock);
  }
}

const age = (row) => `${duration(Math.max(Date.now() / 1000 - row.started, 0))} ago`;
