// The Design page: a schedule as text and by hand, which are the same value at every moment.
//
// Its link: #/design?text=…&total=30ep&epoch=235&batch=…&tokens=…&log=1&axis=epoch&pins=[[name, text, colour], …]
// (total is a span; epoch, batch and tokens are steps per epoch, batch size and tokens per step).

import { get, post } from "./api.js";
import { know, known, enclosing } from "./design-complete.js";
import { Editor } from "./design-editor.js";
import { Fields } from "./design-fields.js";
import { Numbers } from "./design-numbers.js";
import { Pieces } from "./design-pieces.js";
import { Plot } from "./design-chart.js";
import { Presets } from "./design-presets.js";
import { Pins, showFacts } from "./design-side.js";
import { shareMenu, trainDialog } from "./design-share.js";
import { newest, spanOf, Store } from "./design-state.js";
import { fill, h, later, segments } from "./ui.js";

const FIRST = { text: "0.3 * (warmup(5ep) >> cosine())", total: "30ep", epoch: "235", batch: "", tokens: "", pins: [] };
const POINTS = 1500;
const KEYS = [
  ["E", "edit the text"], ["T", "the total"], ["L", "linear or logarithmic"], ["A", "steps or epochs"], ["P", "pin this schedule"],
  ["Ctrl Z", "undo"], ["Ctrl Shift Z", "redo"], ["Ctrl Space", "complete a name"], ["Ctrl Enter", "train with it"], ["?", "these keys"],
];

const ways = (grip) => (grip ? { by_x: grip.by_x, by_y: grip.by_y, why_x: grip.why_x, why_y: grip.why_y } : { by_x: "?", by_y: "?" });

let kept = null; // the page as it was left for another one

export async function mount(root, params, context) {
  const names = await get("/api/design/names");
  know(names);
  const page = new Page(root, context, names);
  page.begin(params);
  return { update: (given) => page.update(given), unmount: () => page.end() };
}

class Page {
  constructor(root, context, names) {
    this.context = context;
    this.view = kept?.view ?? { log: false, epochs: false };
    this.store = kept?.store ?? new Store(FIRST);
    this.look = null; // the last look that had a curve
    this.curves = new Map();
    this.turn = 0;
    this.keep = later(() => this.context.keep(this.link()), 250);
    this.fuller = later(() => this.whatMoves(), 120);
    this.ask = newest((job) => this.work(job));
    this.askPins = newest((job) => this.drawPins(job));
    this.parts(names);
    this.lay(root);
    this.listen();
  }

  parts(names) {
    const edit = (change) => this.edit(change);
    this.editor = new Editor({ input: (text) => this.store.change({ text }, "type"), caret: (at) => this.help(at) });
    this.plot = new Plot({
      take: (name) => ({ text: this.store.now.text, kind: `drag ${++this.turn}`, name }),
      drag: (target, base) => this.drag(target, base),
      drop: () => this.look && this.draw(),
      nudge: (target) => this.drag(target, { text: this.store.now.text, kind: "nudge" }),
      stuck: (why) => this.say(why),
    });
    this.pieces = new Pieces({
      edit, point: (piece) => this.point(piece), select: (piece) => this.editor.select(piece.start, piece.stop),
    });
    this.numbers = new Numbers({ number: (...given) => this.number(...given), point: (range) => this.editor.light(range) });
    this.pins = new Pins({
      pin: () => this.pin(), rename: (i, name) => this.setPin(i, { name }), swap: (i) => this.swap(i),
      unpin: (i) => this.store.change({ pins: this.store.now.pins.filter((_, k) => k !== i) }),
    });
    this.presets = new Presets(names, {
      family: (name) => this.edit({ kind: "family", name }),
      elsewhere: (e) => this.store.change({ text: e.text, total: String(e.total) }),
    });
    this.fields = new Fields((patch) => this.store.change(patch, `field-${Object.keys(patch)[0]}`));
  }

