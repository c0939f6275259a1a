// The Design page: a schedule as text and by hand, which are the same value at every moment.
//
// The studio works every change out: each answer is the next text with all that follows from it
// (a "look"), and the page holds nothing that could disagree with it. Links: see design-link.js.

import { get, post } from "./api.js";
import { Plot } from "./design-chart.js";
import { Compare } from "./design-compare.js";
import { enclosing, know, known } from "./design-complete.js";
import { Editor } from "./design-editor.js";
import { showFacts } from "./design-facts.js";
import { Fields } from "./design-fields.js";
import { keysOf, showKeys } from "./design-keys.js";
import { FIRST, linkOf, readLink } from "./design-link.js";
import { Numbers } from "./design-numbers.js";
import { Pieces } from "./design-pieces.js";
import { Presets } from "./design-presets.js";
import { shareMenu, trainDialog } from "./design-share.js";
import { newest, spanOf, Store } from "./design-state.js";
import { fill, h, later, segments } from "./ui.js";

const POINTS = 1500;
const IDLE = "Write, or drag the handles of the curve; both are the same schedule.";
let kept = null; // the page as it was left for another one

export async function mount(root, params, context) {
  const [names, palette] = await Promise.all([get("/api/design/names"), get("/api/design/palette")]);
  know(names);
  const page = new Page(root, context, { names, palette, params });
  return { update: (given) => page.update(given), unmount: () => page.end() };
}

class Page {
  constructor(root, context, { names, palette, params }) {
    this.context = context;
    this.view = kept?.view ?? { log: false, epochs: false };
    this.store = kept?.store ?? new Store(FIRST);
    const named = params.has("text") && this.read(params);
    if (named && !kept) this.store = new Store({ ...FIRST, ...named.value });
    this.look = null; // the last look that had a curve
    this.turn = 0;
    this.keep = later(() => context.keep(linkOf(this.store.now, this.view)), 250);
    this.fuller = later(() => this.whatMoves(), 120);
    this.ask = newest((job) => this.work(job));
    this.askMoves = newest((job) => this.work(job)); // must not take the place of a change that waits
    this.parts(names, palette);
    this.lay(root);
    this.listen();
    if (named) this.take(named);
    this.changed();
  }

  parts(names, palette) {
    this.editor = new Editor({ input: (text) => this.store.change({ text }, "type"), caret: (at) => this.help(at) });
    this.plot = new Plot({
      take: () => this.isFresh && { text: this.store.now.text, kind: `drag ${++this.turn}` },
      drag: (target, base) => this.drag(target, base),
      drop: (base, cancelled) => {
        base.cancelled = cancelled; // answers that are still on their way come too late
        if (cancelled && this.store.last.kind === base.kind) this.store.undo();
        else if (this.look) this.draw();
      },
      nudge: (target) => this.drag(target, { text: this.store.now.text, kind: "nudge" }),
      stuck: (why) => this.say(why),
    });
    this.pieces = new Pieces(palette, {
      edit: (change) => this.edit(change), point: (piece) => this.point(piece),
      select: (piece) => this.editor.select(piece.start, piece.stop),
    });
    this.numbers = new Numbers({
      number: (...given) => this.number(...given), point: (range) => this.editor.light(range),
      edit: (change) => this.edit(change),
    });
    this.compare = new Compare(this.store, () => this.draw());
    this.presets = new Presets(names, {
      family: (name) => this.edit({ kind: "family", name }),
      elsewhere: (e) => this.store.change({ text: e.text, total: String(e.total) }),
    });
    this.fields = new Fields((patch) => this.store.change(patch, `field-${Object.keys(patch)[0]}`));
  }

