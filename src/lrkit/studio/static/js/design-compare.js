// Comparison: any number of pinned schedules beside the present one, on the same horizon.

import { post } from "./api.js";
import { colour } from "./chart.js";
import { newest, spanOf } from "./design-state.js";
import { fill, h, short } from "./ui.js";

const nameOf = (text) => text.replace(/\s+/g, " ").slice(0, 60);

/** The pinned schedules of a store; redraw() is asked for when their curves are others. */
export class Compare {
  constructor(store, redraw) {
    this.store = store;
    this.redraw = redraw;
    this.found = new Map();
    this.asked = "";
    this.drawn = "";
    this.ask = newest((now) => this.fetch(now));
    this.table = h("div.pins");
    this.element = h("div.stack", {},
      h("button", { type: "button", onclick: () => this.pin(), title: "Keep this curve beside those to come (P)" }, "Pin this schedule"),
      this.table);
    addEventListener("lrkit-theme", this.themed = () => this.again());
  }

  end() { removeEventListener("lrkit-theme", this.themed); }

  /** The pinned schedules with their curves, as far as these are known. */
  get curves() {
    return this.store.now.pins.map((pin) => ({ ...pin, ...(this.found.get(pin.text) ?? {}) }));
  }

  /** Look at the value again: other texts or another horizon need other curves. */
  changed() {
    const { now } = this.store;
    const wanted = JSON.stringify([now.pins.map((pin) => pin.text), spanOf(now)]);
    if (wanted !== this.asked) {
      this.asked = wanted;
      this.ask(now);
    } else if (JSON.stringify(now.pins) !== this.drawn) this.again();
  }

  async fetch(now) {
    const { span, wrong } = spanOf(now);
    if (wrong) return;
    const texts = now.pins.map((pin) => pin.text);
    const found = texts.length ? await post("/api/design/compare", { texts, span }) : [];
    this.found = new Map(found.map((one) => [one.text, one]));
    if (texts.length || this.drawn.length > 2) this.again();
  }

  again() {
    this.drawn = JSON.stringify(this.store.now.pins);
    if (!this.look) return;
    this.show(this.look);
    this.redraw();
  }

  /** Show the figures of the present schedule and of the pinned ones. */
  show(look) {
    this.look = look;
    if (this.table.contains(document.activeElement) && document.activeElement.matches("input")) return;
    const now = this.row({ name: "this schedule", index: 0, ...look.facts }, null);
    fill(this.table, now, this.curves.map((pin, i) => this.row(pin, i)));
  }

  row(pin, i) {
    const own = i === null;
    const name = own ? h("span.this", {}, pin.name) : h("input.pin-name", {
      value: pin.name, "aria-label": `Name of pinned schedule ${i + 1}`, title: pin.text, maxlength: 60,
      onchange: (event) => this.rename(i, event.target.value.trim() || nameOf(pin.text)),
    });
    const figures = pin.problem
      ? h("p.figures.error", {}, pin.problem.message)
      : h("p.figures", {}, [["peak", pin.peak], ["mean", pin.mean], ["area", pin.area]].map(([what, v]) => h("span", {}, h("small", {}, what), " ", short(v, 3))));
    const tools = own ? h("span") : h("span.tools", {},
      h("button.quiet.icon", { type: "button", title: "Into the editor; the present one takes its place here", "aria-label": `Edit ${pin.name}`, onclick: () => this.swap(i) }, "⇄"),
      h("button.quiet.icon", { type: "button", title: "Remove", "aria-label": `Remove ${pin.name}`, onclick: () => this.unpin(i) }, "×"));
    return h("div.pin", {}, h("i.swatch", { style: { color: colour(pin.index) } }), name, tools,
      own || pin.text === pin.name ? null : h("code.pin-text", {}, pin.text), figures);
  }

  /** Pin the text that was last right, in a colour that no other has. */
  pin() {
    if (!this.look) return;
    const { pins } = this.store.now;
    const used = new Set(pins.map((pin) => pin.index));
    let index = 1;
    while (used.has(index)) index++;
    this.store.change({ pins: [...pins, { name: nameOf(this.look.text), text: this.look.text, index }] });
  }

  unpin(i) {
    this.store.change({ pins: this.store.now.pins.filter((_, k) => k !== i) });
  }

  rename(i, name) {
    document.activeElement?.blur();
    this.store.change({ pins: this.store.now.pins.map((pin, k) => (k === i ? { ...pin, name } : pin)) });
  }

  /** Edit a pinned schedule; what was in the editor takes its place. */
  swap(i) {
    const { pins, text } = this.store.now;
    const { name, text: wanted } = pins[i];
    const next = { ...pins[i], text, name: name === nameOf(wanted) ? nameOf(text) : name };
    this.store.change({ text: wanted, pins: pins.map((pin, k) => (k === i ? next : pin)) });
  }
}
