// What is drawn of a run's curve: band, mean, edits, and values that were not finite.

import { band, colour, css, dash, line } from "./chart.js";
import { smoothed, valueAt } from "./runs-data.js";
import { short } from "./ui.js";

/** Return the traces of a line of a run: the band between its extremes, its mean, smoothed, and where it was not finite. */
export function tracesOf(told, { run, group, part, index, scale, smooth, many }) {
  const x = told.x.map((value) => value / scale);
  const label = group ? `${run} · ${group}` : run;
  const look = { color: colour(index), width: 2, dash: part ? ["dash", "dot", "dashdot", "longdash"][(part - 1) % 4] : dash(index) };
  const found = [];
  const wide = told.low.some((low, i) => low !== told.high[i]);
  if (wide && !many) found.push(...band(x, told.low, told.high, { index, opacity: smooth ? 0.08 : 0.16 }));
  if (smooth) found.push({ ...line(x, told.mean, { index, width: 1, opacity: 0.3 }), hoverinfo: "skip", hovertemplate: null });
  const mean = smoothed(told.mean, smooth);
  const few = x.length === 1 || (told.score && x.length <= 60);
  found.push({ ...line(x, mean, { index, name: label }), line: { ...look, simplify: false }, mode: few ? "lines+markers" : "lines", marker: { color: look.color, size: 5 } });
  const bad = told.bad ? told.x.filter((_, i) => told.bad[i]) : [];
  if (bad.length) {
    const edge = told.bad.flatMap((count, i) => (count ? [valueNear(told, i)] : []));
    found.push({ type: "scatter", mode: "markers", x: bad.map((v) => v / scale), y: edge, name: label,
      marker: { symbol: "x", size: 8, color: css("--bad") }, hovertemplate: "not finite<extra>%{fullData.name}</extra>" });
  }
  return found;
}

/** Gather the edits of a run where they stand on its line. */
export function mark(marks, events, index, told, scale) {
  for (const event of events) {
    if (event.kind === "resume" || event.x === null) continue;
    const y = valueAt(told, event.x);
    if (y === null) continue;
    marks.x.push(event.x / scale);
    marks.y.push(y);
    marks.text.push(plain(`${event.words} at ${short(event.step)}${event.author ? ` by ${event.author}` : ""}${event.reason ? `: ${event.reason}` : ""}`));
    marks.colours.push(event.kind === "diverged" ? css("--bad") : colour(index));
  }
}

/** Return the trace of the edits that were gathered. */
export function markers({ x, y, text, colours }) {
  return {
    type: "scatter", mode: "markers", x, y, text, name: "edit", hovertemplate: "%{text}<extra></extra>",
    marker: { symbol: "diamond", size: 10, color: colours, line: { color: css("--panel"), width: 1.5 } },
  };
}

/** Return the value of a line beside part i, where part i has none. */
function valueNear(told, i) {
  for (let by = 0; by < told.mean.length; by++) {
    const found = told.mean[i] ?? told.mean[i - by] ?? told.mean[i + by];
    if (found !== null && found !== undefined) return found;
  }
  return 0;
}

/** Return text that plotly shows as it is: it reads some HTML. */
export const plain = (text) => text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);
