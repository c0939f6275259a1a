// What became of the edits: taken at which step, refused why, or still waiting; the newest first.

import { h } from "./ui.js";

const place = (step) => (step === null ? "" : `step ${step.toLocaleString("en")}`);

/** Return the list of a run's edits and letters. */
export function journal(state) {
  const all = [
    ...state.edits.map((one) => ({ ...one, kind: "taken" })),
    ...state.refused.map((one) => ({ ...one, kind: "refused" })),
    ...state.waiting.map((one) => ({ ...one, kind: "waiting", time: one.time || Infinity })),
  ].sort((a, b) => b.time - a.time);
  if (!all.length) return h("p.none", {}, "None yet: the run follows its schedule as declared.");
  return h("ol.list", {}, all.map((one) => entry(one, state)));
}

function entry(one, state) {
  const by = one.author || (one.source === "loop" ? "the training loop" : one.source);
  return h(`li.${one.kind}`, { dataset: { letter: one.letter } },
    h("div.row", {}, h("code.grow", {}, one.words || "a letter that cannot be read"), h("small", {}, where(one))),
    one.kind === "refused" && h("p.error", {}, one.reason || one.told),
    one.kind === "waiting" && h("p", {}, state.status === "dead" ? "Waits for the run to be resumed." : "Waiting for the training to take it."),
    h("small", {}, [by, one.kind !== "refused" && one.reason].filter(Boolean).join(": ")));
}

function where(one) {
  if (one.kind === "waiting") return "waiting";
  return one.kind === "refused" ? `refused at ${place(one.step)}` : place(one.step);
}

/** Return why a command has ended: the last line that it wrote. */
export function lastLine({ log, code }) {
  const line = log.trim().split("\n").at(-1);
  return line ? line.replace(/^lrkit: /, "") : `the command ended (${code ?? "killed"})`;
}
