// A slider and a field for every number of the text.

import { fill, h } from "./ui.js";

const STEPS = 400;

/** The list: on.number(index, value, phase), phase "move" while a slider slides; on.edit(change). */
export class Numbers {
  constructor(on) {
    this.on = on;
    this.list = h("div.numbers");
    this.scale = h("button.quiet", { type: "button", title: "Put 0.1 * before the whole", onclick: () => on.edit({ kind: "scale", factor: 0.1 }) }, "Scale the whole");
    this.tidy = h("button.quiet", { type: "button", title: "Write the text as lrkit would", onclick: () => on.edit({ kind: "tidy" }) }, "Tidy the text");
    this.element = h("div.stack", {}, this.list, h("div.row", {}, this.scale, this.tidy));
    this.rows = [];
  }

  show(look) {
    const names = look.sliders.map((one) => `${one.label}|${one.unit}|${one.piece}`).join("\n");
    if (names !== this.names) {
      this.names = names;
      this.rows = look.sliders.map((one, i) => this.row(one, i));
      fill(this.list, this.rows.length
        ? this.rows.map((row) => row.element)
        : h("p.empty", {}, "No number is written in this text. Drag a handle of the curve, or write one."));
    }
    this.scale.hidden = look.scale !== null;
    look.sliders.forEach((one, i) => this.rows[i].show(one));
  }

  row(first, i) {
    let one = first;
    let range = null; // stays as it was while the slider slides
    const slider = h("input", { type: "range", min: 0, max: STEPS, step: 1, "aria-label": `${one.label}, slider` });
    const input = h("input", { type: "text", inputmode: "decimal", "aria-label": `${one.label}${one.unit && `, ${one.unit}`}` });
    const element = h("div.slide", { onpointerenter: () => this.on.point([one.start, one.stop]), onpointerleave: () => this.on.point(null), onfocusin: () => this.on.point([one.start, one.stop]), onfocusout: () => this.on.point(null) },
      h("span.label", {}, one.label), slider, h("label.value", {}, input, h("span", {}, one.unit)));
    slider.addEventListener("input", () => {
      range ??= one;
      this.on.number(i, valueAt(Number(slider.value), range), "move");
    });
    slider.addEventListener("change", () => {
      range = null;
      this.on.number(i, null, "set");
    });
    input.addEventListener("change", () => {
      const value = Number(input.value);
      const right = input.value.trim() !== "" && Number.isFinite(value);
      input.setAttribute("aria-invalid", String(!right));
      if (right) this.on.number(i, value, "set");
    });
    input.addEventListener("keydown", (event) => {
      const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      this.on.number(i, valueAt(Math.min(Math.max(placeOf(one.value, one) + by * (event.shiftKey ? 20 : 4), 0), STEPS), one), "key");
    });
    const show = (now) => {
      one = now;
      if (document.activeElement !== slider || !range) slider.value = placeOf(one.value, range ?? one);
      if (document.activeElement !== input || !input.matches(":focus-visible")) input.value = plain(one.value);
      else if (Number(input.value) !== one.value) input.value = plain(one.value);
      slider.setAttribute("aria-valuetext", `${plain(one.value)}${one.unit}`);
    };
    return { element, show };
  }
}

/** Return a number as one would type it. */
function plain(value) {
  const text = String(value);
  return text.replace("e+", "e");
}

function placeOf(value, { low, high, log }) {
  if (high <= low) return 0;
  const u = log ? Math.log(Math.max(value, low) / low) / Math.log(high / low) : (value - low) / (high - low);
  return Math.round(Math.min(Math.max(u, 0), 1) * STEPS);
}

/** Return the value at a place of the slider, in as few digits as tell it from its neighbours. */
function valueAt(place, { low, high, log, whole }) {
  const u = place / STEPS;
  const value = log ? low * (high / low) ** u : low + (high - low) * u;
  if (whole) return Math.round(value);
  if (log) return Number(value.toPrecision(place % STEPS === 0 ? 2 : 3));
  const digits = Math.max(Math.ceil(-Math.log10((high - low) / STEPS)), 0);
  return Number(value.toFixed(Math.min(digits, 12)));
}
