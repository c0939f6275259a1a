// The form of an edit: its kind, its numbers, who and why, and what it would do.

import { ask, field, fill, h, segments, select, short } from "./ui.js";

const SPAN = "500, 2ep, 10%";
const NOW = "at once";

const number = (name, label, value, hint, more = {}) => ({ name, label, value, hint, numeric: true, ...more });
const span = (name, label, value, hint = SPAN, more = {}) => ({ name, label, value, placeholder: hint, title: hint, ...more });
const optional = { optional: true };

/** What each kind of edit asks for: [name on the button, what it does, its fields]. */
const KINDS = {
  scale: ["Scale", "Multiplies the rate, for the rest of the run.",
    [number("factor", "Factor", "0.5"), span("over", "Over", "", NOW, optional)]],
  set: ["Set", "Takes over with this rate, until it is released.", [number("value", "Rate", "")]],
  ramp: ["Ramp", "Goes to this rate in a straight line, and stays there until released.",
    [number("value", "Rate", ""), span("over", "Over", "10%")]],
  hold: ["Hold", "Keeps the rate in use, until it is released.", []],
  release: ["Release", "Hands back to the schedule, at its own clock.", []],
  draw: ["Draw", "Goes where you drag the curve.", []],
  cooldown: ["Cool down", "Goes down, and ends the run there.",
    [span("over", "Over", "20%"), number("to", "To rate", "0"),
      { name: "shape", label: "Shape", choices: [["linear", "Linear"], ["cosine", "Cosine"], ["one_minus_sqrt", "1 − √"]], value: "linear" }]],
  extend: ["Extend", "Gives the run another total.",
    [span("total", "New total", "", "40ep, 120%"),
      { name: "how", label: "What is left", choices: [["stretch", "Is stretched"], ["keep", "Stays as it is"]], value: "stretch" }]],
  replace: ["Replace", "Follows another schedule over what is left.",
    [{ name: "schedule", label: "Schedule", value: "", text: true, hint: "percentages are of what is left" }]],
  checkpoint: ["Checkpoint", "Writes a checkpoint; the rate stays.", []],
  rollback: ["Roll back", "Goes back to the last checkpoint, and scales the rate from there.", [number("factor", "Factor", "1")]],
  stop: ["Stop", "Ends the training here; it can be resumed.", []],
};
const RUN_WIDE = new Set(["cooldown", "extend", "checkpoint", "rollback", "stop"]);

/** Ask before an edit that ends the training; resolves to whether it may go. */
export async function endsTraining(order, run) {
  if (order.edit !== "stop") return true;
  return ask(`Stop ${run}?`, { detail: "The training writes a last checkpoint and ends. It can be resumed.", yes: "Stop", danger: true });
}

export class Form {
  constructor({ readOnly, changed, send, add }) {
    this.readOnly = readOnly;
    this.told = changed;
    this.add = add;
    this.kind = null;
    this.group = null;
    this.points = null;
    this.way = "pchip";
    this.author = "";
    this.preview = null;
    this.buttons = {};
    this.choices = h("div.kinds", { role: "group", "aria-label": "Kind of edit" }, Object.keys(KINDS).map((kind) =>
      (this.buttons[kind] = h(`button${kind === "stop" ? ".stop" : ""}`, {
        type: "button", dataset: { kind }, "aria-pressed": "false", title: KINDS[kind][1],
        onclick: () => { this.choose(this.kind === kind ? null : kind); this.told(); },
      }, KINDS[kind][0]))));
    this.about = h("p.about");
    this.fields = h("div.fields");
    this.reason = h("input", { type: "text", maxlength: 500, placeholder: "why; kept with the edit", autocomplete: "off" });
    this.by = h("input", { type: "text", maxlength: 80, autocomplete: "off", oninput: () => { this.author = this.by.value; } });
    this.when = h("input", { type: "text", placeholder: NOW, title: "a step from the beginning: 1200, 5ep, 50%", autocomplete: "off", spellcheck: "false" });
    this.who = h("div.fields.who", {}, field("When", this.when), field("By", this.by), field("Reason", this.reason));
    this.outcome = h("div.outcome", { "aria-live": "polite" });
    this.go = h("button.primary", { type: "submit", disabled: true }, "Send");
    this.closed = h("p.closed", { hidden: true });
    this.element = h("form.stack", {
      novalidate: true,
      oninput: () => this.told(),
      onsubmit: (event) => { event.preventDefault(); if (!this.go.disabled) send(); },
    }, h("h2", {}, "Edit"), this.closed, this.choices, this.about, this.fields, this.who, this.outcome,
      h("div.row.send", {}, this.go, h("small.grow", {}, "Nothing is sent before you press this.")));
    this.choose(null);
  }

