// Runs: the list of them, and the curves of those that are chosen, side by side and live.
//
// Link: #/runs?run=a,b&open=a&q=…&status=…&sort=…&axis=step|epoch|time|area&smooth=0.6&charts=lr,loss&log=loss
// (names are percent-encoded within the lists). The parts: runs-list.js, runs-story.js (what one run
// was), runs-charts.js, runs-data.js (what the stream tells, and smoothing).

import { stream } from "./api.js";
import { Charts } from "./runs-charts.js";
import { Data, MOST } from "./runs-data.js";
import { List } from "./runs-list.js";
import { fill, h, segments } from "./ui.js";

const AXES = [
  ["step", "Step", "Updates"],
  ["epoch", "Epoch", "Passes over the data"],
  ["time", "Time", "Time of training, without the pauses between sittings"],
  ["area", "Area", "Learning-rate area: the sum of the rates so far"],
];
const POINTS = 600;

const listed = (text) => (text ? text.split(",").map(decodeURIComponent) : []);
const joined = (names) => names.map(encodeURIComponent).join(",");

export function mount(root, params, context) {
  const page = new Page(root, context);
  page.take(params);
  return { update: (now) => page.take(now), unmount: () => page.end() };
}

class Page {
  constructor(root, context) {
    this.context = context;
    this.data = new Data();
    this.chosen = [];
    this.axis = "step";
    this.close = null;
    this.list = new List(context, {
      choose: (names) => this.choose(names),
      changed: () => this.keep(),
      edit: (event) => this.charts.point(event),
    });
    this.charts = new Charts(this.data, { changed: () => this.keep(), drop: (name) => this.choose(this.chosen.filter((n) => n !== name)) });
    this.axes = segments(AXES, "step", (axis) => { this.axis = axis; this.listen(); this.keep(); }, "Axis");
    fill(root, this.list.element, h("section.curves", { "aria-label": "Curves" },
      h("div.tools.row", {}, this.axes, this.charts.tools), this.charts.element));
  }

  /** Take the state that a link holds. */
  take(params) {
    const axis = params.get("axis");
    this.axis = AXES.some(([name]) => name === axis) ? axis : "step";
    this.axes.show(this.axis);
    this.chosen = listed(params.get("run")).slice(0, MOST);
    this.list.take(params, this.chosen);
    this.charts.take({
      charts: listed(params.get("charts")), log: listed(params.get("log")), smooth: Number(params.get("smooth")) || 0,
    });
    this.listen();
  }

  /** Put the state into the link. */
  keep() {
    const { charts, log, smooth } = this.charts.state();
    this.context.keep({
      run: joined(this.chosen), ...this.list.state(), axis: this.axis === "step" ? "" : this.axis,
      smooth: smooth || "", charts: joined(charts), log: joined(log),
    });
  }

  choose(names) {
    if (names.length > MOST) {
      this.context.toast(`Up to ${MOST} runs are compared at once; take one away first`, "bad");
      names = names.slice(0, MOST);
    }
    this.chosen = names;
    this.list.mark(names);
    this.listen();
    this.keep();
  }

  /** Listen to the list and to the runs that are chosen, on the axis that is chosen. */
  listen() {
    const query = new URLSearchParams({ axis: this.axis, points: POINTS });
    for (const name of this.chosen) query.append("run", name);
    this.charts.show(this.chosen, this.axis);
    if (this.query === String(query)) return;
    this.query = String(query);
    this.close?.();
    this.data.only(this.chosen, this.axis);
    this.close = stream(`/api/live?${query}`, {
      runs: (told) => {
        this.list.tell(told);
        if (told.whole && !this.begun) this.begin();
      },
      curves: (told) => { this.data.tell(told); this.charts.tell(told.run); this.list.steps(told); },
      gone: (told) => { this.data.gone(told); this.charts.tell(told.run); },
    });
  }

  /** Choose the newest run where the link chose none: a page that shows something. */
  begin() {
    this.begun = true;
    const newest = this.list.newest();
    if (!this.chosen.length && newest) this.choose([newest]);
  }

  end() {
    this.close?.();
    this.list.end();
    this.charts.end();
  }
}
