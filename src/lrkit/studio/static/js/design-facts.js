// Facts and warnings of a schedule, in words.

import { fill, h, short } from "./ui.js";

/** Show the facts of a look in an element. */
export function showFacts(element, look) {
  const f = look.facts;
  const epoch = look.total_epochs ? f.steps / look.total_epochs : null;
  const at = (step) => `step ${short(step, 7)}${epoch ? `, epoch ${short(step / epoch, 3)}` : ""}`;
  const rows = [
    ["Peak", short(f.peak), `at ${at(f.peak_at)}`],
    ["Last update", short(f.final), f.end === f.final ? "and holds" : `then ${short(f.end)}`],
    ["Mean rate", short(f.mean), f.peak ? `${short((100 * f.mean) / f.peak, 3)} % of the peak` : ""],
    ["Area", short(f.area, 5), "sum of all rates"],
    ["Updates", short(f.steps, 9), look.total_epochs ? `${short(look.total_epochs)} epochs` : ""],
    ["Joints", short(f.joint_count), f.jumps.length ? `${f.jumps.length} ${f.jumps.length === 1 ? "jump" : "jumps"}` : "no jump"],
  ];
  fill(element,
    h("dl.facts", {}, rows.map(([name, value, more]) => h("div", {}, h("dt", {}, name), h("dd", {}, h("b", {}, value), h("small", {}, more))))),
    f.warnings.length
      ? h("ul.warnings", { "aria-label": "Warnings" }, f.warnings.map((text) => h("li", {}, text)))
      : h("p.calm", {}, "No warnings."));
}
