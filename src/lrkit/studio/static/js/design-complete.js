// Completion: names with their signature and summary, arguments of the call one is in, units.

import { fill, fresh, h } from "./ui.js";

const UNITS = [["st", "steps"], ["ep", "epochs"], ["%", "percent of the whole"], ["sa", "samples"], ["tok", "tokens"]];
let catalog = [];

/** Take the names that the studio lists. */
export function know(names) {
  catalog = names;
}

/** Return what is known of a name. */
export const known = (name) => catalog.find((one) => one.name === name);

/** The list under the caret; arrows choose, Enter or Tab takes, Escape closes it. */
export class Completion {
  constructor(editor) {
    this.editor = editor;
    this.items = [];
    this.index = 0;
    this.list = h("ul.completion", { role: "listbox", id: fresh("names"), hidden: true });
    document.body.append(this.list);
    editor.area.setAttribute("aria-autocomplete", "list");
    editor.area.setAttribute("aria-haspopup", "listbox");
    editor.area.setAttribute("aria-controls", this.list.id);
  }

  end() { this.list.remove(); }

  typed() {
    const { start, items } = offers(this.editor.text, this.editor.area.selectionStart, false);
    this.open(start, items);
  }

  key(event) {
    if (event.key === " " && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      const { start, items } = offers(this.editor.text, this.editor.area.selectionStart, true);
      this.open(start, items);
      return;
    }
    if (this.list.hidden || event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in moves) {
      event.preventDefault();
      this.index = (this.index + moves[event.key] + this.items.length) % this.items.length;
      this.mark();
    } else if (event.key === "Enter" || event.key === "Tab") {
      event.preventDefault();
      this.take(this.index);
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      this.close();
    } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      this.close();
    }
  }

  open(start, items) {
    this.start = start;
    this.items = items.slice(0, 60);
    this.index = 0;
    if (!this.items.length) return this.close();
    fill(this.list, this.items.map((item, i) => h("li", {
      role: "option", id: `${this.list.id}-${i}`,
      onpointerdown: (event) => { event.preventDefault(); this.take(i); },
    }, h("b", {}, item.name), h("code", {}, item.detail), h("small", {}, item.summary))));
    this.list.hidden = false;
    const place = this.editor.placeOf(start);
    const width = Math.min(460, innerWidth - 16);
    this.list.style.width = `${width}px`;
    this.list.style.left = `${Math.max(8, Math.min(place.left, innerWidth - width - 8))}px`;
    this.list.style.top = `${place.bottom + 4}px`;
    this.mark();
  }

  mark() {
    [...this.list.children].forEach((row, i) => row.setAttribute("aria-selected", String(i === this.index)));
    const row = this.list.children[this.index];
    row?.scrollIntoView({ block: "nearest" });
    this.editor.area.setAttribute("aria-activedescendant", row?.id ?? "");
  }

  take(i) {
    const item = this.items[i];
    const { editor, start } = this;
    const stop = editor.area.selectionStart;
    this.close();
    const follows = editor.text.slice(stop, stop + 1);
    const insert = item.call && follows === "(" ? item.name : item.insert;
    const caret = insert.endsWith("()") && item.takes ? insert.length - 1 : insert.length;
    editor.put(start, stop, insert, caret);
    this.close();
  }

  close() {
    this.list.hidden = true;
    this.items = [];
    this.editor.area.removeAttribute("aria-activedescendant");
  }
}

/** Return what may stand at the caret, and where the word begins that it would replace. */
function offers(text, caret, asked) {
  const before = text.slice(0, caret);
  const unit = before.match(/[\d.]([a-z%]*)$/);
  if (unit && (unit[1] || asked) && !/[A-Za-z_]\w*$/.test(before.slice(0, before.length - unit[1].length))) {
    const items = UNITS.filter(([u]) => u.startsWith(unit[1]) && u !== unit[1]);
    return { start: caret - unit[1].length, items: items.map(([name, summary]) => ({ name, insert: name, detail: "", summary })) };
  }
  const [word] = before.match(/[A-Za-z_]\w*$/) ?? [""];
  const start = caret - word.length;
  const ahead = before.slice(0, start).trimEnd();
  if (!word && !asked && !/[.|]$/.test(ahead)) return { start, items: [] };
  const kinds = ahead.endsWith(".") ? ["method"] : ahead.endsWith("|") ? ["controller"] : null;
  const names = catalog.filter((one) => (kinds ? kinds.includes(one.kind) : !["method", "controller"].includes(one.kind)));
  const call = kinds ? null : enclosing(before);
  const inner = call && !/=\s*$/.test(ahead) ? (known(call.name)?.parameters ?? []) : [];
  const items = [
    ...inner.filter((p) => !call.given.includes(p.name)).map((p) => ({
      name: `${p.name}=`, insert: `${p.name}=`, detail: p.default ?? "", summary: `argument of ${call.name}`,
    })),
    ...names.map((one) => ({
      name: one.name, insert: `${one.name}()`, detail: one.signature.slice(one.name.length), summary: one.summary,
      call: true, takes: one.parameters.length > 0,
    })),
  ].filter((item) => matches(item.name, word));
  items.sort((a, b) => b.name.startsWith(word) - a.name.startsWith(word));
  const whole = items.length === 1 && items[0].name === word && text[caret] === "(";
  return { start, items: whole ? [] : items };
}

/** Return whether a name has the letters of a word, in order, from its first one on. */
function matches(name, word) {
  let at = 0;
  const low = word.toLowerCase();
  for (const letter of name) if (letter === low[at]) at++;
  return at === low.length && (!low || name[0] === low[0] || name.includes(low));
}

/** Return the call whose brackets a text ends in, and the arguments named in it so far. */
export function enclosing(before) {
  let depth = 0;
  for (let i = before.length - 1; i >= 0; i--) {
    const c = before[i];
    if (c === ")" || c === "]") depth++;
    else if (c === "[" && depth > 0) depth--;
    else if (c === "(" && depth-- === 0) {
      const name = before.slice(0, i).match(/[A-Za-z_]\w*$/)?.[0];
      if (!name) { depth = 0; continue; }
      const given = [...before.slice(i).matchAll(/([A-Za-z_]\w*)\s*=/g)].map((m) => m[1]);
      return { name, given };
    }
  }
  return null;
}
