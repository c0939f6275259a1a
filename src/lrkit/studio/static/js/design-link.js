// The link that restores the page: #/design?text=…&total=30ep&epoch=235&batch=…&tokens=…
// &log=1&axis=epoch&pins=[[name, text, colour], …]. `total` is a span; `epoch`, `batch` and `tokens`
// are steps per epoch, batch size and tokens per step. Only `text` is needed.

export const FIRST = { text: "0.3 * (warmup(5ep) >> cosine())", total: "30ep", epoch: "235", batch: "", tokens: "", pins: [] };
const FIELDS = ["text", "total", "epoch", "batch", "tokens"];

/** Return the parameters that name a value and a view. */
export function linkOf({ pins, ...now }, view) {
  const given = pins.length ? JSON.stringify(pins.map((pin) => [pin.name, pin.text, pin.index])) : "";
  return { ...now, log: view.log ? 1 : "", axis: view.epochs ? "epoch" : "", pins: given };
}

/**
 * Return the {value, view} that a link's parameters name. What a link does not name stays as it is;
 * but one with a total tells the whole horizon, so that what it leaves out is not known.
 */
export function readLink(params) {
  const value = params.has("total") ? { epoch: "", batch: "", tokens: "" } : {};
  for (const key of FIELDS) if (params.has(key)) value[key] = params.get(key);
  const pins = params.get("pins");
  if (pins) {
    value.pins = JSON.parse(pins).slice(0, 50).map(([name, text, index]) => ({ name: String(name), text: String(text), index: Number(index) || 1 }));
  }
  return { value, view: { log: params.get("log") === "1", epochs: params.get("axis") === "epoch" } };
}