  /** Show the fields of a kind of edit; null: none is asked for. */
  choose(kind) {
    this.kind = KINDS[kind] && !this.readOnly ? kind : null;
    this.points = null;
    this.inputs = {};
    for (const [name, button] of Object.entries(this.buttons)) button.setAttribute("aria-pressed", String(name === this.kind));
    const [, about, fields] = this.kind ? KINDS[this.kind] : [null, "Choose what to do; its effect is shown before anything is sent.", []];
    fill(this.about, about);
    this.fields.dataset.count = fields.length;
    fill(this.fields, this.kind === "draw" ? this.drawing() : fields.map((one) => this.input(one)));
    this.who.hidden = !this.kind;
    this.when.parentElement.hidden = this.kind === "draw";
    this.element.querySelector(".send").hidden = !this.kind;
    this.reason.value = this.when.value = "";
    this.seen(null, "");
  }

  input({ name, label, hint = "", choices, text, optional: free, value, numeric = false, ...more }) {
    let control;
    if (choices) control = select(choices, value);
    else if (text) control = h("textarea.mono", { rows: 3, spellcheck: "false" });
    else control = h("input", { type: "text", inputmode: numeric ? "decimal" : "text", autocomplete: "off", spellcheck: "false", ...more });
    control.value = value;
    this.inputs[name] = [control, free, numeric];
    return field(label, control, hint);
  }

  drawing() {
    const ways = segments([["pchip", "Smooth"], ["linear", "Straight"]], this.way, (way) => { this.way = way; this.told(); }, "How the points are joined");
    const more = h("button", { type: "button", onclick: () => this.add() }, "Add a point");
    return [h("div.row.ways", {}, ways, more), h("p.hint", {}, "Drag the points on the curve, or move them with the arrow keys. "
      + "A double click on the curve adds one; Delete removes one.")];
  }

  /** The points on the curve were moved. */
  drew(points) {
    this.points = points;
    this.told();
  }

  /** Return the edit that is asked for, or null where something is missing. */
  order() {
    if (!this.kind) return null;
    const order = { edit: this.kind === "ramp" ? "set" : this.kind };
    for (const [name, [control, free, numeric]] of Object.entries(this.inputs)) {
      const value = control.value.trim();
      if (!value && free) continue;
      if (!value) return null;
      order[name] = numeric ? Number(value) : value;
      if (numeric && Number.isNaN(order[name])) return null;
    }
    if (this.kind === "draw") {
      if (!this.points?.length) return null;
      Object.assign(order, { points: this.points, kind: this.way });
    } else if (this.when.value.trim()) order.at = this.when.value.trim();
    if (this.group !== null && !RUN_WIDE.has(this.kind)) order.group = this.group;
    return { ...order, reason: this.reason.value, author: this.by.value };
  }

  /** The run stands like this now. */
  stands(state) {
    this.running = state.status === "running";
    const closed = this.readOnly ? "This studio only shows; start it without --read-only to steer." : state.takes ? "" : "There is nothing to steer.";
    this.closed.hidden = !closed;
    this.closed.textContent = closed;
    for (const part of [this.choices, this.about, this.fields]) part.hidden = Boolean(closed);
    if (closed && this.kind) this.choose(null);
    if (!this.author && document.activeElement !== this.by) this.by.value = state.author;
    const rate = state.groups.find((one) => this.group === null || one.index === this.group)?.rate;
    this.inputs.value?.[0].setAttribute("placeholder", short(rate));
    this.state = state;
  }

  /** Show what the edit would do, or the problem with it. */
  seen(preview, problem) {
    this.preview = preview;
    this.go.disabled = !preview;
    this.go.textContent = this.kind === "stop" ? "Stop the training…" : "Send";
    if (problem) return fill(this.outcome, h("p.error", {}, problem));
    return fill(this.outcome, preview && (preview.after ? effect(preview) : command(preview, this.kind, this.state)));
  }

  busy(is) {
    this.go.disabled = is || !this.preview;
  }
}

function effect({ words, step, before, after, changes }) {
  if (!changes) return [h("p", {}, "The rate stays as it is.")];
  const rows = [
    ["Rate", short(before.rate), short(after.rate), `at ${step.toLocaleString("en")}`],
    ["Total", short(before.total), short(after.total), ""],
    ["Area", short(before.area), short(after.area), before.area ? percent(after.area / before.area - 1) : ""],
  ];
  return [
    h("table", {}, h("tbody", {}, rows.map(([name, from, to, note]) =>
      h("tr", { dataset: { row: name.toLowerCase() } }, h("th", { scope: "row" }, name), h("td.number", {}, from), h("td", {}, "→"), h("td.number", {}, to), h("td", {}, h("small", {}, note)))))),
    h("code.text", {}, words),
  ];
}

function command({ words, step }, kind, state) {
  if (kind === "rollback" && state) {
    const back = state.checkpoint === null ? "There is no checkpoint yet; the run goes back to its beginning." : `Goes back to the checkpoint at ${state.checkpoint.toLocaleString("en")}.`;
    return [h("p", {}, back), h("code.text", {}, words)];
  }
  return [h("p", {}, kind === "set" || kind === "ramp" ? "The run judges this edit by itself." : `Takes effect at step ${step.toLocaleString("en")} or soon after.`), h("code.text", {}, words)];
}

const percent = (share) => `${share > 0 ? "+" : share < 0 ? "−" : "±"}${short(Math.abs(100 * share), 3)} %`;
