// The page: which of its parts is shown, the theme, and whether the studio is there.

import { connection, get } from "./api.js";
import { adopt, isDark } from "./chart.js";
import { fill, h, toast } from "./ui.js";

const PAGES = {
  design: ["Design", () => import("./design.js")],
  runs: ["Runs", () => import("./runs.js")],
  steer: ["Steer", () => import("./steer.js")],
  find: ["Find", () => import("./find.js")],
  landscape: ["Landscape", () => import("./landscape.js")],
};

const root = document.getElementById("page");
let shown = { name: null, part: null };
let about = null;

/** Return the page and the parameters that the link names: #/design?text=... */
function place() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const name = PAGES[path] ? path : "design";
  return { name, params: new URLSearchParams(query) };
}

const context = {
  get about() { return about; },
  /** Go to a page: go("design", {text: "0.1 * cosine()"}). */
  go(name, params = {}) {
    location.hash = link(name, params);
  },
  link,
  /** Keep the page's state in its link, without a step in the browser's history. */
  keep(params) {
    history.replaceState(null, "", link(shown.name, params));
  },
  toast,
};

function link(name, params = {}) {
  const given = Object.entries(params).filter(([, v]) => v !== undefined && v !== null && v !== "");
  const query = new URLSearchParams(given.map(([k, v]) => [k, String(v)])).toString();
  return `#/${name}${query ? `?${query}` : ""}`;
}

async function show() {
  const { name, params } = place();
  if (shown.name === name) { // also while it is on its way: it looks at the link when it is there
    shown.part?.update?.(params);
    return;
  }
  shown.part?.unmount?.();
  const mine = (shown = { name, part: null });
  const from = location.hash;
  for (const tab of document.querySelectorAll(".tabs a")) {
    if (tab.dataset.page === name) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  const [title, load] = PAGES[name];
  document.title = `${title} · lrkit studio`;
  try {
    const [part] = await Promise.all([load(), styles(name)]);
    if (shown !== mine) return;
    root.className = `page-${name}`;
    fill(root);
    const mounted = await part.mount(root, params, context);
    if (shown !== mine) return mounted?.unmount?.();
    mine.part = mounted ?? {};
    if (location.hash !== from) mine.part.update?.(place().params);
  } catch (error) {
    console.error(error);
    fill(root, h("p.empty", {}, `This page could not be shown: ${error.message}`));
  }
}

/** Load the style sheet of a page, once. */
function styles(name) {
  const href = `/static/css/${name}.css`;
  if (document.querySelector(`link[href="${href}"]`)) return null;
  return new Promise((done) => {
    const sheet = h("link", { rel: "stylesheet", href, onload: done, onerror: done });
    document.head.append(sheet);
  });
}

function themes() {
  const turned = () => dispatchEvent(new Event("lrkit-theme"));
  document.getElementById("theme").addEventListener("click", () => {
    const next = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("lrkit-theme", next);
    } catch {
      // Then it lasts as long as the page.
    }
    turned();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", turned);
}

function watchConnection() {
  const state = document.querySelector(".link-state");
  const say = (text, kind) => {
    state.textContent = text;
    state.dataset.kind = kind;
  };
  connection.addEventListener("lost", () => say("The studio is away; reconnecting…", "bad"));
  connection.addEventListener("found", () => {
    say("Connected again", "good");
    setTimeout(() => state.dataset.kind === "good" && say("", ""), 3000);
  });
  connection.addEventListener("locked", () => say("Another key: open the studio's new link", "bad"));
}

async function begin() {
  themes();
  watchConnection();
  for (;;) {
    try {
      about = await get("/api/about");
      break;
    } catch (error) {
      fill(root, h("p.empty", {}, error.message));
      if (error.status === 401) return;
      await new Promise((done) => setTimeout(done, 1000));
    }
  }
  adopt(about);
  document.querySelector(".only-shows").hidden = !about.read_only;
  addEventListener("hashchange", show);
  await show();
}

begin();
