// Taking the schedule along: copies in every form, the link, and a training with it.

import { get, post } from "./api.js";
import { copy, field, fill, h, select, toast } from "./ui.js";

const FORMS = [
  ["text", "Text", "as lrkit reads it, in files and on the command line"],
  ["python", "Python", "an expression over lrkit's names"],
  ["json_text", "JSON", "with a format number"],
  ["study", "Study line", "an entry of a study file"],
  ["show", "Command: show", "lrkit show …"],
  ["train", "Command: train", "lrkit train …"],
  ["link", "Link to this page", "with horizon, axis and pinned schedules"],
];

/** Return the button that opens the list of forms; copies() gives them, or null. */
export function shareMenu(copies) {
  const list = h("div.menu", { role: "menu", hidden: true });
  const button = h("button", { type: "button", "aria-haspopup": "menu", "aria-expanded": "false", id: "copy-as" }, "Copy as…");
  const show = (open) => {
    list.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    if (open) list.firstChild.focus();
  };
  fill(list, FORMS.map(([key, name, hint]) => h("button.quiet", {
    type: "button", role: "menuitem", dataset: { form: key },
    onclick: () => {
      show(false);
      const found = copies();
      if (!found) return toast("There is nothing to copy until the text is right", "bad");
      copy(found[key], `Copied: ${name}`);
      button.focus();
    },
  }, h("span", {}, name), h("small", {}, hint))));
  button.addEventListener("click", () => show(list.hidden));
  const box = h("div.menu-box", {}, button, list);
  box.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    const items = [...list.children];
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) {
      event.preventDefault();
      items[(items.indexOf(document.activeElement) + by + items.length) % items.length].focus();
    } else if (event.key === "Escape") {
      event.stopPropagation();
      show(false);
      button.focus();
    }
  });
  box.addEventListener("focusout", (event) => {
    if (!box.contains(event.relatedTarget)) show(false);
  });
  return box;
}

/** Ask how to train with a schedule, and start it; resolves to the run's name, or null. */
export async function trainDialog({ text, total }) {
  const task = select([["lenet-digits", "lenet-digits"]], "lenet-digits");
  const about = h("small", {}, "Asking which tasks there are…");
  const length = h("input", { value: total, placeholder: "the task's own" });
  const seed = h("input", { value: "0", inputmode: "numeric" });
  const problem = h("p.error", { role: "alert" });
  const start = h("button.primary", { type: "submit", value: "start" }, "Start training");
  const dialog = h("dialog.train", { "aria-label": "Train with this schedule" },
    h("h2", {}, "Train with this schedule"),
    h("pre.mono", {}, text),
    h("form", { method: "dialog" },
      h("div.row", {}, field("Task", task), field("Total", length), field("Seed", seed)), about, problem,
      h("div.row.end", {}, h("button", { value: "no", type: "submit", formnovalidate: true }, "Cancel"), start)));
  document.body.append(dialog);
  dialog.showModal();
  length.focus();
  get("/api/tasks").then((found) => {
    const say = () => { about.textContent = found.find((one) => one.name === task.value)?.summary ?? ""; };
    fill(task, found.map((one) => h("option", { value: one.name }, one.name)));
    task.addEventListener("change", say);
    say();
  }, (error) => { about.textContent = error.message; });
  return new Promise((answer) => {
    let run = null;
    dialog.querySelector("form").addEventListener("submit", async (event) => {
      if (event.submitter !== start) return;
      event.preventDefault();
      start.disabled = true;
      try {
        const body = { task: task.value, schedule: text, seed: Number(seed.value) || 0 };
        if (length.value.trim()) body.total = length.value.trim();
        run = (await post("/api/trainings", body)).run;
        dialog.close();
      } catch (error) {
        problem.textContent = error.message;
        start.disabled = false;
      }
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      answer(run);
    });
  });
}
