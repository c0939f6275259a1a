// Where to begin: every family with its picture, and what other libraries mean by a name.

import { get } from "./api.js";
import { fill, h, s, segments, select } from "./ui.js";

/** The presets: on.family(name), on.elsewhere(entry). */
export class Presets {
  constructor(names, on) {
    this.on = on;
    this.names = names;
    this.filter = h("input", { type: "search", placeholder: "Find by name", "aria-label": "Find a preset", oninput: () => this.draw() });
    this.list = h("div.preset-list");
    this.which = "families";
    this.entries = null;
    this.tabs = segments([["families", "Families"], ["elsewhere", "Other libraries"]], "families", (which) => {
      this.which = which;
      this.draw();
    }, "Presets");
    this.library = select([["", "All libraries"]], "", { "aria-label": "Library", hidden: true, onchange: () => this.draw() });
    this.element = h("div.stack.presets", {}, h("div.row", {}, this.tabs), h("div.row.find", {}, this.filter, this.library), this.list);
  }

  async draw() {
    this.library.hidden = this.which !== "elsewhere";
    if (this.which === "families") return this.families();
    if (!this.entries) {
      fill(this.list, h("p.empty", {}, "Loading…"));
      this.entries = await get("/api/design/elsewhere");
      this.library.append(...[...new Set(this.entries.map((e) => e.library))].map((name) => h("option", { value: name }, name)));
    }
    return this.elsewhere();
  }

  families() {
    const wanted = this.filter.value.trim().toLowerCase();
    const found = this.names.filter((one) => one.outline.length && usable(one) && `${one.name} ${one.kind} ${one.summary}`.toLowerCase().includes(wanted));
    const kinds = [...new Set(found.map((one) => one.kind))];
    fill(this.list, kinds.map((kind) => h("section", {}, h("h3", {}, plural(kind)),
      h("div.cards", {}, found.filter((one) => one.kind === kind).map((one) => h("button.card", {
        type: "button", title: `${one.summary}\n${one.example}`, dataset: { family: one.name }, onclick: () => this.on.family(one.name),
      }, picture(one.outline), h("span", {}, one.name)))))),
    found.length ? null : h("p.empty", {}, "No family has that name."));
  }

  elsewhere() {
    const wanted = this.filter.value.trim().toLowerCase();
    const found = this.entries.filter((e) => (!this.library.value || e.library === this.library.value)
      && `${e.library} ${e.name} ${e.call}`.toLowerCase().includes(wanted));
    const most = 80;
    fill(this.list,
      h("p.calm", {}, "Each is held by a test against the library itself. lr is the optimizer's rate."),
      found.slice(0, most).map((e) => h("button.entry", { type: "button", title: e.note, onclick: () => this.on.elsewhere(e) },
        h("small", {}, `${e.library}, lr ${e.lr}`), h("code", {}, e.call), h("code.ours", {}, e.text))),
      found.length > most ? h("p.calm", {}, `${found.length - most} more; write a part of the name.`) : null,
      found.length ? null : h("p.empty", {}, "No library has that name."));
  }
}

// Its functions are imported by path, which a page does not do.
const usable = (one) => !["from_function", "multiplicative"].includes(one.name);
const plural = (kind) => `${kind[0].toUpperCase()}${kind.slice(1)}s`.replace("Warm-up and cooldowns", "Warm-up and cooldown");

/** Return a small picture of a curve given by values from 0 to 1. */
function picture(values) {
  const points = values.map((v, i) => `${((i / (values.length - 1)) * 62 + 1).toFixed(1)},${(25 - v * 23).toFixed(1)}`).join(" ");
  return s("svg", { viewBox: "0 0 64 27", "aria-hidden": "true" }, s("polyline", { points }));
}
