// Total and units, always at hand: what the spans of a text are turned into steps by.

import { h } from "./ui.js";

const FIELDS = [
  ["total", "Total", "30ep", "The whole training: 7050 (steps), 30ep, 1e6sa, 2e9tok", "total"],
  ["epoch", "Steps per epoch", "–", "Updates in an epoch, for spans in ep", "steps_per_epoch"],
  ["batch", "Batch size", "–", "Samples in an update, for spans in sa", "batch_size"],
  ["tokens", "Tokens per step", "–", "Tokens in an update, for spans in tok", "tokens_per_step"],
];

/** The fields: changed({total: "30ep"}) as one types. */
export class Fields {
  constructor(changed) {
    this.inputs = new Map();
    this.element = h("div.horizon", {}, FIELDS.map(([key, label, placeholder, title]) => {
      const input = h("input", {
        placeholder, title, autocomplete: "off", spellcheck: "false", "aria-label": label, name: key,
        oninput: () => changed({ [key]: input.value.trim() }),
        onkeydown: (event) => this.turn(event, key, input, changed),
      });
      this.inputs.set(key, input);
      return h("label", {}, h("span", {}, label), input);
    }));
  }

  show(now) {
    for (const [key, input] of this.inputs) if (input.value.trim() !== now[key]) input.value = now[key];
  }

  /** Mark the field that is wrong, or none. */
  wrong(key) {
    for (const [name, input] of this.inputs) input.setAttribute("aria-invalid", String(name === key));
  }

  /** Return the field that a message about the horizon asks for. */
  named(message) {
    return FIELDS.find(([, , , , name]) => message.includes(`${name},`) || message.includes(`pass ${name}`))?.[0] ?? null;
  }

  focus(key) {
    this.inputs.get(key).focus();
    this.inputs.get(key).select();
  }

  /** Up and down make the number a tenth larger or smaller. */
  turn(event, key, input, changed) {
    const by = { ArrowUp: 1.1, ArrowDown: 1 / 1.1 }[event.key];
    const [, number, unit] = input.value.match(/^([\d.]+)([a-z]*)$/i) ?? [];
    if (!by || !number) return;
    event.preventDefault();
    const next = Number(number) * by;
    const rounded = next >= 10 ? Math.round(next) : Number(next.toPrecision(2));
    input.value = `${rounded === Number(number) ? Number(number) + Math.sign(by - 1) : rounded}${unit}`;
    changed({ [key]: input.value });
  }
}
