// Beside the curve: facts and warnings, and the schedules that are pinned for comparison.

import { colour } from "./chart.js";
import { fill, h, short } from "./ui.js";

/** Show the facts of a look in an element. */
export function showFacts(element, look) {
  const f = look.facts;
  const epoch = look.total_epochs ? f.steps / look.total_epochs : null;
  const at = (step) => `step ${short(step, 7)}${epoch ? `, epoch ${short(step / epoch, 3)}` : ""}`;
  const rows = [
    ["Peak", short(f.peak), `at ${at(f.peak_at)}`],
    ["Last update", short(f.final), f.end === f.final ? "and holds" : `then ${short(f.end)}`],
    ["Mean rate", short(f.mean), f.peak ? `${short((100 * f.mean) / f.peak, 3)} % of the peak` : ""],
    ["Area", short(f.area, 5), "sum of all rates"],
    ["Updates", short(f.steps, 9), look.total_epochs ? `${short(look.total_epochs)} epochs` : ""],
    ["Joints", String(f.joint_count), f.jumps.length ? `${f.jumps.length} ${f.jumps.length === 1 ? "jump" : "jumps"}` : "no jump"],
  ];
  fill(element,
    h("dl.facts", {}, rows.map(([name, value, more]) => h("div", {}, h("dt", {}, name), h("dd", {}, h("b", {}, value), h("small", {}, more))))),
    f.warnings.length
      ? h("ul.warnings", { "aria-label": "Warnings" }, f.warnings.map((text) => h("li", {}, text)))
      : h("p.calm", {}, "No warnings."));
}

/** The pinned schedules: on.pin(), on.rename(i, name), on.swap(i), on.unpin(i). */
export class Pins {
  constructor(on) {
    this.on = on;
    this.table = h("div.pins");
    this.element = h("div.stack", {},
      h("button", { type: "button", onclick: on.pin, title: "Keep this curve beside those to come (P)" }, "Pin this schedule"),
      this.table);
    addEventListener("lrkit-theme", this.themed = () => this.last && this.show(...this.last));
  }

  end() { removeEventListener("lrkit-theme", this.themed); }

  show(look, pins) {
    this.last = [look, pins];
    if (this.table.contains(document.activeElement) && document.activeElement.matches("input")) return;
    fill(this.table, this.row({ name: "this schedule", index: 0, ...look.facts }, null), pins.map((pin, i) => this.row(pin, i)));
  }

  row(pin, i) {
    const swatch = h("i.swatch", { style: { color: colour(pin.index) } });
    const name = i === null ? h("span.this", {}, pin.name) : h("input.pin-name", {
      value: pin.name, "aria-label": `Name of pinned schedule ${i + 1}`, title: pin.text, maxlength: 60,
      onchange: (event) => this.on.rename(i, event.target.value.trim() || pin.text),
    });
    const figures = pin.problem
      ? h("p.figures.error", {}, pin.problem.message)
      : h("p.figures", {}, [["peak", pin.peak], ["mean", pin.mean], ["area", pin.area]].map(([what, v]) => h("span", {}, h("small", {}, what), " ", short(v, 3))));
    return h("div.pin", {}, swatch, name,
      i === null ? h("span") : h("span.tools", {},
        h("button.quiet.icon", { type: "button", title: "Into the editor; the present one takes its place here", "aria-label": `Edit ${pin.name}`, onclick: () => this.on.swap(i) }, "⇄"),
        h("button.quiet.icon", { type: "button", title: "Remove", "aria-label": `Remove ${pin.name}`, onclick: () => this.on.unpin(i) }, "×")),
      i === null || pin.text === pin.name ? null : h("code.pin-text", {}, pin.text), figures);
  }
}
