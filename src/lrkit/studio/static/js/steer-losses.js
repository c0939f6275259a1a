// The loss under the rate: live, on the same axis, with the extremes of every stretch kept.

import { stream } from "./api.js";
import { Chart, band, css, layout, line } from "./chart.js";

const POINTS = 500;
const MARKS = 5; // on a logarithmic axis, about
const WIDE = 30; // a loss that spans more than this factor is drawn on a logarithmic axis

export class Losses {
  constructor(element) {
    this.element = element;
    this.chart = new Chart(element, "The training loss of the run");
    this.stop = () => {};
    this.line = null;
    this.end_ = 1;
    this.sized = new ResizeObserver(() => this.chart.resize());
    this.sized.observe(element);
  }

  /** Listen to the run called name; what was shown of another goes. */
  follow(name) {
    this.stop();
    this.line = null;
    this.draw();
    const query = new URLSearchParams({ run: name, metric: "loss", points: POINTS, listed: "false" });
    this.stop = stream(`/api/live?${query}`, { curves: (told) => this.take(told) }, { again: () => { this.line = null; } });
  }

  /** Take in what has come: the parts of the line from number `keep` on. */
  take({ lines, epoch_steps: per }) {
    const fresh = lines.find((one) => one.name === "loss" && !one.score);
    this.per = per;
    if (!fresh) return;
    const old = this.line ?? { x: [], mean: [], low: [], high: [] };
    this.line = {};
    for (const key of ["x", "mean", "low", "high"]) this.line[key] = [...old[key].slice(0, fresh.keep), ...fresh[key]];
    this.draw();
  }

  /** The axis is the rate's: steps of the run's clock, up to its end. */
  stands(state, end) {
    this.unit = state.per_epoch && state.steps_per_epoch ? state.steps_per_epoch : 1;
    if (end === this.end_) return;
    this.end_ = end;
    this.draw();
  }

  draw() {
    this.chart.draw(() => this.make());
  }

  make() {
    const { x: steps, mean, low, high } = this.line ?? { x: [], mean: [], low: [], high: [] };
    const x = steps.map((one) => one / (this.unit ?? 1));
    const seen = low.concat(high).filter((one) => one !== null);
    const least = seen.reduce((a, b) => Math.min(a, b), Infinity);
    const most = seen.reduce((a, b) => Math.max(a, b), 0);
    const log = least > 0 && most > WIDE * least;
    const decades = log ? Math.max(1, Math.ceil(Math.log10(most / least) / MARKS)) : 1;
    const around = layout({
      x: { title: "", range: [0, this.end_ * 1.01], showticklabels: false, automargin: false },
      y: { title: "", hoverformat: ".4g", automargin: false, log, ...(log ? { dtick: decades, tickformat: least < 1e-3 ? "~e" : "~g" } : { nticks: 5 }) },
      margin: { l: 60, r: 14, t: 8, b: 12 },
      annotations: [{ text: "loss", x: 1, y: 1, xref: "paper", yref: "paper", showarrow: false, xanchor: "right", yanchor: "top", font: { size: 12, color: css("--muted") } }],
    });
    return { traces: [...band(x, low, high, { index: 2 }), line(x, mean, { index: 2, name: "loss", width: 1.6 })], layout: around };
  }

  end() {
    this.stop();
    this.sized.disconnect();
    this.chart.end();
  }
}
