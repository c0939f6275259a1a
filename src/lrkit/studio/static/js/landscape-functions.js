// Functions of two variables: choose one, put a start, press play, change what drives it on the way.

import { get, latest, post } from "./api.js";
import { copy, h, later, segments, short, toast } from "./ui.js";
import { Settings } from "./landscape-settings.js";
import { Lanes } from "./landscape-lanes.js";
import { LandscapeMap } from "./landscape-map.js";
import { rateColours } from "./landscape-ground.js";
import { Player } from "./landscape-player.js";
import { Solid } from "./landscape-solid.js";
import { fromLink, tidy, toLink } from "./landscape-state.js";
import { Traces } from "./landscape-traces.js";

export async function mount(root, params, context) {
  const choice = await get("/api/landscape/functions");
  const page = new Functions(root, choice, context);
  await page.take(fromLink(params));
  return { update: (next) => page.take(fromLink(next)), unmount: () => page.end() };
}

class Functions {
  constructor(root, choice, context) {
    this.choice = choice;
    this.context = context;
    this.race = latest((body, options) => post("/api/landscape/race", body, options));
    this.ground = latest((body, options) => post("/api/landscape/surface", body, options));
    this.keep = later(() => !this.ended && this.context.keep(toLink(this.state)), 250);
    this.build(root);
    this.themed = () => this.repaint();
    addEventListener("lrkit-theme", this.themed);
    document.addEventListener("keydown", (this.keys = (event) => this.key(event)));
  }

  build(root) {
    const side = h("aside.panel.side", { "aria-label": "What descends, and where" });
    this.settings = new Settings(side, this.choice, {
      changed: (change, ground) => this.change(change, ground),
      scene: (state) => this.take(state).then(() => this.player.play(true)),
    });
    side.append(h("h2", {}, "Descents"));
    this.lanes = new Lanes(side, this.choice.optimizers, {
      changed: (index, part) => this.drive(index, part),
      removed: (index) => this.change({ lanes: this.state.lanes.filter((_, i) => i !== index) }),
      cleared: (index) => this.lane(index, [{ ...this.state.lanes[index].parts.at(-1), since: 0 }]),
      added: () => this.add(),
      live: () => !this.midway(),
    });
    this.map = h("div.map", {
      tabindex: "0", role: "application",
      "aria-label": "Contours of the function. Click, or use the arrow keys, to set the start",
    });
    this.solid = h("div.solid", { hidden: true, role: "img", "aria-label": "The function as a surface, with the paths" });
    this.readout = h("output.readout", {}, "click to set the start");
    this.legend = h("div.legend", { "aria-label": "Colours of the learning rate" },
      h("span", {}, "rate "), h("span.low"), h("i"), h("span.high"));
    const zoom = [["+", "Zoom in", 0.6], ["−", "Zoom out", 1 / 0.6], ["↺", "The whole function", 0]].map(([text, label, factor]) =>
      h("button.icon", { type: "button", "aria-label": label, title: label, onclick: () => this.zoom(factor) }, text));
    this.view = h("div.panel.view", {}, this.map, this.solid, h("div.zoom", {}, zoom), h("div.foot", {}, this.readout, this.legend));
    const transport = h("div.panel.transport", { role: "group", "aria-label": "Play" });
    this.player = new Player(transport, (now) => this.at(now));
    this.kind = segments([["map", "Contours"], ["surface", "Surface"]], "map", (value) => this.change({ solid: value === "surface" }), "View");
    transport.append(this.kind,
      h("button.quiet", { type: "button", title: "Copy the link of what is shown", onclick: () => this.share() }, "Copy link"));
    const traces = h("div.panel.traces");
    root.append(h("div.functions", {}, side, h("div.stage", {}, this.view, transport, traces)));
    this.plane = new LandscapeMap(this.map, {
      moved: (x, y, begins) => this.move(x, y, begins),
      hovered: (x, y, value) => this.hover(x, y, value),
    });
    this.traces = new Traces(traces, (step) => this.player.seek(step));
    this.body = new Solid(this.solid);
  }