  lay(root) {
    const icon = (sign, label, title, onclick) => h("button.quiet.icon", { type: "button", title, "aria-label": label, onclick }, sign);
    this.hint = h("p.hint", { id: "design-hint", role: "status", "aria-live": "polite" });
    this.undo = icon("↶", "Undo", "Undo (Ctrl Z)", () => this.store.undo());
    this.redo = icon("↷", "Redo", "Redo (Ctrl Shift Z)", () => this.store.redo());
    this.train = h("button.primary", { type: "button", disabled: true, title: this.context.about.read_only ? "This studio only shows" : "Start a training with this schedule (Ctrl Enter)", onclick: () => this.trainWith() }, "Train…");
    this.scale = segments([["lin", "Linear"], ["log", "Log"]], this.view.log ? "log" : "lin", (v) => this.setView({ log: v === "log" }), "Axis of the rate");
    this.axis = segments([["step", "Steps"], ["epoch", "Epochs"]], this.view.epochs ? "epoch" : "step", (v) => this.setView({ epochs: v === "epoch" }), "Horizontal axis");
    this.facts = h("div");
    this.tab = h("div.tab-body");
    this.tabs = segments([["numbers", "Numbers"], ["compare", "Compare"], ["presets", "Presets"]], "numbers", (name) => this.showTab(name), "Beside the curve");
    this.box = h("div.design", {},
      h("section.panel.write", { "aria-label": "Text" },
        h("div.row.bar", {}, h("h2.grow", {}, "Schedule"), this.undo, this.redo, shareMenu(() => this.copies()), this.train, icon("?", "Keyboard", "Keys (?)", showKeys)),
        this.editor.box, this.hint),
      h("section.panel.see", { "aria-label": "Curve" },
        h("div.row.bar", {}, this.fields.element, h("span.grow"), this.scale, this.axis), this.plot.box, this.pieces.element),
      h("aside.side", {},
        h("section.panel", { "aria-label": "Facts" }, this.facts),
        h("section.panel.more", { "aria-label": "More" }, this.tabs, this.tab)));
    fill(root, h("h1.offscreen", {}, "Design a schedule"), this.box);
    this.showTab("numbers");
  }

  listen() {
    this.onchange = () => this.changed();
    this.store.addEventListener("change", this.onchange);
    this.onkey = keysOf({
      undo: () => this.store.undo(), redo: () => this.store.redo(), train: () => this.trainWith(),
      e: () => this.editor.area.focus(), t: () => this.fields.focus("total"), p: () => this.pin(), "?": showKeys,
      l: () => this.setView({ log: !this.view.log }), a: () => this.epoch && this.setView({ epochs: !this.view.epochs }),
    });
    document.addEventListener("keydown", this.onkey, true);
  }

  end() {
    kept = { store: this.store, view: this.view };
    this.keep.cancel();
    this.fuller.cancel();
    this.store.removeEventListener("change", this.onchange);
    document.removeEventListener("keydown", this.onkey, true);
    for (const part of [this.editor.completion, this.plot, this.compare]) part.end();
  }

  /** Whether what is seen is of the text as it is now. */
  get isFresh() { return this.look?.text === this.store.now.text; }

  get epoch() { return Number(this.store.now.epoch) || 0; }

  // The link.

  update(params) {
    const named = params.has("text") && this.read(params);
    if (named) this.take(named);
  }

  read(params) {
    try {
      return readLink(params);
    } catch {
      this.context.toast("The pinned schedules of this link cannot be read", "bad");
      return null;
    }
  }

  take({ value, view }) {
    this.store.change(value);
    this.setView(view);
  }

  // From a change of the value to what is seen.

  changed() {
    const { now } = this.store;
    this.editor.text = now.text;
    this.fields.show(now);
    this.undo.disabled = !this.store.past.length;
    this.redo.disabled = !this.store.future.length;
    this.keep();
    this.compare.changed();
    if (!this.answered) this.seek();
  }

  /** Ask for a look at the text as it is now. */
  seek() {
    const { span, wrong } = spanOf(this.store.now);
    this.fields.wrong(wrong);
    if (wrong) return this.complain("A total is a number of steps, or a span such as 30ep, 1e6sa, 2e9tok; the others are numbers above 0");
    const { text } = this.store.now;
    const done = (look) => text === this.store.now.text && this.seen(look);
    return this.ask({ path: "look", body: { text, span, points: POINTS, brief: true }, done });
  }

  /** Ask what moves the handles of the text as it is now, which takes longest. */
  whatMoves() {
    const { text } = this.store.now;
    const { span, wrong } = spanOf(this.store.now);
    if (wrong || this.look?.text !== text) return;
    const done = (look) => {
      if (this.look.text !== look.text || look.problem) return;
      this.look.grips = look.grips;
      this.plot.place();
    };
    this.askMoves({ path: "look", body: { text, span, points: 16 }, done });
  }

  async work(job) {
    try {
      job.done(await post(`/api/design/${job.path}`, job.body));
    } catch (error) {
      this.say(error.message, true);
      if (this.look) this.numbers.show(this.look); // a number that was refused is not kept
    }
  }

