// The keys of the page, and the list that tells them.

import { h } from "./ui.js";

const KEYS = [
  ["E", "edit the text"], ["T", "the total"], ["L", "linear or logarithmic"], ["A", "steps or epochs"], ["P", "pin this schedule"],
  ["Ctrl Z", "undo"], ["Ctrl Shift Z", "redo"], ["Ctrl Space", "complete a name"], ["Ctrl Enter", "train with it"], ["?", "these keys"],
];

export function showKeys() {
  const dialog = h("dialog.keys", { "aria-label": "Keys" }, h("h2", {}, "Keys"),
    h("dl", {}, KEYS.map(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)])),
    h("p", {}, "On a handle the arrow keys move it: Shift for more, Alt for less. On a piece, Alt with the arrows moves it and Delete removes it; a new piece comes after it."),
    h("form", { method: "dialog" }, h("button", { type: "submit" }, "Close")));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** Return the listener of the page's keys; `act` has undo, redo, train, and functions by letter. */
export function keysOf(act) {
  return (event) => {
    if (document.querySelector("dialog[open]")) return;
    const low = event.key.toLowerCase();
    const control = event.ctrlKey || event.metaKey;
    const way = !control || event.altKey ? null
      : low === "z" ? (event.shiftKey ? "redo" : "undo") : low === "y" ? "redo" : low === "enter" ? "train" : null;
    const typing = event.target.closest("input:not([type=range]), textarea, select");
    const name = way ?? (control || event.altKey || typing ? null : low);
    if (!name || !Object.hasOwn(act, name)) return;
    event.preventDefault();
    act[name]();
  };
}
