// The text: a plain textarea, transparent, over a layer that paints the same words in colour.

import { Completion } from "./design-complete.js";
import { fill, h } from "./ui.js";

/** The editor: on.input(text) as one types, on.caret(offset) as the caret goes. */
export class Editor {
  constructor(on) {
    this.on = on;
    this.words = [];
    this.painted = "";
    this.wrong = null;
    this.lit = null;
    this.paint = h("pre.paint", { "aria-hidden": "true" });
    this.area = h("textarea", {
      spellcheck: "false", autocapitalize: "off", autocomplete: "off", autocorrect: "off", rows: 1,
      "aria-label": "Schedule", "aria-describedby": "design-hint", id: "schedule-text",
      placeholder: "0.3 * (warmup(5ep) >> cosine())", maxlength: 20000,
    });
    this.box = h("div.editor", {}, this.paint, this.area);
    this.completion = new Completion(this);
    this.area.addEventListener("input", () => {
      this.repaint();
      this.completion.typed();
      on.input(this.area.value);
    });
    this.area.addEventListener("keydown", (event) => this.completion.key(event));
    for (const name of ["keyup", "click", "focus"]) this.area.addEventListener(name, () => on.caret(this.area.selectionStart));
    this.area.addEventListener("blur", () => this.completion.close());
  }

  get text() { return this.area.value; }

  /** Show another text; the caret stays where it was, as well as it can. */
  set text(text) {
    if (text === this.area.value) return;
    const { selectionStart: a, selectionEnd: b } = this.area;
    this.area.value = text;
    if (document.activeElement === this.area) this.area.setSelectionRange(Math.min(a, text.length), Math.min(b, text.length));
    this.repaint();
  }

  /** Paint the words that the studio found in a text, and what is wrong at a position, if anything. */
  show(text, words, position = null) {
    this.words = words;
    this.painted = text;
    this.wrong = position;
    this.repaint();
    this.area.setAttribute("aria-invalid", String(position !== null));
  }

  /** Light up a stretch of the text, [start, stop), or none. */
  light(range) {
    this.lit = range;
    this.repaint();
  }

  /** Select a stretch of the text. */
  select(start, stop) {
    this.area.focus();
    this.area.setSelectionRange(start, stop);
    this.on.caret(start);
  }

  /** Put a text in the place of [start, stop) as if it were typed, the caret at an offset in it. */
  put(start, stop, text, caret = text.length) {
    this.area.setRangeText(text, start, stop, "end");
    this.area.setSelectionRange(start + caret, start + caret);
    this.area.dispatchEvent(new Event("input"));
  }

  repaint() {
    const text = this.area.value;
    const words = shifted(this.words, this.painted, text);
    const wrong = this.painted === text ? wrongAt(this.wrong, words, text) : null;
    const parts = [];
    let at = 0;
    for (const word of words) {
      if (word.start > at) parts.push(text.slice(at, word.start));
      const bad = wrong && word.start < wrong[1] && word.stop > wrong[0];
      const lit = this.lit && word.start >= this.lit[0] && word.stop <= this.lit[1];
      parts.push(h("span", { class: `w-${word.kind}${bad ? " wrong" : ""}${lit ? " lit" : ""}` }, text.slice(word.start, word.stop)));
      at = word.stop;
    }
    parts.push(text.slice(at));
    if (wrong && wrong[0] >= at) parts.push(h("span.wrong", {}, "\u00a0"));
    fill(this.paint, parts, "\u200b");
  }

  /** Return where a character of the text is on the screen. */
  placeOf(offset) {
    const walker = document.createTreeWalker(this.paint, NodeFilter.SHOW_TEXT);
    let left = offset;
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (left <= node.length) {
        const range = document.createRange();
        range.setStart(node, left);
        range.setEnd(node, left);
        const found = range.getClientRects()[0] ?? node.parentElement.getBoundingClientRect();
        return { left: found.left, top: found.top, bottom: found.bottom };
      }
      left -= node.length;
    }
    const box = this.paint.getBoundingClientRect();
    return { left: box.left, top: box.top, bottom: box.bottom };
  }
}

/** Return the words of one text as they stand in another that was typed since: no grammar here. */
function shifted(words, before, now) {
  if (before === now) return words;
  const most = Math.min(before.length, now.length);
  let head = 0;
  while (head < most && before[head] === now[head]) head++;
  let tail = 0;
  while (tail < most - head && before[before.length - 1 - tail] === now[now.length - 1 - tail]) tail++;
  const by = now.length - before.length;
  return words
    .filter((w) => w.stop <= head || w.start >= before.length - tail)
    .map((w) => (w.stop <= head ? w : { ...w, start: w.start + by, stop: w.stop + by }));
}

/** Return the stretch that is underlined for a mistake at a position: the word there, or its character. */
function wrongAt(position, words, text) {
  if (position === null) return null;
  const word = words.find((w) => w.start <= position && position < w.stop);
  if (word) return [word.start, word.stop];
  return [Math.min(position, text.length), Math.min(position, text.length) + 1];
}
