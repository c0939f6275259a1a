// The pieces of the main sequence, in a row: add, delete, reorder, by pointer and by keyboard.

import { fill, h, short } from "./ui.js";

/** The row, with the pieces that may be added: on.edit(change) asks for an edit, on.point(piece | null) says what is pointed at, on.select(piece). */
export class Pieces {
  constructor(palette, on) {
    this.on = on;
    this.row = h("ol.pieces", { "aria-label": "Pieces, in order" });
    this.menu = h("select.add", { "aria-label": "Add a piece", title: "Add a piece: after the one that has the focus, else at the end" },
      h("option", { value: "" }, "+ add"), palette.map((name) => h("option", { value: name }, name)));
    this.menu.addEventListener("change", () => {
      const name = this.menu.value;
      this.menu.value = "";
      const place = Math.min(this.place ?? this.pieces.length, this.pieces.length);
      this.follow = place;
      if (name) on.edit({ kind: "insert", place, name });
    });
    this.element = h("div.piece-row", {
      onfocusout: (event) => { if (!this.element.contains(event.relatedTarget)) this.place = undefined; },
    }, this.row, this.menu);
    this.pieces = [];
    this.dragged = null;
  }

  show(look) {
    const focused = this.row.contains(document.activeElement) ? [...this.row.children].indexOf(document.activeElement.closest("li")) : -1;
    this.pieces = look.pieces;
    const steps = look.total;
    fill(this.row, look.pieces.map((piece, i) => this.chip(piece, i, steps, look.total_epochs)));
    const wanted = this.follow ?? focused;
    this.follow = undefined;
    if (wanted >= 0) this.row.children[Math.min(wanted, look.pieces.length - 1)]?.firstChild.focus();
  }

  chip(piece, i, total, epochs) {
    const last = this.pieces.length === 1;
    const long = piece.begins === null ? null : Math.min(piece.ends, total) - Math.min(piece.begins, total);
    const share = long === null ? "" : epochs ? `${short((long / total) * epochs, 3)} ep` : `${short(long, 3)} st`;
    const name = h("button.name", {
      type: "button", title: `${piece.text}\nEnter selects it, Alt+arrows move it, Delete removes it`,
      "aria-label": `Piece ${i + 1}: ${piece.text}${share && `, ${share}`}`,
      onclick: () => this.on.select(piece),
      onkeydown: (event) => this.key(event, i),
    }, h("b", {}, piece.name), h("small", {}, share));
    const move = (by, label, sign) => h("button.quiet", {
      type: "button", tabindex: -1, title: label, "aria-label": `${label}: ${piece.name}`, disabled: i + by < 0 || i + by >= this.pieces.length,
      onclick: () => this.move(i, i + by),
    }, sign);
    const item = h("li", {
      draggable: "true",
      style: { "--share": long === null ? 1 / this.pieces.length : Math.max(long / total, 0.001) },
      onpointerenter: () => this.on.point(piece), onpointerleave: () => this.on.point(null),
      onfocusin: () => { this.place = i + 1; this.on.point(piece); }, onfocusout: () => this.on.point(null),
      ondragstart: (event) => { this.dragged = i; event.dataTransfer.setData("text/plain", piece.text); event.dataTransfer.effectAllowed = "move"; item.classList.add("dragged"); },
      ondragend: () => { this.dragged = null; item.classList.remove("dragged"); },
      ondragover: (event) => { if (this.dragged !== null) { event.preventDefault(); item.classList.add("target"); } },
      ondragleave: () => item.classList.remove("target"),
      ondrop: (event) => {
        event.preventDefault();
        item.classList.remove("target");
        if (this.dragged !== null && this.dragged !== i) this.move(this.dragged, i);
      },
    }, name, h("span.tools", {},
      move(-1, "Move left", "‹"), move(1, "Move right", "›"),
      h("button.quiet", { type: "button", tabindex: -1, disabled: last, title: "Delete", "aria-label": `Delete: ${piece.name}`, onclick: () => this.remove(i) }, "×")));
    return item;
  }

  key(event, i) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by && event.altKey) {
      event.preventDefault();
      this.move(i, i + by);
    } else if (by && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      this.row.children[i + by]?.firstChild.focus();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      this.remove(i);
    }
  }

  move(i, to) {
    if (to < 0 || to >= this.pieces.length) return;
    this.follow = to;
    this.on.edit({ kind: "move", piece: i, to });
  }

  remove(i) {
    if (this.pieces.length < 2) return;
    this.on.edit({ kind: "delete", piece: i });
  }
}
