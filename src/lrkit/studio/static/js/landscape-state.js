// What the page shows, as a value: from its link and back, and some scenes to begin with.

export const LANES = 6;

const lane = (schedule, optimizer = "sgd", options = {}) => ({ parts: [{ schedule, optimizer, options, since: 0 }] });

/** Scenes that show one thing each. */
export const SCENES = [
  ["Below and above 2 / L", { f: "ravine", steps: 120, lanes: [lane("constant(0.095)"), lane("constant(0.102)")] }],
  ["Momentum in a narrow ravine", {
    f: "ravine", knobs: { k: 100 }, steps: 200,
    lanes: [lane("constant(0.013)"), lane("constant(0.013)", "momentum"), lane("constant(0.013)", "nesterov")],
  }],
  ["Noise wants a decay", {
    f: "ravine", steps: 300, noise: 12, seed: 1,
    lanes: [lane("constant(0.06)"), lane("0.06 * cosine()")],
  }],
  ["A sharp hole and a flat one", {
    f: "sharp_flat", steps: 120, lanes: [lane("constant(0.06)"), lane("constant(0.4)"), lane("0.4 * cosine()")],
  }],
  ["Leaving a saddle", {
    f: "saddle", steps: 250, lanes: [lane("constant(0.03)"), lane("constant(0.03)", "momentum"), lane("constant(0.03)", "adam")],
  }],
  ["The plateau", {
    f: "plateau", steps: 200, lanes: [lane("constant(0.1)"), lane("0.1 * cosine()", "adam"), lane("0.05 * cosine()", "rmsprop")],
  }],
  ["Four minima", {
    f: "himmelblau", steps: 200,
    lanes: [lane("0.01 * cosine()"), lane("0.01 * cosine()", "momentum"), lane("0.3 * cosine()", "adam")],
  }],
  ["Rosenbrock's valley", {
    f: "rosenbrock", steps: 500,
    lanes: [lane("constant(0.3)", "adam"), lane("0.3 * cosine()", "adam"), lane("0.001 * linear()", "momentum"), lane("constant(0.002)")],
  }],
];

export const fresh = () => ({
  f: "ravine", knobs: {}, box: null, start: null, steps: 120, noise: 0, seed: 0, solid: false, at: 0,
  lanes: [lane("constant(0.095)")],
});

/** Return the state that one scene describes. */
export const scene = (given) => structuredClone({ ...fresh(), ...given });

/** Return the state as parameters of the link: what stands where it does by default is left out. */
export function toLink(state) {
  const pairs = Object.entries(state.knobs).map(([k, v]) => `${k}:${v}`);
  return {
    f: state.f,
    knobs: pairs.join(",") || undefined,
    box: state.box?.map(tidy).join(",") ?? undefined,
    start: state.start?.map(tidy).join(",") ?? undefined,
    steps: state.steps,
    noise: state.noise || undefined,
    seed: state.seed || undefined,
    view: state.solid ? "surface" : undefined,
    at: state.at || undefined,
    lanes: JSON.stringify(state.lanes.map((one) =>
      one.parts.map((p) => [p.schedule, p.optimizer, p.since, p.options].slice(0, size(p))))),
  };
}

const size = (part) => (Object.keys(part.options).length ? 4 : part.since ? 3 : 2);

/** Return the state of a link; what cannot be read stands as by default. */
export function fromLink(params) {
  if (!params.has("f")) return fresh();
  const state = { ...fresh(), f: params.get("f") };
  for (const pair of (params.get("knobs") ?? "").split(",").filter(Boolean)) {
    const [name, value] = pair.split(":");
    if (Number.isFinite(Number(value))) state.knobs[name] = Number(value);
  }
  state.box = numbers(params.get("box"), 4);
  state.start = numbers(params.get("start"), 2);
  state.steps = whole(params.get("steps"), 120, 1, 20000);
  state.noise = Math.max(0, Number(params.get("noise")) || 0);
  state.seed = whole(params.get("seed"), 0, 0, 2 ** 53);
  state.solid = params.get("view") === "surface";
  state.at = whole(params.get("at"), 0, 0, 20000);
  state.lanes = lanesOf(params.get("lanes")) ?? state.lanes;
  return state;
}

function lanesOf(text) {
  try {
    const lanes = JSON.parse(text ?? "null");
    if (!Array.isArray(lanes) || !lanes.length) return null;
    return lanes.slice(0, LANES).map((parts) => ({
      parts: parts.map(([schedule, optimizer = "sgd", since = 0, options = {}]) => ({
        schedule: String(schedule), optimizer: String(optimizer), since: Number(since) || 0, options: { ...options },
      })),
    }));
  } catch {
    return null; // a link that somebody has cut
  }
}

function numbers(text, count) {
  const found = (text ?? "").split(",").map(Number);
  return text && found.length === count && found.every(Number.isFinite) ? found : null;
}

function whole(text, usual, low, high) {
  const value = Math.round(Number(text));
  return text === null || !Number.isFinite(value) ? usual : Math.min(Math.max(value, low), high);
}

export const tidy = (v) => Number(v.toPrecision(6));