  lay(root) {
    this.hint = h("p.hint", { id: "design-hint", role: "status", "aria-live": "polite" });
    this.undo = h("button.quiet.icon", { type: "button", title: "Undo (Ctrl Z)", "aria-label": "Undo", onclick: () => this.store.undo() }, "↶");
    this.redo = h("button.quiet.icon", { type: "button", title: "Redo (Ctrl Shift Z)", "aria-label": "Redo", onclick: () => this.store.redo() }, "↷");
    this.train = h("button.primary", { type: "button", onclick: () => this.trainWith(), disabled: this.context.about.read_only, title: this.context.about.read_only ? "This studio only shows" : "Start a training with this schedule (Ctrl Enter)" }, "Train…");
    this.scale = segments([["lin", "Linear"], ["log", "Log"]], this.view.log ? "log" : "lin", (v) => this.setView({ log: v === "log" }), "Axis of the rate");
    this.axis = segments([["step", "Steps"], ["epoch", "Epochs"]], this.view.epochs ? "epoch" : "step", (v) => this.setView({ epochs: v === "epoch" }), "Horizontal axis");
    this.facts = h("div");
    this.tab = h("div.tab-body");
    this.tabs = segments([["numbers", "Numbers"], ["compare", "Compare"], ["presets", "Presets"]], "numbers", (name) => this.showTab(name), "Beside the curve");
    fill(root,
      h("h1.offscreen", {}, "Design a schedule"),
      h("div.design", {},
        h("section.panel.write", { "aria-label": "Text" },
          h("div.row.bar", {}, h("h2.grow", {}, "Schedule"), this.undo, this.redo, shareMenu(() => this.copies()), this.train,
            h("button.quiet.icon", { type: "button", title: "Keys (?)", "aria-label": "Keyboard", onclick: () => this.showKeys() }, "?")),
          this.editor.box, this.hint),
        h("section.panel.see", { "aria-label": "Curve" },
          h("div.row.bar", {}, this.fields.element, h("span.grow"), this.scale, this.axis),
          this.plot.box, this.pieces.element),
        h("aside.side", {},
          h("section.panel", { "aria-label": "Facts" }, this.facts),
          h("section.panel.more", { "aria-label": "More" }, this.tabs, this.tab))));
    this.showTab("numbers");
  }

  listen() {
    this.onchange = (event) => this.changed(event.detail.why);
    this.store.addEventListener("change", this.onchange);
    this.onkey = (event) => this.key(event);
    document.addEventListener("keydown", this.onkey, true);
  }

  begin(params) {
    if (params.has("text")) this.take(params, !kept);
    this.changed("begin");
  }

  update(params) {
    if (params.has("text")) this.take(params, false);
  }

  end() {
    kept = { store: this.store, view: this.view };
    this.keep.cancel();
    this.fuller.cancel();
    this.store.removeEventListener("change", this.onchange);
    document.removeEventListener("keydown", this.onkey, true);
    this.editor.completion.end();
    this.plot.end();
    this.pins.end();
  }

  // The link.

  link() {
    const { pins, ...now } = this.store.now;
    const given = pins.length ? JSON.stringify(pins.map((pin) => [pin.name, pin.text, pin.index])) : "";
    return { ...now, log: this.view.log ? 1 : "", axis: this.view.epochs ? "epoch" : "", pins: given };
  }

  /** Take the state that a link names. */
  take(params, first) {
    const next = { ...FIRST, epoch: "", total: "" };
    for (const key of ["text", "total", "epoch", "batch", "tokens"]) if (params.has(key)) next[key] = params.get(key);
    try {
      const pins = JSON.parse(params.get("pins") ?? "[]");
      next.pins = pins.slice(0, 20).map(([name, text, index]) => ({ name: String(name), text: String(text), index: Number(index) || 1 }));
    } catch {
      this.context.toast("The pinned schedules of this link cannot be read", "bad");
    }
    if (first) this.store = this.replaced(new Store(next));
    else this.store.change(next);
    this.setView({ log: params.get("log") === "1", epochs: params.get("axis") === "epoch" });
  }

  replaced(store) {
    this.store.removeEventListener("change", this.onchange);
    store.addEventListener("change", this.onchange);
    return store;
  }

  // From a change of the value to what is seen.

  changed(why) {
    const { now } = this.store;
    this.editor.text = now.text;
    this.fields.show(now);
    this.undo.disabled = !this.store.past.length;
    this.redo.disabled = !this.store.future.length;
    this.keep();
    const pinned = JSON.stringify([now.pins.map((pin) => pin.text), spanOf(now)]);
    if (pinned !== this.pinned) {
      this.pinned = pinned;
      this.askPins(now);
    } else if (this.look && !this.curvesAreShown()) this.showPins();
    if (!this.answered) this.seek();
    if (why === "history" && this.look) this.say("");
  }