  /** Show a look; one with a problem leaves the last good curve, dimmed. */
  seen(look) {
    const { problem } = look;
    this.editor.show(look.text, look.words, problem ? problem.position : null);
    this.fields.wrong(problem?.kind === "horizon" ? this.fields.named(problem.message) : null);
    if (problem) return this.complain(problem.message);
    // What moves the handles is asked for when the hand rests; until then it is as it was.
    const before = new Map(this.look?.grips.map((grip) => [grip.name, grip]));
    look.grips = look.grips.map((grip) => ({ ...grip, ...ways(before.get(grip.name)) }));
    this.look = look;
    this.train.disabled = this.context.about.read_only;
    this.box.classList.remove("stale");
    this.say("");
    this.draw();
    showFacts(this.facts, look);
    for (const part of [this.pieces, this.numbers, this.compare]) part.show(look);
    return this.fuller();
  }

  draw() {
    this.axis.lastChild.disabled = !this.epoch;
    this.plot.show(this.look, this.compare.curves, { log: this.view.log, epochs: this.view.epochs && this.epoch > 0, epoch: this.epoch });
  }

  complain(message) {
    this.train.disabled = true;
    this.box.classList.add("stale");
    this.say(message, true);
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
    const writing = document.activeElement === this.editor.area;
    const about = writing ? known(enclosing(before)?.name ?? before.match(/([A-Za-z_]\w*)\(?$/)?.[1]) : null;
    if (about) fill(this.hint, h("code", {}, about.signature), " ", about.summary);
    else this.hint.textContent = this.look ? IDLE : "";
  }

  // Changes that the studio works out.

  send(path, more, base = {}) {
    let { text = this.store.now.text } = base;
    const { span, wrong } = spanOf(this.store.now);
    // Pieces and numbers that are those of another text than the present one cannot be edited: it
    // is wrong, or its look is on its way. A preset may take the place of any text.
    if (wrong || !(base.kind?.includes(" ") || this.isFresh || more.change?.kind === "family")) return;
    if (!this.isFresh && more.change?.kind === "family") text = this.look?.text ?? "hold()";
    const from = this.store.now.text; // what is typed meanwhile must not be lost
    const done = (look) => {
      if (look.problem) this.say(look.problem.message);
      else if (!base.cancelled && (base.kind || from === this.store.now.text)) this.accept(look, base.kind ?? "");
    };
    this.ask({ path, body: { text, span, points: POINTS, brief: true, ...more }, done });
  }

  /** Take the text of an answer; its look need not be asked for again. */
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
    this.send("drag", target, base);
  }

  /** Set a number; while its slider slides ("move"), always in the text that it had at first. */
  number(index, value, phase) {
    if (value === null) this.sliding = null;
    else if (phase === "move") {
      if (!this.sliding && !this.isFresh) return;
      this.sliding ??= { text: this.store.now.text, kind: `slide ${++this.turn}` };
      this.send("edit", { change: { kind: "number", index, value } }, this.sliding);
    } else this.send("edit", { change: { kind: "number", index, value } }, { kind: phase === "key" ? `number-${index}` : "" });
  }

  point(piece) {
    this.plot.light(piece);
    this.editor.light(piece ? [piece.start, piece.stop] : null);
  }

  // The rest of the page.

  pin() {
    this.compare.pin();
    this.tabs.show("compare");
    this.showTab("compare");
  }

  showTab(name) {
    fill(this.tab, { numbers: this.numbers, compare: this.compare, presets: this.presets }[name].element);
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
    if (!this.isFresh) return null;
    return { ...this.look.copies, link: `${location.origin}/${this.context.link("design", linkOf(this.store.now, this.view))}` };
  }

  async trainWith() {
    if (this.train.disabled || !this.isFresh) return;
    const run = await trainDialog({ text: this.look.text, total: this.store.now.total });
    if (!run) return;
    this.context.toast(`Training ${run} has begun`, "good");
    this.context.go("steer", { run });
  }
}

/** Return what is known of the way that a handle moves; a new one may move both ways. */
function ways(grip) {
  return grip ? { by_x: grip.by_x, by_y: grip.by_y, why_x: grip.why_x, why_y: grip.why_y } : { by_x: "?", by_y: "?" };
}
