// What the stream tells of the runs that are drawn: their curves, kept up to date part by part.

/** Runs that are compared at once. */
export const MOST = 24;

const PARTS = ["x", "mean", "low", "high"];

export class Data {
  constructor() {
    this.runs = new Map();
    this.axis = "step";
    this.close = new Map(); // the runs of which a stretch is seen more closely, and their lines there
  }

  /** Forget all runs but those, and all of them where the axis is another. */
  only(names, axis) {
    if (axis !== this.axis) this.runs.clear();
    this.axis = axis;
    for (const name of this.runs.keys()) if (!names.includes(name)) this.runs.delete(name);
  }

  /** Take in what has changed of a run. */
  tell(told) {
    const run = this.runs.get(told.run) ?? { lines: new Map(), events: [] };
    const kept = run.lines;
    Object.assign(run, told, { lines: kept, events: told.events ?? run.events, missing: "" });
    if (told.problem) kept.clear();
    for (const line of told.lines) {
      const key = `${line.score ? "score" : "metric"}:${line.name}`;
      const old = kept.get(key);
      if (!line.keep || !old) {
        kept.set(key, line);
        continue;
      }
      for (const part of PARTS) old[part].splice(line.keep, Infinity, ...line[part]);
      if (old.bad || line.bad) {
        const bad = (old.bad ?? new Array(line.keep).fill(0)).slice(0, line.keep);
        while (bad.length < line.keep) bad.push(0);
        old.bad = bad.concat(line.bad ?? new Array(line.x.length).fill(0));
      }
      old.last = line.last ?? old.last;
    }
    this.runs.set(told.run, run);
  }

  /** Take in a stretch of some runs, seen more closely; without any, all is seen again. */
  stretch(told) {
    this.close = new Map(told.map((run) => [run.run, run.lines]));
  }

  /** Return the runs that have more to show than one point an update. */
  coarse(names) {
    return names.filter((name) => (this.runs.get(name)?.width ?? 1) > 1);
  }

  /** A run is not there. */
  gone(told) {
    this.runs.set(told.run, { run: told.run, lines: new Map(), events: [], names: [], scores: [], missing: told.message, problem: "" });
  }

  /** Return the lines that chart `name` has of a run: [label, line]. */
  lines(run, name) {
    const found = this.runs.get(run);
    if (!found) return [];
    const chosen = [...(this.close.get(run) ?? found.lines.values())].filter((line) => line.x.length && chartOf(line.name) === name);
    return chosen.map((line) => [groupOf(line.name), line]);
  }

  /** Return the names of all charts that there could be, those looked at first in front. */
  charts() {
    const names = new Set();
    const scores = new Set();
    for (const run of this.runs.values()) {
      for (const name of run.names ?? []) names.add(chartOf(name));
      if (run.scores?.includes(run.score)) scores.add(run.score);
      for (const name of run.scores ?? []) if (!["epoch", "seconds"].includes(name)) names.add(name);
    }
    const first = ["lr", "loss", ...scores].filter((name) => names.has(name));
    return [...first, ...[...names].filter((name) => !first.includes(name))];
  }

  /** Return the charts that are shown unless others are chosen. */
  usual() {
    const scores = [...this.runs.values()].map((run) => run.score).filter(Boolean);
    return [...new Set(["lr", "loss", ...scores])].filter((name) => this.charts().includes(name)).slice(0, 4);
  }
}

/** The rates of all groups stand in one chart. */
export const chartOf = (name) => (name.startsWith("lr/") ? "lr" : name);
const groupOf = (name) => (name.startsWith("lr/") ? name.slice(3) : "");

/**
 * Return the exponential moving average of values with a weight of `share` on what was, without
 * the pull of its start towards 0 (Kingma and Ba, 2015, section 3); gaps stay gaps.
 */
export function smoothed(values, share) {
  if (!(share > 0)) return values;
  let average = 0;
  let weight = 0;
  return values.map((value) => {
    if (value === null) return null;
    average = share * average + (1 - share) * value;
    weight = share * weight + (1 - share);
    return average / weight;
  });
}

/** Return the value of a line at x, between its points; null where it has none. */
export function valueAt(line, x) {
  const { x: xs, mean } = line;
  let low = 0;
  let high = xs.length - 1;
  if (high < 0 || x === null) return null;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] <= x) low = middle;
    else high = middle;
  }
  if (mean[low] === null || mean[high] === null || xs[high] <= xs[low]) return mean[low] ?? mean[high];
  const share = Math.min(Math.max((x - xs[low]) / (xs[high] - xs[low]), 0), 1);
  return mean[low] * (1 - share) + mean[high] * share;
}
