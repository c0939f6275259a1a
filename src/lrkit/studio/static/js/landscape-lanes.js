// The descents of a race: what drives each of them, and how it stands.

import { colour } from "./chart.js";
import { largest, ruling } from "./landscape-limits.js";
import { LANES } from "./landscape-state.js";
import { fill, h, later, select, short } from "./ui.js";

/**
 * The list of descents in an element.
 *
 * `changed(index, part)` is called with what shall drive a descent from now on, `removed(index)`,
 * `added()` and `cleared(index)` when the changes on its way shall be forgotten. `live()` says
 * whether a text is taken while it is typed, or when it is finished.
 */
export class Lanes {
  constructor(element, kinds, calls) {
    Object.assign(this, { kinds, calls, cards: [] });
    this.list = h("div.lanes");
    this.more = h("button", { type: "button", onclick: calls.added }, "Add a descent");
    element.append(this.list, this.more);
  }

  /** Draw the descents of a state anew. */
  show(lanes) {
    this.cards = lanes.map((lane, index) => this.card(lane, index, lanes.length));
    fill(this.list, this.cards.map((card) => card.element));
    this.more.disabled = lanes.length >= LANES;
    this.tint();
  }

  tint() {
    this.cards.forEach((card, index) => card.element.style.setProperty("--tone", colour(index)));
  }

  card(lane, index, count) {
    const part = lane.parts.at(-1);
    const card = { part, parts: lane.parts };
    const name = `Descent ${index + 1}`;
    const send = (change) => {
      const next = { ...card.part, ...change };
      if (JSON.stringify(next) !== JSON.stringify(card.part)) this.calls.changed(index, next);
    };
    const schedule = h("input.mono", {
      value: part.schedule, spellcheck: "false", autocomplete: "off", "aria-label": `${name}: schedule`,
      title: "A schedule, as on the Design page; 10% is a share of all steps",
      onchange: () => send({ schedule: schedule.value }),
    });
    const typed = later(() => this.calls.live() && send({ schedule: schedule.value }), 300);
    schedule.addEventListener("input", typed);
    const kind = select(this.kinds.map((one) => [one.name, one.name]), part.optimizer, {
      "aria-label": `${name}: optimizer`,
      title: this.kinds.map((one) => `${one.name}: ${one.about}`).join("\n"),
      onchange: () => send({ optimizer: kind.value, options: {} }),
    });
    card.error = h("p.error.told", { hidden: true, role: "alert" });
    card.state = h("span.state");
    card.notes = h("p.notes", {}, this.notes(lane, index));
    card.schedule = schedule;
    card.element = h("section.lane", { "aria-label": name },
      h("div.row", {}, h("i.tone", { "aria-hidden": "true" }), kind, this.options(part, send),
        h("span.grow"),
        count > 1 && h("button.quiet.icon", {
          type: "button", "aria-label": `Remove descent ${index + 1}`, title: "Remove", onclick: () => this.calls.removed(index),
        }, "×")),
      schedule, card.error, card.state, card.notes);
    return card;
  }

  /** Return the options of an optimizer as small fields, folded away. */
  options(part, send) {
    const kind = this.kinds.find((one) => one.name === part.optimizer) ?? this.kinds[0];
    const fields = Object.entries(kind.options).map(([name, usual]) => {
      const input = h("input", {
        type: "number", step: "any", value: part.options[name] ?? usual, "aria-label": name,
        onchange: () => {
          const value = Number(input.value);
          const { [name]: _, ...rest } = part.options;
          send({ options: input.value === "" || value === usual ? rest : { ...rest, [name]: value } });
        },
      });
      return h("label", {}, h("span", {}, name), input);
    });
    const set = Object.entries(part.options).map(([name, value]) => `${name} ${short(value)}`).join(", ");
    return h("details.options", {}, h("summary", {}, set || "options"), h("div.fields", {}, fields));
  }

  /** Return the parts before the last one in words. */
  notes(lane, index) {
    if (lane.parts.length < 2) return "";
    const words = lane.parts.slice(0, -1).map((part, i) =>
      `to step ${lane.parts[i + 1].since}: ${part.optimizer}, ${part.schedule}`);
    const since = `changed at step ${lane.parts.at(-1).since}`;
    return [h("span", { title: words.join("\n") }, `${since} (${words.at(-1)}) `),
      h("button.quiet.small", { type: "button", onclick: () => this.calls.cleared(index) }, "forget")];
  }

  /** Say how each descent stands at a step. */
  at(runs, now, known) {
    runs.forEach((run, index) => {
      const card = this.cards[index];
      if (!card) return;
      const i = Math.min(Math.floor(now), run.losses.length - 1);
      const rate = run.rates[Math.min(i, run.rates.length - 1)] ?? 0;
      if (run.status === "diverged" && i >= run.losses.length - 1) {
        card.state.dataset.kind = "bad";
        card.state.textContent = `✕ diverged at step ${run.diverged_at}: ${run.reason}`;
        return;
      }
      const limit = largest(ruling(card.parts, i), known.curvature ?? run.sharpness[i]);
      const above = limit !== null && rate > limit.rate;
      card.state.dataset.kind = above ? "warn" : "";
      const side = limit && `${above ? "▲ above" : "below"} ${limit.word} / ${known.curvature ? "L" : "curvature here"} = ${short(limit.rate, 3)}`;
      fill(card.state, `loss ${short(run.losses[i], 3)} · rate ${short(rate, 3)}`, side && h("small", {}, side));
    });
  }

  /** Show a refusal under the schedule it is about; returns whether there is one. */
  refuse(error) {
    for (const card of this.cards) {
      const mine = error !== null && error.text === card.part.schedule;
      card.schedule.setAttribute("aria-invalid", String(mine));
      card.error.hidden = !mine;
      card.error.replaceChildren(...(mine ? under(error) : []));
    }
    return error !== null && this.cards.some((card) => error.text === card.part.schedule);
  }
}

/** Return a refusal with its text and a caret under the character. */
export function under(error) {
  const words = h("span", {}, error.message);
  if (error.text === null || error.position === null) return [words];
  const from = Math.max(0, error.position - 24);
  const line = error.text.slice(from, from + 48).replace(/\s/g, " ");
  return [h("code.under", { "aria-hidden": "true" }, `${line}\n${" ".repeat(error.position - from)}^`), words];
}
