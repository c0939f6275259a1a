// Play, pause, step, rewind: which step is shown, and how fast it moves on.

import { h, s, select } from "./ui.js";

const SPEEDS = [["10", "10 steps/s"], ["30", "30 steps/s"], ["100", "100 steps/s"], ["400", "400 steps/s"], ["2000", "2,000 steps/s"]];

const icon = (d) => s("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" },
  s("path", { d, fill: "none", stroke: "currentColor", "stroke-width": 1.8, "stroke-linejoin": "round", "stroke-linecap": "round" }));

/** The player in an element; `shown(step)` is called with each step to show, which may be a fraction. */
export class Player {
  constructor(element, shown) {
    Object.assign(this, { shown, now: 0, last: 1, playing: false, speed: 30 });
    this.button = h("button.primary.play", { type: "button", title: "Space", onclick: () => this.toggle() }, "Play");
    const back = h("button.icon", { type: "button", "aria-label": "Rewind", title: "Rewind (R)", onclick: () => this.seek(0) }, icon("M5 4 V16 M16 4 L7.5 10 L16 16 Z"));
    const less = h("button.icon", { type: "button", "aria-label": "One step back", title: "One step back (,)", onclick: () => this.step(-1) }, icon("M13 4 L6 10 L13 16"));
    const more = h("button.icon", { type: "button", "aria-label": "One step on", title: "One step on (.)", onclick: () => this.step(1) }, icon("M7 4 L14 10 L7 16"));
    this.slider = h("input", { type: "range", min: 0, max: 1, step: 1, value: 0, "aria-label": "Step", oninput: () => this.seek(Number(this.slider.value)) });
    this.label = h("output.steps.mono", {}, "0");
    const speed = select(SPEEDS, "30", { "aria-label": "Speed", onchange: () => { this.speed = Number(speed.value); } });
    element.append(this.button, back, less, more, this.slider, this.label, speed);
  }

  /** Set where the last step is. */
  bound(end) {
    this.last = end;
    this.slider.max = end;
    if (this.now > end) this.now = end;
    this.tell();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  /** Go on; from the beginning when it is at the end, or when asked. */
  play(anew = false) {
    if (anew || this.now >= this.last) this.now = 0;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.seek(this.last); // nothing moves that need not
      return;
    }
    this.playing = true;
    this.button.textContent = "Pause";
    let before = performance.now();
    const frame = (time) => {
      if (!this.playing) return;
      this.now = Math.min(this.now + (Math.min(time - before, 250) / 1000) * this.speed, this.last);
      before = time;
      this.show();
      if (this.now >= this.last) this.pause();
      else this.timer = requestAnimationFrame(frame);
    };
    this.timer = requestAnimationFrame(frame);
  }

  pause() {
    cancelAnimationFrame(this.timer);
    const was = this.playing;
    this.playing = false;
    this.button.textContent = "Play";
    if (was) this.show();
  }

  step(by) {
    this.pause();
    this.seek(Math.floor(this.now) + by);
  }

  seek(step) {
    this.now = Math.min(Math.max(step, 0), this.last);
    this.show();
  }

  show() {
    this.tell();
    this.shown(this.now);
  }

  tell() {
    const step = Math.floor(this.now);
    this.slider.value = step;
    this.label.textContent = `${step.toLocaleString("en")} / ${this.last.toLocaleString("en")}`;
  }

  end() {
    this.pause();
  }
}