  /** Show a state from a link or a scene. */
  async take(state) {
    const { at } = state; // what is shown meanwhile changes it
    this.player.pause();
    this.state = state;
    this.settings.show(state, null);
    this.lanes.show(state.lanes);
    await this.refresh(true);
    this.player.seek(Math.min(at, this.player.last));
  }

  midway() {
    return this.player.now >= 1 && this.player.now < this.player.last;
  }

  /** Let another part drive a descent: from the present step on when it is under way, else anew. */
  drive(index, part) {
    const at = Math.floor(this.player.now);
    // What was refused drives nothing, and so is no part of the way.
    const { parts } = (this.good?.length === this.state.lanes.length ? this.good : this.state.lanes)[index];
    const before = this.midway() && at < this.runs[index].x.length - 1 ? parts.filter((one) => one.since < at) : [];
    this.lane(index, before.length ? [...before, { ...part, since: at }] : [{ ...part, since: 0 }]);
  }

  lane(index, parts) {
    return this.change({ lanes: this.state.lanes.map((one, i) => (i === index ? { parts } : one)) });
  }

  add() {
    const last = this.state.lanes.at(-1).parts.at(-1);
    this.change({ lanes: [...this.state.lanes, { parts: [{ ...structuredClone(last), since: 0 }] }] });
  }

  /** Change the state; `ground` when the function or what is seen of it changes. */
  async change(change, ground = false) {
    const typing = document.activeElement?.closest?.(".lane");
    const before = this.state;
    this.state = { ...before, ...change };
    if (change.lanes && (change.lanes.length !== before.lanes.length || !typing || !this.same(change.lanes, before.lanes))) {
      this.lanes.show(this.state.lanes);
    }
    if ("solid" in change) this.turn();
    else await this.refresh(ground);
    this.keep();
  }

  /** Whether only texts differ, so that the field that is typed in may stay. */
  same(a, b) {
    const form = (lanes) => JSON.stringify(lanes.map((one) => one.parts.map((p) => [p.optimizer, p.since])));
    if (form(a) !== form(b)) return false;
    a.forEach((lane, i) => { Object.assign(this.lanes.cards[i], { part: lane.parts.at(-1), parts: lane.parts }); });
    return true;
  }

  /** Fetch the race, and the ground when asked; returns whether it came. */
  async refresh(ground) {
    const { f, knobs, box, start, steps, noise, seed, lanes } = this.state;
    const where = { function: f, knobs, ...(box ? { box } : {}) };
    const ask = { ...where, steps, noise, seed, ...(start ? { start } : {}), lanes: lanes.map(({ parts }) => ({ parts })) };
    try {
      const [surface, race] = await Promise.all([ground ? this.ground(where) : this.surface, this.race(ask)]);
      if (!surface || !race) return false; // another request has overtaken this one
      this.settled(surface, race, ground);
      return true;
    } catch (error) {
      this.refuse(error);
      return false;
    }
  }

  settled(surface, race, ground) {
    const known = surface.function;
    Object.assign(this, { surface, runs: race.runs, start: race.start, known, good: this.state.lanes });
    this.refuse(null);
    this.settings.show(this.state, surface, race.start);
    if (ground) this.plane.show(surface);
    this.plane.race(race.runs, race.start);
    this.traces.show(race.runs, this.state.lanes, this.state.steps, known);
    this.scale();
    this.turn();
    this.player.bound(Math.max(...race.runs.map((run) => run.x.length - 1)));
    this.at(this.player.now);
  }

  refuse(error) {
    const mine = this.settings.refuse(error, this.state);
    const theirs = this.lanes.refuse(error);
    const told = error && !mine && !theirs && error.status ? error.message : null;
    if (told && told !== this.told) toast(told, "bad");
    this.told = told;
    // Cards that were made anew tell of the descents that still stand.
    if (error && this.runs) this.lanes.at(this.runs, this.player.now, this.known);
  }