  /** Ask for a look at the text as it is now. */
  seek() {
    const { span, wrong } = spanOf(this.store.now);
    this.fields.wrong(wrong);
    if (wrong) return this.complain("A total is a number of steps, or a span such as 30ep, 1e6sa, 2e9tok; the others are numbers above 0", null);
    const { text } = this.store.now;
    return this.ask({ path: "look", body: { text, span, points: POINTS, brief: true }, done: (look) => { if (text === this.store.now.text) this.seen(look); } });
  }

  /** Ask what moves the handles of the text as it is now. */
  whatMoves() {
    const { text } = this.store.now;
    const { span, wrong } = spanOf(this.store.now);
    if (wrong || this.look?.text !== text) return;
    this.ask({
      path: "look", body: { text, span, points: 16 },
      done: (look) => {
        if (this.look.text !== look.text || look.problem) return;
        this.look.grips = look.grips;
        this.plot.place();
      },
    });
  }

  async work(job) {
    try {
      job.done(await post(`/api/design/${job.path}`, job.body));
    } catch (error) {
      if (job.failed) job.failed(error);
      else this.say(error.message, true);
    }
  }

  /** Show a look; one with a problem leaves the last good curve, dimmed. */
  seen(look) {
    this.editor.show(look.text, look.words, look.problem ? (look.problem.position ?? null) : null);
    if (look.problem) {
      this.fields.wrong(look.problem.kind === "horizon" ? this.fields.named(look.problem.message) : null);
      return this.complain(look.problem.message);
    }
    // What moves the handles is asked for when the hand rests; until then it is as it was.
    const before = new Map(this.look?.grips.map((grip) => [grip.name, grip]));
    look.grips = look.grips.map((grip) => ({ ...grip, ...ways(before.get(grip.name)) }));
    this.fuller();
    this.look = look;
    this.train.disabled = this.context.about.read_only;
    document.querySelector(".design")?.classList.remove("stale");
    this.plot.dim(false);
    this.say("");
    this.draw();
    showFacts(this.facts, look);
    this.pieces.show(look);
    this.numbers.show(look);
    this.pins.show(look, this.pinnedCurves());
    return undefined;
  }

  draw() {
    const epoch = Number(this.store.now.epoch) || 0;
    this.axis.lastChild.disabled = !epoch;
    this.plot.show(this.look, this.pinnedCurves(), { log: this.view.log, epochs: this.view.epochs && epoch > 0, epoch });
  }

  complain(message) {
    this.say(message, true);
    this.train.disabled = true;
    document.querySelector(".design")?.classList.add("stale");
    this.plot.dim(true);
  }

  say(text, bad = false) {
    this.hint.className = `hint${bad ? " error" : ""}`;
    this.hint.textContent = text;
    if (!text) this.help(this.editor.area.selectionStart);
  }

