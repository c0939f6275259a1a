// The function and its knobs, the start, the number of steps, and the noise.

import { field, fill, h, later, select, short, toast } from "./ui.js";
import { under } from "./landscape-lanes.js";
import { SCENES, scene } from "./landscape-state.js";

const OWN = "";
const FAR = 1e6; // as far as the studio goes

const range = ({ min, max, step }) => `${step === 1 ? "whole numbers" : "numbers"} from ${min.toLocaleString("en")} to ${max.toLocaleString("en")}`;

/** The settings in an element: `changed(change, ground)` is called with what is new in the state. */
export class Settings {
  constructor(element, choice, calls) {
    this.choice = choice;
    this.calls = calls;
    this.names = choice.functions.map((one) => one.name);
    const scenes = select([["", "Scenes…"], ...SCENES.map(([title], i) => [String(i), title])], "", {
      "aria-label": "Scenes",
      onchange: () => {
        const chosen = SCENES[Number(scenes.value)];
        scenes.value = "";
        if (chosen) calls.scene(scene(chosen[1]));
      },
    });
    this.which = select([...this.names.map((name) => [name, name.replace("_", " and ")]), [OWN, "own formula"]], "ravine", {
      onchange: () => this.choose(this.which.value),
    });
    this.formula = h("input.mono", {
      spellcheck: "false", autocomplete: "off", "aria-label": "Formula of x and y",
      placeholder: "x, y, pi, e, + - * / **, sin cos tan exp log sqrt abs sinh cosh tanh atan hypot",
      oninput: later(() => this.write(this.formula.value), 250),
      onchange: () => this.write(this.formula.value),
      onblur: () => { if (this.formula.getAttribute("aria-invalid") !== "true") this.formula.value = this.shown; },
    });
    this.error = h("p.error.told", { hidden: true, role: "alert" });
    this.about = h("p.about");
    this.knobs = h("div.knobs");
    this.fields = this.numbers();
    element.append(
      h("div.pair", {}, field("Function", this.which), field("Try", scenes)),
      h("div.field", {}, h("label", {}, "f(x, y) ="), this.formula), this.error, this.about, this.knobs,
      h("div.numbers", {}, Object.values(this.fields).map(([label, input]) => field(label, input))));
  }

  numbers() {
    const number = (label, change, attributes = {}) => {
      const input = h("input", { type: "number", ...attributes, onchange: () => {
        const value = Number(input.value);
        if (input.value !== "" && input.checkValidity()) return change(value);
        toast(`${label} takes ${range(attributes)}; it stays as it was`, "bad");
        this.restore();
      } });
      return [label, input];
    };
    const start = (axis) => (value) => this.calls.changed({ start: this.start.map((v, i) => (i === axis ? value : v)), at: 0 });
    return {
      x: number("Start x", start(0), { min: -FAR, max: FAR, step: "any" }),
      y: number("Start y", start(1), { min: -FAR, max: FAR, step: "any" }),
      steps: number("Steps", (steps) => this.calls.changed({ steps }), { min: 1, max: this.choice.most_steps, step: 1 }),
      noise: number("Gradient noise", (noise) => this.calls.changed({ noise }), { min: 0, max: FAR, step: "any", title: "Standard deviation of what is added to each part of each gradient" }),
      seed: number("Seed", (seed) => this.calls.changed({ seed }), { min: 0, max: 2 ** 53 - 1, step: 1, title: "Decides the noise" }),
    };
  }

  choose(name) {
    if (name === OWN) {
      this.last = null;
      this.write(this.formula.value);
      this.formula.focus();
    } else {
      this.calls.changed({ f: name, knobs: {}, box: null, start: null }, true);
    }
  }

  /** Take a formula that was typed: another than that of the function shown is one's own. */
  write(text) {
    if (text.trim() === "" || text === this.last) return;
    this.last = text;
    this.calls.changed({ f: text, knobs: {}, box: this.surface?.box ?? null, start: this.state.start }, true);
  }

  /** Show a state, and what the studio has told of its function. */
  show(state, surface, start) {
    Object.assign(this, { state, surface: surface ?? this.surface, start: start ?? this.start });
    const named = this.names.includes(state.f);
    this.which.value = named ? state.f : OWN;
    if (!surface) return;
    const known = surface.function;
    this.shown = known.formula;
    if (document.activeElement !== this.formula) this.formula.value = this.last = known.formula;
    this.formula.title = `f(x, y) = ${known.formula}`;
    this.about.textContent = named ? known.about : "";
    this.about.title = known.source;
    const form = known.knobs.map((knob) => knob.name).join() + state.f;
    if (form !== this.form) this.turnable(known.knobs);
    this.form = form;
    known.knobs.forEach((knob, i) => this.dials[i]?.(knob.value));
    this.restore();
  }

  restore() {
    const shown = { x: this.start?.[0], y: this.start?.[1], steps: this.state.steps, noise: this.state.noise, seed: this.state.seed };
    for (const [name, [, input]] of Object.entries(this.fields)) {
      if (document.activeElement !== input || !input.checkValidity()) input.value = shown[name] === undefined ? "" : Number(shown[name].toPrecision(12));
    }
  }

  /** Draw a slider for each knob; by decades where it spans many. */
  turnable(knobs) {
    this.dials = [];
    fill(this.knobs, knobs.map((knob) => {
      const log = knob.low > 0 && knob.high / knob.low >= 100;
      const from = (share) => (log ? knob.low * (knob.high / knob.low) ** share : knob.low + share * (knob.high - knob.low));
      const to = (value) => (log ? Math.log(value / knob.low) / Math.log(knob.high / knob.low) : (value - knob.low) / (knob.high - knob.low));
      const slider = h("input", { type: "range", min: 0, max: 1, step: 0.002, "aria-label": `${knob.name}: ${knob.about}`, title: knob.about });
      const shown = h("output.mono");
      const send = (value) => this.calls.changed({ knobs: { ...this.state.knobs, [knob.name]: value } }, true);
      slider.addEventListener("input", () => {
        const value = Math.min(Math.max(Number(from(Number(slider.value)).toPrecision(3)), knob.low), knob.high);
        shown.textContent = short(value);
        send(value);
      });
      this.dials.push((value) => {
        if (document.activeElement !== slider) slider.value = to(value);
        shown.textContent = short(value);
      });
      return h("label.knob", {}, h("span", { title: knob.about }, knob.name), slider, shown);
    }));
  }

  /** Show a refusal under the formula when it is about that; returns whether it is. */
  refuse(error, state) {
    const mine = error !== null && error.text !== null && error.text === state.f;
    if (mine && document.activeElement !== this.formula) this.formula.value = state.f;
    this.formula.setAttribute("aria-invalid", String(mine));
    this.error.hidden = !mine;
    this.error.replaceChildren(...(mine ? under(error) : []));
    return mine;
  }
}
