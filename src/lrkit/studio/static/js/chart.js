// Charts by plotly, in the colours of the page.

let palette = [{ light: "#0072B2", dark: "#4BA3E3" }];
let dashes = ["solid"];

/** Take the colours that the studio tells, so that page, pictures and terminal agree. */
export function adopt(about) {
  palette = about.palette;
  dashes = about.dashes;
}

export const isDark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};

/** Return the colour of line number i, on the present theme. */
export const colour = (i) => palette[i % palette.length][isDark() ? "dark" : "light"];
/** Return the dash of line number i: solid until the colours have been used up. */
export const dash = (i) => dashes[Math.floor(i / palette.length) % dashes.length];

/** Return a colour of the page's style sheet: css("--text"). */
export const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

let coming = null;
/** Resolves when plotly is there. It is five megabytes to read: the page stands before that begins. */
export function ready() {
  coming ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = "/static/plotly.js";
    script.onload = () => done(window.Plotly);
    script.onerror = () => { coming = null; failed(new Error("the charts could not be loaded; reload the page")); };
    requestAnimationFrame(() => setTimeout(() => document.head.append(script)));
  });
  return coming;
}

function axis(given, { title, log, ...more } = {}) {
  return {
    automargin: true, zeroline: false, ticks: "outside", ticklen: 4,
    gridcolor: css("--line"), linecolor: css("--line"), tickcolor: css("--line"),
    title: { text: title ?? "", standoff: 8 },
    type: log ? "log" : "linear",
    exponentformat: log ? "e" : "SI",
    ...given, ...more,
  };
}

/** Return plotly's layout in the style of the page; x and y take {title, log, range, ...}. */
export function layout({ x = {}, y = {}, ...more } = {}) {
  return {
    autosize: true,
    margin: { l: 56, r: 14, t: 10, b: 44 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 12, color: css("--muted") },
    hoverlabel: { bgcolor: css("--panel"), bordercolor: css("--line"), font: { color: css("--text") }, namelength: 36 },
    hovermode: "x unified",
    showlegend: false,
    xaxis: axis({ showgrid: false }, x),
    yaxis: axis({}, y),
    ...more,
  };
}

/** Return a trace: line(x, y, {index, name, width, ...}). Its colour is that of line number index. */
export function line(x, y, { index = 0, name = "", width = 2, opacity = 1, ...more } = {}) {
  return {
    type: "scatter", mode: "lines", x, y, name, opacity,
    line: { color: colour(index), width, dash: dash(index), simplify: false },
    hovertemplate: "%{y:.4g}<extra>%{fullData.name}</extra>",
    ...more,
  };
}

/** Return the two traces of a band between low and high. */
export function band(x, low, high, { index = 0, opacity = 0.15 } = {}) {
  const common = { type: "scatter", mode: "lines", x, hoverinfo: "skip", line: { width: 0, color: colour(index) } };
  return [
    { ...common, y: low },
    { ...common, y: high, fill: "tonexty", fillcolor: fade(colour(index), opacity) },
  ];
}

/** Return a #rrggbb colour at an opacity. */
export function fade(hex, opacity) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  return `rgba(${r},${g},${b},${opacity})`;
}

const config = { displayModeBar: false, responsive: true, doubleClick: "reset", scrollZoom: false };

/**
 * A chart in an element: chart.draw(() => ({traces, layout})) draws, and draws again when the
 * theme changes. `label` says to those who do not see it what it shows.
 */
export class Chart {
  constructor(element, label, options = {}) {
    this.element = element;
    this.options = { ...config, ...options };
    this.make = null;
    element.setAttribute("role", "img");
    element.setAttribute("aria-label", label);
    this.themed = () => this.make && this.draw(this.make);
    addEventListener("lrkit-theme", this.themed);
  }

  async draw(make) {
    this.make = make;
    const plotly = await ready();
    if (!this.element.isConnected) return;
    const { traces, layout: around } = make();
    await plotly.react(this.element, traces, around, this.options);
  }

  resize() {
    if (this.element.isConnected && window.Plotly && this.element.data) window.Plotly.Plots.resize(this.element);
  }

  end() {
    removeEventListener("lrkit-theme", this.themed);
    if (window.Plotly) window.Plotly.purge(this.element);
  }
}