  /** Show the signature of the call that the caret is in, where nothing is wrong. */
  help(at) {
    if (this.hint.classList.contains("error")) return;
    const before = this.store.now.text.slice(0, at);
    const call = document.activeElement === this.editor.area ? enclosing(before) : null;
    const name = call?.name ?? before.match(/([A-Za-z_]\w*)\(?$/)?.[1];
    const about = document.activeElement === this.editor.area && name ? known(name) : null;
    if (about) fill(this.hint, h("code", {}, about.signature), " ", about.summary);
    else this.hint.textContent = this.look ? "Write, or drag the handles of the curve; both are the same schedule." : "";
  }

  // Changes that the studio works out.

  send(path, more, { text = this.store.now.text, kind = "", failed } = {}) {
    const { span, wrong } = spanOf(this.store.now);
    if (wrong) return;
    const done = (look) => {
      if (look.problem) return this.say(look.problem.message);
      return this.accept(look, kind);
    };
    this.ask({ path, body: { text, span, points: POINTS, brief: true, ...more }, done, failed });
  }

  /** Take the text of an answer, whose look needs not be asked for again. */
  accept(look, kind) {
    this.answered = true;
    this.store.change({ text: look.text }, kind);
    this.answered = false;
    this.editor.text = look.text;
    this.seen(look);
    if (!look.reached) this.say("As far as it goes.");
  }

  edit(change) {
    this.send("edit", { change });
  }

  drag(target, base) {
    this.send("drag", target, { text: base.text, kind: base.kind, failed: (error) => this.say(error.message) });
  }

  number(index, value, phase) {
    if (value === null) { // the slider was let go
      this.sliding = null;
      return;
    }
    if (phase === "move") this.sliding ??= { text: this.store.now.text, kind: `slide ${++this.turn}` };
    const base = phase === "move" ? this.sliding : { text: this.store.now.text, kind: phase === "key" ? `number-${index}` : "" };
    this.send("edit", { change: { kind: "number", index, value } }, { ...base, failed: (error) => this.say(error.message) });
  }

  point(piece) {
    this.plot.light(piece);
    this.editor.light(piece ? [piece.start, piece.stop] : null);
  }

  // Comparison.

  pinnedCurves() {
    return this.store.now.pins.map((pin) => ({ ...pin, ...(this.curves.get(pin.text) ?? {}) }));
  }

  pin() {
    if (!this.look) return;
    const { pins, text } = this.store.now;
    const used = new Set(pins.map((pin) => pin.index));
    let index = 1;
    while (used.has(index)) index++;
    this.store.change({ pins: [...pins, { name: text.slice(0, 60), text: this.look.text, index }] });
    this.tabs.show("compare");
    this.showTab("compare");
  }

  setPin(i, patch) {
    this.store.change({ pins: this.store.now.pins.map((pin, k) => (k === i ? { ...pin, ...patch } : pin)) });
  }

  swap(i) {
    const pin = this.store.now.pins[i];
    const { text } = this.store.now;
    const pins = this.store.now.pins.map((one, k) => (k === i ? { ...one, text, name: one.name === one.text.slice(0, 60) ? text.slice(0, 60) : one.name } : one));
    this.store.change({ text: pin.text, pins });
  }

  /** Return whether names and colours of the pinned schedules are those that are drawn. */
  curvesAreShown() {
    const names = JSON.stringify(this.store.now.pins);
    const shown = this.named === names;
    this.named = names;
    return shown;
  }

  async drawPins(now) {
    const { span, wrong } = spanOf(now);
    if (wrong) return;
    const texts = now.pins.map((pin) => pin.text);
    const found = texts.length ? await post("/api/design/compare", { texts, span }) : [];
    this.curves = new Map(found.map((one) => [one.text, one]));
    this.named = JSON.stringify(this.store.now.pins);
    if (texts.length || this.drawn) this.showPins();
    this.drawn = texts.length;
  }

  showPins() {
    if (!this.look) return;
    this.pins.show(this.look, this.pinnedCurves());
    this.draw();
  }

  // The rest of the page.

  showTab(name) {
    const part = { numbers: this.numbers, compare: this.pins, presets: this.presets }[name];
    fill(this.tab, part.element);
    if (name === "presets") this.presets.draw();
  }

  setView(patch) {
    Object.assign(this.view, patch);
    this.scale.show(this.view.log ? "log" : "lin");
    this.axis.show(this.view.epochs ? "epoch" : "step");
    this.keep();
    if (this.look) this.draw();
  }

  copies() {
    if (this.look?.text !== this.store.now.text ) return null;
    return { ...this.look.copies, link: `${location.origin}/${this.context.link("design", this.link())}` };
  }

  async trainWith() {
    if (!this.look || this.look.text !== this.store.now.text || this.context.about.read_only) return;
    const run = await trainDialog({ text: this.look.text, total: this.store.now.total });
    if (!run) return;
    this.context.toast(`Training ${run} has begun`, "good");
    this.context.go("steer", { run });
  }

  showKeys() {
    const dialog = h("dialog.keys", { "aria-label": "Keys" }, h("h2", {}, "Keys"),
      h("dl", {}, KEYS.map(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)])),
      h("p", {}, "On a handle the arrow keys move it: Shift for more, Alt for less. On a piece, Alt with the arrows moves it and Delete removes it."),
      h("form", { method: "dialog" }, h("button", { type: "submit" }, "Close")));
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }

  key(event) {
    if (document.querySelector("dialog[open]")) return;
    const low = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && !event.altKey) {
      const way = low === "z" ? (event.shiftKey ? "redo" : "undo") : low === "y" ? "redo" : null;
      if (way) {
        event.preventDefault();
        this.store[way]();
      } else if (low === "enter") {
        event.preventDefault();
        this.trainWith();
      }
      return;
    }
    if (event.altKey || event.metaKey || event.target.closest("input:not([type=range]), textarea, select")) return;
    const act = {
      e: () => this.editor.area.focus(), t: () => this.fields.focus("total"), p: () => this.pin(), "?": () => this.showKeys(),
      l: () => this.setView({ log: !this.view.log }), a: () => Number(this.store.now.epoch) > 0 && this.setView({ epochs: !this.view.epochs }),
    }[low];
    if (!act) return;
    event.preventDefault();
    act();
  }
}