  /** Show step `now`, everywhere. */
  at(now) {
    if (!this.runs) return;
    this.state.at = Math.floor(now);
    this.view.dataset.step = this.state.at;
    if (this.state.solid) this.body.draw(now);
    else this.plane.draw(now);
    this.traces.at(now);
    this.lanes.at(this.runs, now, this.known);
    if (!this.player.playing) this.keep();
  }

  turn() {
    this.kind.show(this.state.solid ? "surface" : "map");
    this.map.hidden = this.state.solid;
    this.solid.hidden = !this.state.solid;
    this.hover();
    if (!this.runs) return;
    if (this.state.solid) this.body.show(this.surface, this.runs);
    else this.plane.draw(this.player.now);
  }

  scale() {
    const { low, high, log } = this.plane.share;
    this.legend.querySelector(".low").textContent = short(low, 2);
    this.legend.querySelector(".high").textContent = `${short(high, 2)}${log ? " (log)" : ""}`;
    this.legend.querySelector("i").style.background = `linear-gradient(90deg, ${rateColours().filter((_, i) => i % 6 === 0).join(", ")})`;
  }

  repaint() {
    this.lanes.tint();
    if (!this.runs) return;
    this.scale();
    this.plane.themed();
    if (this.state.solid) this.body.show(this.surface, this.runs);
  }

  move(x, y, begins) {
    const [l, r, b, t] = this.surface.box;
    const start = [Math.min(Math.max(x, l), r), Math.min(Math.max(y, b), t)].map(tidy);
    if (begins) this.player.seek(0);
    this.change({ start });
  }

  hover(x, y, value) {
    const idle = this.state.solid ? "drag to turn, scroll to come nearer" : "click to set the start";
    const at = value === undefined || value === null ? idle : `x ${short(x, 3)}, y ${short(y, 3)}: loss ${short(value, 3)}`;
    this.readout.textContent = at;
  }

  /** Look nearer or from further away, around the middle; 0 is the function's own box. */
  zoom(factor) {
    const [l, r, b, t] = this.surface.box;
    const [cx, cy, w, high] = [(l + r) / 2, (b + t) / 2, ((r - l) / 2) * factor, ((t - b) / 2) * factor];
    const box = factor ? [cx - w, cx + w, cy - high, cy + high].map(tidy) : null;
    if (box && (w < 1e-6 || w > 1e5)) return;
    this.change({ box }, true);
  }

  key(event) {
    const on = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || on.closest?.("input, select, textarea, dialog, [contenteditable]")) return;
    if (event.key === " " && !on.closest?.("button, summary, a")) this.player.toggle();
    else if (event.key === ".") this.player.step(1);
    else if (event.key === ",") this.player.step(-1);
    else if (event.key === "r") this.player.seek(0);
    else if (event.key === "v") this.change({ solid: !this.state.solid });
    else if (event.key.startsWith("Arrow") && on === this.map) this.nudge(event.key, event.shiftKey ? 0.1 : 0.01);
    else return;
    event.preventDefault();
  }

  nudge(key, share) {
    const [l, r, b, t] = this.surface.box;
    const dx = { ArrowLeft: -1, ArrowRight: 1 }[key] ?? 0;
    const dy = { ArrowDown: -1, ArrowUp: 1 }[key] ?? 0;
    this.move(this.start[0] + dx * share * (r - l), this.start[1] + dy * share * (t - b), true);
  }

  share() {
    this.keep.cancel();
    this.context.keep(toLink(this.state));
    copy(location.href, "Link copied; it works while this studio runs");
  }

  end() {
    removeEventListener("lrkit-theme", this.themed);
    document.removeEventListener("keydown", this.keys);
    for (const part of [this.player, this.plane, this.traces, this.body]) part.end();
    this.ended = true; // the link is another's now
  }
}
