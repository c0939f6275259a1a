// What a range test found: the rates with their intervals, how sure that is, and schedules.

import { ask, copy, fill, h, field, short, toast } from "./ui.js";

const NAMES = {
  decay: ["Decay", "warm up to half the maximum, then a cosine down to 0"],
  linear: ["Linear decay", "the same with a straight line"],
  "one-cycle": ["One cycle", "up to the maximum and down again"],
  cyclic: ["Cyclic", "between base and maximum"],
};

export class Answer {
  constructor({ rates, train, context }) {
    this.moved = rates;
    this.train = train;
    this.context = context;
    this.title = h("h2", {}, "Suggestion");
    this.reason = h("p.reason");
    this.inputs = {};
    this.hints = {};
    const asked = ["base", "maximum"].map((name) => {
      const input = (this.inputs[name] = h("input", {
        type: "text", inputmode: "decimal", autocomplete: "off", "aria-label": name,
        onchange: () => this.typed(name),
        onkeydown: (event) => event.key === "Enter" && this.typed(name),
      }));
      this.hints[name] = h("small");
      const one = field(name === "base" ? "Base" : "Maximum", input);
      one.append(this.hints[name]);
      return one;
    });
    this.fields = h("div.fields", {}, asked);
    this.peak = h("p.peak");
    this.list = h("div.schedules");
    this.element = h("div.stack", {}, this.title, this.reason, this.fields, this.peak, this.list);
    this.begin();
  }

  begin() {
    this.test = null;
    this.fields.hidden = this.peak.hidden = true;
    fill(this.reason, "The rates and their schedules stand here when a test is done.");
    fill(this.list);
  }

  shows(test, rates) {
    const told = test.suggestion;
    this.test = test;
    const ended = { stopped: "The test was stopped; a part of a curve suggests nothing.", failed: test.reason, killed: test.reason };
    fill(this.reason, told ? ["Confidence ", h(`strong.${told.confidence}`, {}, told.confidence), `: ${told.reason}.`] : ended[test.status] ?? "");
    this.fields.hidden = this.peak.hidden = !told || (rates.base === null && rates.maximum === null);
    for (const name of ["base", "maximum"]) {
      const one = told?.[name];
      this.inputs[name].parentElement.hidden = !one;
      this.hints[name].textContent = one ? `${short(one.low, 2)} to ${short(one.high, 2)}` : "";
    }
    this.moves(rates);
    this.texts(told?.schedules ?? {});
  }

  moves(rates) {
    for (const [name, input] of Object.entries(this.inputs)) {
      if (rates[name] !== null && (document.activeElement !== input || Number(input.value) !== rates[name])) input.value = short(rates[name], 3);
    }
    const { base, maximum } = rates;
    const words = maximum === null ? "" : `Peak for schedules that decay: ${short(maximum / 2, 3)}, half the maximum.`;
    const crossed = base !== null && maximum !== null && base >= maximum;
    this.peak.textContent = words + (crossed ? " A cyclic schedule needs a base below the maximum; lower it." : "");
  }

  typed(name) {
    const rate = Number(this.inputs[name].value);
    const wrong = !(rate > 0 && Number.isFinite(rate));
    this.inputs[name].setAttribute("aria-invalid", String(wrong));
    if (wrong) toast(`The ${name} is a rate above 0, such as 0.01`, "bad");
    else this.moved({ [name]: rate });
  }

  /** Show the schedules, by name. */
  texts(found) {
    const may = !this.context.about.read_only && this.test?.task;
    fill(this.list, Object.entries(found).map(([name, text]) => h("article", { dataset: { schedule: name } },
      h("div.row", {}, h("h3.grow", { title: NAMES[name]?.[1] }, NAMES[name]?.[0] ?? name),
        h("button.quiet", { type: "button", onclick: () => copy(text, `Copied: ${name}`) }, "Copy"),
        h("a.button", { href: this.context.link("design", { text }) }, "Design"),
        may && h("button.quiet", { type: "button", onclick: () => this.ask(text) }, "Train")),
      h("code", {}, text))));
  }

  async ask(text) {
    const { task } = this.test;
    const yes = await ask(`Train ${task} with it?`, { detail: `${text}, for the task's own length. You can watch and steer it.`, yes: "Start" });
    if (yes) this.train(text);
  }
}
