// The Landscape page: functions of two variables, or slices of your own network.

import { h, fill, segments } from "./ui.js";

const PARTS = {
  functions: ["Functions", () => import("./landscape-functions.js")],
  network: ["Your network", () => import("./landscape-network.js")],
};

/** Show the part that the link names: #/landscape?tab=network. */
export async function mount(root, params, context) {
  const body = h("div.landscape-part");
  let name = null;
  let part = null;

  // Each part keeps its own state in the link; the tab stands beside it.
  const own = {
    __proto__: context,
    get about() { return context.about; },
    keep: (kept) => context.keep(name === "functions" ? kept : { tab: name, ...kept }),
  };
  const kept = {};

  async function show(wanted, given) {
    part?.unmount?.();
    part = null;
    name = wanted;
    tabs.show(name);
    fill(body);
    body.className = `landscape-part part-${name}`;
    const module = await PARTS[name][1]();
    if (name !== wanted || !body.isConnected) return;
    const mounted = (await module.mount(body, given, own)) ?? {};
    if (name === wanted && body.isConnected) part = mounted;
    else mounted.unmount?.();
  }

  const tabs = segments(
    Object.entries(PARTS).map(([key, [title]]) => [key, title]),
    named(params),
    (chosen) => {
      if (chosen === name) return;
      kept[name] = new URLSearchParams(location.hash.split(/\?(.*)/s)[1] ?? "");
      const given = kept[chosen] ?? new URLSearchParams(chosen === "functions" ? "" : `tab=${chosen}`);
      context.keep(Object.fromEntries(given));
      show(chosen, given);
    },
    "What to explore",
  );
  tabs.classList.add("landscape-tabs");
  root.append(tabs, body);
  await show(named(params), params);

  return {
    update(next) {
      if (named(next) === name) part?.update?.(next);
      else show(named(next), next);
    },
    unmount() {
      part?.unmount?.();
    },
  };
}

const named = (params) => (params.get("tab") === "network" ? "network" : "functions");
