// Talking to the studio: requests, streams that come back by themselves, and whether it is there.

/** What the studio refused: `message` has rule, value and remedy; `position` the character, if any. */
export class ApiError extends Error {
  constructor(status, problem) {
    super(problem.message);
    this.status = status;
    this.kind = problem.kind;
    this.text = problem.text ?? null;
    this.position = problem.position ?? null;
  }
}

async function request(method, path, body, { signal } = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      signal,
      credentials: "same-origin",
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    lost();
    throw new ApiError(0, { kind: "gone", message: "The studio does not answer; the page waits for it" });
  }
  found();
  if (!answer.ok) {
    const told = await answer.json().catch(() => null);
    if (answer.status === 401) locked();
    throw new ApiError(answer.status, told?.error ?? { kind: "fault", message: `The studio failed (${answer.status}); its terminal says more` });
  }
  return answer.status === 204 ? null : answer.json();
}

export const get = (path, options) => request("GET", path, undefined, options);
export const post = (path, body = {}, options) => request("POST", path, body, options);
export const remove = (path, options) => request("DELETE", path, undefined, options);

/** Return f(body) => answer of the last call only: a call that another follows resolves to undefined. */
export function latest(call) {
  let abort = null;
  return async (...args) => {
    abort?.abort();
    const mine = (abort = new AbortController());
    try {
      const answer = await call(...args, { signal: mine.signal });
      return abort === mine ? answer : undefined;
    } catch (error) {
      if (error.name === "AbortError" || abort !== mine) return undefined;
      throw error;
    }
  };
}

const PAUSES = [300, 600, 1000, 2000, 4000];

/**
 * Listen to a stream of server-sent events: stream("/api/...", {points: (data) => ...}).
 *
 * It comes back by itself when the studio was away, and rests while the page is not seen (browsers
 * grant six connections to a server). `again` is called each time it begins anew: the first events
 * then tell the whole state. Returns a function that ends it.
 */
export function stream(path, on, { again = () => {} } = {}) {
  let source = null;
  let timer = 0;
  let tries = 0;
  let ended = false;
  const open = () => {
    clearTimeout(timer);
    if (ended || source || document.hidden) return;
    again();
    source = new EventSource(typeof path === "function" ? path() : path);
    for (const [name, handle] of Object.entries(on)) {
      source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
    }
    source.addEventListener("refused", (event) => { close(); ended = true; on.refusal?.(JSON.parse(event.data)); });
    source.onopen = () => { tries = 0; found(); };
    source.onerror = () => {
      close();
      lost();
      timer = setTimeout(open, PAUSES[Math.min(tries++, PAUSES.length - 1)]);
    };
  };
  const close = () => { source?.close(); source = null; };
  const seen = () => (document.hidden ? close() : open());
  document.addEventListener("visibilitychange", seen);
  open();
  return () => {
    ended = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", seen);
    close();
  };
}

// Whether the studio is there. Pages may listen: it says "lost", "found" and "locked".
export const connection = new EventTarget();
let here = true;
let asking = 0;

function tell(name) {
  connection.dispatchEvent(new Event(name));
}

function lost() {
  if (!here) return;
  here = false;
  tell("lost");
  look();
}

function found() {
  if (here) return;
  here = true;
  clearTimeout(asking);
  tell("found");
}

function locked() {
  tell("locked");
}

async function look(tries = 0) {
  clearTimeout(asking);
  try {
    const answer = await fetch("/api/pulse", { credentials: "same-origin" });
    if (answer.status === 401) locked();
    if (answer.ok) return found();
  } catch {
    // Still away; asked again below.
  }
  asking = setTimeout(() => look(tries + 1), PAUSES[Math.min(tries, 2)]);
}
