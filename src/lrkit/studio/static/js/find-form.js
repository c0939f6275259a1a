// The form of a range test: of which task, or from which run's checkpoint, and how far.

import { get } from "./api.js";
import { field, fill, h, segments, select, toast } from "./ui.js";

const text = (more = {}) => h("input", { type: "text", inputmode: "decimal", autocomplete: "off", spellcheck: "false", ...more });

export class Form {
  constructor({ readOnly, start }) {
    this.readOnly = readOnly;
    this.from = "task";
    this.task = select([["lenet-digits", "lenet-digits"]], "lenet-digits", { onchange: () => this.about() });
    this.run = select([], "", {});
    this.of = segments([["task", "A task"], ["run", "A run's checkpoint"]], "task", (from) => this.show(from), "Where the test begins");
    this.low = text({ placeholder: "auto", title: "empty: a range that fits the optimizer" });
    this.high = text({ placeholder: "auto", title: "empty: a range that fits the optimizer" });
    this.steps = text({ value: "200", inputmode: "numeric" });
    this.repeats = text({ value: "3", inputmode: "numeric" });
    this.kind = select([["exponential", "by a factor"], ["linear", "by an amount"]], "exponential");
    this.seed = text({ value: "0", inputmode: "numeric" });
    this.summary = h("small.summary");
    this.options = h("div.fields.options");
    this.taskField = field("Task", this.task);
    this.runField = field("Run", this.run);
    this.go = h("button.primary", { type: "submit" }, "Start the test");
    this.more = h("details", {}, h("summary", {}, "More"), h("div.fields", {}, field("The rate rises", this.kind), field("Seed", this.seed)), this.options);
    this.element = h("form.stack", {
      novalidate: true,
      onsubmit: (event) => { event.preventDefault(); this.submit(start); },
    }, h("h2", {}, "Range test"),
      readOnly && h("p.closed", {}, "This studio only shows; start it without --read-only to make a test."),
      !readOnly && [this.of, this.taskField, this.runField, this.summary,
        h("div.fields.four", {}, field("From rate", this.low), field("To rate", this.high), field("Steps", this.steps), field("Repeats", this.repeats)),
        this.more, h("div.row", {}, this.go)]);
    this.show("task");
  }

  /** Ask for tasks and runs, and choose what the link names. */
  async load(params) {
    if (this.readOnly) return;
    this.choose(params);
    get("/api/tasks").then((tasks) => {
      const chosen = this.task.value;
      this.tasks = tasks;
      const names = tasks.map((one) => one.name);
      if (!names.includes(chosen)) names.unshift(chosen);
      fill(this.task, names.map((name) => h("option", { value: name }, name)));
      this.task.value = chosen;
      this.about();
    }, (error) => toast(error.message, "bad"));
    const runs = await get("/api/find/starts");
    const wanted = params.get("run");
    fill(this.run, runs.map((one) => h("option", { value: one.run }, `${one.run} (${one.task})`)));
    if (wanted) this.run.value = wanted;
    this.runs = runs;
    this.of.lastChild.disabled = !runs.length;
    this.of.lastChild.title = runs.length ? "" : "There is no run with a checkpoint";
  }

  choose(params) {
    const task = params.get("task");
    if (task) {
      if (![...this.task.options].some((one) => one.value === task)) this.task.append(h("option", { value: task }, task));
      this.task.value = task;
    }
    if (params.get("run")) this.run.value = params.get("run");
    this.show(params.get("run") ? "run" : "task");
    this.of.show(this.from);
    this.about();
  }

  show(from) {
    this.from = from;
    this.taskField.hidden = from !== "task";
    this.runField.hidden = from !== "run";
    this.options.hidden = from !== "task";
    this.about();
  }

  about() {
    const found = this.tasks?.find((one) => one.name === this.task.value);
    this.summary.textContent = this.from === "run" ? "Begins at its newest checkpoint; the run is not changed." : found?.summary ?? "";
    const options = Object.entries(found?.options ?? {});
    this.inputs = Object.fromEntries(options.map(([name, value]) => [name, [text({ value: String(value) }), value]]));
    fill(this.options, options.map(([name]) => field(name.replaceAll("_", " "), this.inputs[name][0])));
  }

  submit(start) {
    const asked = { steps: Number(this.steps.value), repeats: Number(this.repeats.value), kind: this.kind.value, seed: Number(this.seed.value) };
    for (const [name, input] of [["low", this.low], ["high", this.high]]) if (input.value.trim()) asked[name] = Number(input.value);
    const wrong = Object.entries(asked).find(([, value]) => typeof value === "number" && Number.isNaN(value));
    if (wrong) return toast(`${wrong[0]} must be a number`, "bad");
    if (this.from === "run") asked.run = this.run.value;
    else Object.assign(asked, { task: this.task.value, options: this.changed() });
    return start(asked);
  }

  /** The options that differ from the task's own. */
  changed() {
    const found = {};
    for (const [name, [input, own]] of Object.entries(this.inputs ?? {})) {
      const told = input.value.trim();
      if (told === String(own)) continue;
      found[name] = typeof own === "number" ? Number(told) : typeof own === "boolean" ? told === "true" : told;
    }
    return found;
  }

  busy(is) {
    this.go.disabled = is;
    this.go.textContent = is ? "Measuring…" : "Start the test";
  }
}
