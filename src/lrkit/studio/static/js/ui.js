// Small parts that every page is made of: elements, fields, messages, questions.

/** Return an element: h("button.primary", {type: "button", onclick: f}, "Start", icon). */
export function h(what, attributes = {}, ...children) {
  const [name, ...classes] = what.split(".");
  const element = document.createElement(name || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked" || key === "indeterminate") element[key] = value;
    else if (key === "dataset") Object.assign(element.dataset, value);
    else if (key === "style") for (const [k, v] of Object.entries(value)) element.style.setProperty(k, v);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Return an SVG element: s("path", {d: "M0 0"}). */
export function s(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(key, value);
  }
  element.append(...children.flat(Infinity).filter(Boolean));
  return element;
}

/** Put children in the place of what is in the element. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

let count = 0;
/** Return an id that no other element has. */
export const fresh = (stem) => `${stem}-${++count}`;

/** Return a labelled field: field("Total", input, "steps, or 30ep"). */
export function field(label, control, hint = "") {
  control.id ||= fresh("field");
  return h("div.field", {}, h("label", { for: control.id }, label), control, hint && h("small", {}, hint));
}

/** Return a select of [value, text] pairs (or plain texts). */
export function select(options, value, attributes = {}) {
  const list = options.map((one) => (Array.isArray(one) ? one : [one, one]));
  const element = h("select", attributes, list.map(([v, text]) => h("option", { value: v }, text)));
  element.value = value;
  return element;
}

/** Return a group of buttons of which one is pressed: segments([["lin", "Linear"], ...], now, f, "Axis"). */
export function segments(options, value, chosen, label) {
  const group = h("div.segments", { role: "group", "aria-label": label });
  const show = (now) => {
    for (const b of group.children) b.setAttribute("aria-pressed", String(b.dataset.value === now));
  };
  group.append(
    ...options.map(([v, text, title]) =>
      h("button", { type: "button", title, dataset: { value: v }, onclick: () => { show(v); chosen(v); } }, text)),
  );
  show(value);
  group.show = show;
  return group;
}

/** Show a message that goes by itself; kind is "", "good" or "bad". */
export function toast(text, kind = "") {
  const box = document.querySelector(".toasts");
  const shown = h(`div.toast${kind ? `.${kind}` : ""}`, {}, text);
  box.append(shown);
  while (box.children.length > 3) box.firstChild.remove();
  setTimeout(() => shown.remove(), kind === "bad" ? 9000 : 4000);
}

/** Ask before something that cannot be undone; resolves to true or false. */
export function ask(question, { detail = "", yes = "Yes", no = "Cancel", danger = false } = {}) {
  return new Promise((answer) => {
    const dialog = h("dialog.ask", { "aria-label": question },
      h("h2", {}, question), detail && h("p", {}, detail),
      h("form", { method: "dialog" },
        h("button", { value: "no", type: "submit" }, no),
        h(`button.${danger ? "danger" : "primary"}`, { value: "yes", type: "submit" }, yes)));
    dialog.addEventListener("close", () => {
      dialog.remove();
      answer(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Put text on the clipboard, and say so. */
export async function copy(text, what = "Copied") {
  try {
    await navigator.clipboard.writeText(text);
    toast(what, "good");
  } catch {
    // Without permission the old way is left: a selected field.
    const area = h("textarea.offscreen", { value: text });
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    toast(done ? what : "The browser does not let the page copy; select the text", done ? "good" : "bad");
  }
}

/** Return f, called once when calls have paused for so many milliseconds. */
export function later(f, pause = 150) {
  let timer = 0;
  const waiting = (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => f(...args), pause);
  };
  waiting.cancel = () => clearTimeout(timer);
  return waiting;
}

/** Return a number as a label: 0.3, 1.5e-5, 12,000. */
export function short(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e7) return value.toExponential(digits - 1).replace(/\.?0+e/, "e").replace("e+", "e");
  if (Number.isInteger(value)) return value.toLocaleString("en");
  return String(Number(value.toPrecision(digits)));
}

/** Return how long ago, or how long, in words: 12 s, 3 min, 2 h, 5 d. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (seconds >= 1.5 * size) return `${Math.round(seconds / size)} ${unit}`;
  }
  return seconds < 9.95 ? `${Number(seconds.toFixed(1))} s` : `${Math.round(seconds)} s`;
}
