// A job as it goes on: its phase, how far it is, and every member's loss as it falls.

import { call, events, get } from "./api.js";
import { curvesView } from "./curves.js";
import { dialog } from "./dialog.js";
import { fill, h } from "./elements.js";
import { words } from "./words.js";

const ENDED = ["succeeded", "failed", "cancelled"];

/** Whether a job goes on or waits. */
export const goesOn = (job) => Boolean(job) && !ENDED.includes(job.status);

/** Whether a book is being learned, or waits for it. */
export const beingLearned = (book) => Boolean(book.job) && ["queued", "training"].includes(book.state);

/** Follow a job until it ends or the view is gone; `ended` is called with the job that has ended. */
export function learningView(id, gone, ended = () => {}) {
  const phase = h("p", { role: "status" });
  const bar = h("progress", { "aria-label": words.phases.running });
  const left = h("span", { class: "soft grow" });
  const curves = h("div");
  const stop = h("button", { onclick: async () => {
    if (await dialog(words.stopLearning, h("p", {}, words.stopSure), {}, {}, words.stopLearning)) await call("POST", `/jobs/${id}/cancel`);
  } }, words.stopLearning);
  const view = h("section", { class: "card learning" }, phase, bar, h("div", { class: "row" }, left, stop), curves);
  const members = [];
  let bare = null;

  function tell({ type, message, data }) {
    if (type === "metrics") {
      phase.textContent = words.learningStep(data.step, data.steps);
      bar.max = data.steps;
      bar.value = data.step;
      left.textContent = words.left(data.eta_seconds);
      data.member_losses.forEach((loss, member) => (members[member] ??= []).push(loss));
      return;
    }
    if (data.kind === "evaluated") bare ??= data.bare_loss;
    phase.textContent = ENDED.includes(data.kind) || data.kind === "published" ? message : words.phases[data.kind] || message;
    if (data.total) {
      bar.max = data.total;
      bar.value = data.done;
      phase.textContent += ` (${data.done}/${data.total})`;
    } else bar.removeAttribute("value");
  }

  async function follow() {
    let last = null;
    for (let tries = 0; !gone.aborted; tries += 1) {
      try {
        for await (const { id: at, data } of events("GET", `/jobs/${id}/events${last ? `?after=${last}` : ""}`, { signal: gone })) {
          last = at;
          tries = 0;
          tell(data);
          draw();
        }
        const job = await get(`/jobs/${id}`);
        if (!goesOn(job)) return end(job);
      } catch (error) {
        if (gone.aborted) return;
        phase.textContent = error.message;
      }
      await new Promise((go) => setTimeout(go, Math.min(10000, 500 * 2 ** tries)));
    }
  }

  let waiting = false;
  function draw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      fill(curves, curvesView(members, bare));
    });
  }

  function end(job) {
    stop.remove();
    left.remove();
    bar.max = 1;
    bar.value = job.status === "succeeded" ? 1 : 0;
    if (job.error) fill(phase, h("span", { class: "bad" }, job.error.message));
    ended(job);
  }

  follow();
  return view;
}
