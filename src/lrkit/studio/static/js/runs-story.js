// What one run was, its edits, and what can be done with it.

import { ApiError, get, latest, remove } from "./api.js";
import { ask, fill, h, short } from "./ui.js";

const at = (run, rest = "") => `/api/runs/${encodeURIComponent(run)}${rest}`;

export class Story {
  constructor(context, edit, removed) {
    this.context = context;
    this.removed = removed;
    this.edit = edit;
    this.run = null;
    this.ask = latest((run, options) => get(at(run), options));
    this.facts = h("dl.facts");
    this.edits = h("ul.edits");
    this.steer = h("a.button", {}, "Steer");
    this.design = h("button", { type: "button", onclick: () => this.toDesign() }, "Open in Design");
    this.csv = h("a.button", { download: "" }, "CSV");
    this.delete = h("button", { type: "button", onclick: () => this.remove() }, "Delete…");
    this.element = h("div.story", {},
      h("div.row.actions", {}, this.steer, this.design, this.csv, context.about.read_only ? null : this.delete),
      this.edits, this.facts);
  }

  /** Show the run of a row of the list; asked again when the row has changed its status or edits. */
  async show(row) {
    const another = this.run !== row.name;
    const turned = another || this.status !== row.status;
    this.run = row.name;
    this.status = row.status;
    this.steer.href = this.context.link("steer", { run: row.name });
    this.csv.href = at(row.name, "/metrics.csv");
    this.delete.disabled = row.status === "running";
    this.delete.title = row.status === "running" ? "A running run is not deleted; stop it first" : "";
    if (another) {
      fill(this.facts);
      fill(this.edits);
    }
    if (turned || row.status === "running") await this.load();
  }

  async load() {
    try {
      const told = await this.ask(this.run);
      if (!told || told.row.name !== this.run) return;
      fill(this.facts, told.facts.map((fact) => [h("dt", {}, fact.label), h("dd", {}, fact.value)]));
      const happened = [...told.edits.map((e) => [e, e.words]), ...told.refused.map((e) => [e, `refused: ${e.words}`])];
      const look = JSON.stringify(happened);
      if (look === this.look && this.edits.childElementCount) return;
      this.look = look;
      fill(this.edits, happened.map(([event, words]) => this.line(event, words)));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      fill(this.facts, h("dd.error", {}, error.message));
    }
  }

  line(event, words) {
    const who = [event.author, event.reason].filter(Boolean).join(": ");
    const seen = (on) => () => this.edit(on ? { run: this.run, event } : null);
    return h("li", {}, h("button.quiet", {
      type: "button", onfocus: seen(true), onmouseenter: seen(true), onblur: seen(false), onmouseleave: seen(false),
    }, h("b", {}, `${words}`), h("span", {}, ` at ${short(event.step)}${who ? `, ${who}` : ""}`)));
  }

  /** Open what the run followed, edits included, in Design. */
  async toDesign() {
    try {
      const told = await get(`/api/steer/${encodeURIComponent(this.run)}`);
      if (!told.schedule) {
        this.context.toast(told.problem || "The journal does not tell what the run followed", "bad");
        return;
      }
      const total = told.total ?? told.updates;
      this.context.go("design", { text: told.schedule, total: total ? `${total}st` : "", epoch: told.per_epoch ? 1 : told.steps_per_epoch });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.context.toast(error.message, "bad");
    }
  }

  async remove() {
    const run = this.run;
    const sure = await ask(`Delete run ${run}?`, {
      detail: "Its journal, checkpoints and exports are removed from the disk. This cannot be undone.",
      yes: "Delete", danger: true,
    });
    if (!sure) return;
    try {
      await remove(at(run));
      this.context.toast(`Deleted ${run}`, "good");
      this.removed(run);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.context.toast(error.message, "bad");
    }
  }
}
