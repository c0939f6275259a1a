// The page's one value and its history. The value is text, horizon and pinned texts; nothing else.

/** Changes of one kind that follow each other this quickly are one step of undo. */
const TOGETHER = 900;

/** Holds the value; says "change" with {why} when it has become another. */
export class Store extends EventTarget {
  constructor(first) {
    super();
    this.now = Object.freeze(first);
    this.past = [];
    this.future = [];
    this.last = { kind: "", at: 0 };
  }

  /**
   * Take a patch as the next value. Changes of the same `kind` are one step of undo: those of
   * "type" while the typing goes on, those of a drag ("drag 7") as long as it lasts.
   */
  change(patch, kind = "") {
    const next = Object.freeze({ ...this.now, ...patch });
    if (same(next, this.now)) return false;
    const at = performance.now();
    const joined = kind && kind === this.last.kind && (kind.includes(" ") || at - this.last.at < TOGETHER);
    if (!joined) this.past.push(this.now);
    if (this.past.length > 500) this.past.shift();
    this.future = [];
    this.last = { kind, at };
    this.now = next;
    this.tell(kind || "change");
    return true;
  }

  undo() { return this.step(this.past, this.future); }
  redo() { return this.step(this.future, this.past); }

  step(from, to) {
    if (!from.length) return false;
    to.push(this.now);
    this.now = from.pop();
    this.last = { kind: "", at: 0 };
    this.tell("history");
    return true;
  }

  tell(why) {
    this.dispatchEvent(new CustomEvent("change", { detail: { why } }));
  }
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/**
 * Return ask(job): one job is on its way at a time, and of those that come meanwhile only the last
 * one goes next, so that a hand that drags is always answered and never waits for what is stale.
 */
export function newest(work) {
  let busy = false;
  let waiting = null;
  return async function ask(job) {
    if (busy) {
      waiting = job;
      return;
    }
    busy = true;
    try {
      await work(job);
    } finally {
      busy = false;
      const next = waiting;
      waiting = null;
      if (next) ask(next);
    }
  };
}

const SPAN = /^\d[\d_]*\.?[\d_]*(e[+-]?\d+)?(st|ep|sa|tok)?$/i;

/** Return the horizon that the fields say, or the name of the field that is wrong. */
export function spanOf({ total, epoch, batch, tokens }) {
  if (total && !SPAN.test(total)) return { wrong: "total" };
  const span = { total: total || null };
  for (const [name, key, value] of [["epoch", "steps_per_epoch", epoch], ["batch", "batch_size", batch], ["tokens", "tokens_per_step", tokens]]) {
    if (value === "" || value === undefined) continue;
    const number = Number(value);
    if (!(number > 0 && number < 1e15)) return { wrong: name };
    span[key] = number;
  }
  return { span };
}
