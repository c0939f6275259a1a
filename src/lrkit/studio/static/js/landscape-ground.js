// The ground of the map: contours as a picture, and the colours of ground and rates.

import { css, isDark } from "./chart.js";
import { h } from "./ui.js";

// As in lrkit's pictures: low is deep, high is pale; rates from violet to orange.
const GROUND = { light: ["#b9cde0", "#cedce9", "#e1e9f1", "#eff3f8", "#f9fbfd"], dark: ["#35536f", "#2b435a", "#233545", "#1d2832", "#181d22"] };
const RATES = {
  light: ["#3b0f70", "#7e24a6", "#b5367a", "#e2574c", "#f48849", "#fdb32f"],
  dark: ["#8a63e0", "#b45fd8", "#da5f9f", "#f0735f", "#f79d4e", "#ffd466"],
};
export const BINS = 48;

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
function blend(scale, share) {
  const place = Math.min(Math.max(share, 0), 1) * (scale.length - 1);
  const i = Math.min(Math.floor(place), scale.length - 2);
  const [a, b] = [rgb(scale[i]), rgb(scale[i + 1])];
  return a.map((v, k) => Math.round(v + (b[k] - v) * (place - i)));
}
export const rateColours = () => Array.from({ length: BINS }, (_, i) => `rgb(${blend(RATES[isDark() ? "dark" : "light"], i / (BINS - 1))})`);
export const rateScale = () => RATES[isDark() ? "dark" : "light"];

/** Return how a rate becomes a share of the colours: linear from 0, or by decades for a long decay. */
export function rateShare(runs) {
  let high = 0;
  const positive = [];
  for (const run of runs) for (const rate of run.rates) { if (rate > high) high = rate; if (rate > 0) positive.push(rate); }
  if (!positive.length) return { low: 0, high: 1, log: false, of: () => 0 };
  positive.sort((a, b) => a - b);
  const log = positive[Math.floor(positive.length / 4)] < high / 30;
  const low = log ? Math.max(positive[0], high * 1e-4) : 0;
  const of = log
    ? (rate) => (rate > low ? Math.log(rate / low) / Math.log(high / low) : 0)
    : (rate) => rate / high;
  return { low, high, log, of };
}

/** Return the contours as a picture of w by hgt pixels: bands between levels, lines where one ends. */
export function paint(surface, w, hgt) {
  const { levels } = surface;
  const heights = heightsOf(surface, w, hgt);
  const scale = GROUND[isDark() ? "dark" : "light"];
  const bands = Array.from({ length: levels.length }, (_, i) => blend(scale, i / Math.max(levels.length - 2, 1)));
  const [line, none] = [rgb(isDark() ? "#56748f" : "#8fa6bc"), rgb(css("--sunk"))];
  const image = new ImageData(w, hgt);
  const data = image.data;
  for (let j = 0, k = 0; j < hgt; j++) {
    for (let i = 0; i < w; i++, k++) {
      const height = heights[k];
      const known = height === height;
      const base = known ? bands[Math.min(Math.floor(height), bands.length - 1)] : none;
      // How near the line is, in pixels: the distance over the slope.
      const slope = Math.hypot(height - heights[i ? k - 1 : k + 1], height - heights[j ? k - w : k + w]);
      const off = Math.abs(height - Math.round(height));
      const ink = known && slope > 0 ? Math.min(Math.max(1.1 - off / slope, 0), 1) * 0.75 : 0;
      for (let c = 0; c < 3; c++) data[4 * k + c] = base[c] + (line[c] - base[c]) * ink;
      data[4 * k + 3] = 255;
    }
  }
  const canvas = h("canvas");
  [canvas.width, canvas.height] = [w, hgt];
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** Return the height of every pixel, counted in contours. */
function heightsOf(surface, w, hgt) {
  const { columns, rows, values, levels } = surface;
  const found = new Float64Array(w * hgt);
  const grid = Float64Array.from(values, (v) => v ?? NaN);
  for (let j = 0, k = 0; j < hgt; j++) {
    const v = ((hgt - 0.5 - j) / hgt) * (rows - 1);
    const q = Math.min(Math.floor(v), rows - 2) * columns;
    const dv = v - Math.floor(q / columns);
    for (let i = 0; i < w; i++, k++) {
      const u = ((i + 0.5) / w) * (columns - 1);
      const p = Math.min(Math.floor(u), columns - 2);
      const du = u - p;
      const low = grid[q + p] * (1 - du) + grid[q + p + 1] * du;
      const high = grid[q + columns + p] * (1 - du) + grid[q + columns + p + 1] * du;
      found[k] = heightOf(levels, low * (1 - dv) + high * dv);
    }
  }
  return found;
}

/** Return where a value lies among the levels: 2.5 is between the third and the fourth. */
export function heightOf(levels, value) {
  const last = levels.length - 1;
  if (!(value === value)) return NaN;
  if (last < 1 || value <= levels[0]) return 0;
  if (value >= levels[last]) return last;
  let [low, high] = [0, last];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (levels[middle] <= value) low = middle;
    else high = middle;
  }
  return low + (value - levels[low]) / (levels[high] - levels[low]);
}

/** Return about `count` round numbers within low and high. */
export function ticks(low, high, count) {
  const rough = (high - low) / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) found.push(Number((k * step).toPrecision(10)));
  return found;
}
