// A job as it goes on: its phase, how far it is, and every member's loss as it falls.

import { all, call, events, get } from "./api.js";
import { curvesView } from "./curves.js";
import { dialog } from "./dialog.js";
import { fill, h } from "./elements.js";
import { words } from "./words.js";

const ENDED = ["succeeded", "failed", "cancelled"];

// What a job goes through, by the kinds of its events; some books skip the second.
const STAGES = ["embedding", "writing", "learning", "examined"];
const STAGE_OF = { running: 0, embedding: 0, writing: 1, studied: 2, resumed: 2, metrics: 2, trial: 3, published: 4, succeeded: 4 };

/** Whether a job goes on or waits. */
export const goesOn = (job) => Boolean(job) && !ENDED.includes(job.status);

/** The jobs of a book, or of all, that go on or wait: those that run first, then the one that is next. */
export async function goingOn(book = null) {
  const jobs = await all(`/jobs?status=running&status=queued${book === null ? "" : `&book=${book}`}`);
  return jobs.sort((a, b) => (b.status === "running") - (a.status === "running") || a.created_at - b.created_at);
}

/** Follow a job until it ends or the view is gone; `ended` is called with the job that has ended. */
export function learningView(id, gone, ended = () => {}) {
  const phase = h("p", { role: "status" });
  const bar = h("progress", { "aria-label": words.phases.running });
  const left = h("span", { class: "soft grow" });
  const curves = h("div");
  const stages = STAGES.map((stage) => h("li", {}, words.stages[stage]));
  const warned = h("ul", { class: "warn" });
  const budget = h("p", { class: "soft" });
  const stop = h("button", { onclick: async () => {
    if (!(await dialog(words.stopLearning, h("p", {}, words.stopSure), {}, {}, words.stopLearning))) return;
    await call("POST", `/jobs/${id}/cancel`).catch((error) => { left.textContent = error.message; });
  } }, words.stopLearning);
  const view = h("section", { class: "card learning" }, h("ol", { class: "stages" }, stages), phase, bar, h("div", { class: "row" }, left, stop), budget, warned, curves);
  const members = [];
  let bare = null;

  /** Mark how far a job has come: the stages before are done. */
  function reach(stage) {
    stages.forEach((shown, at) => {
      shown.className = at < stage ? "done" : "";
      if (at === stage) shown.setAttribute("aria-current", "step");
      else shown.removeAttribute("aria-current");
    });
  }

  function tell({ type, level, message, data }) {
    if (data.kind === "budget") {
      budget.textContent = message;
      return;
    }
    const stage = data.kind === "evaluated" ? (data.stage === "before" ? 2 : 3) : STAGE_OF[data.kind ?? type];
    if (stage !== undefined) reach(stage);
    if (level === "warning") {
      warned.append(h("li", {}, message, " ", words.todo[data.kind]));
      if (data.kind === "too-short") return;
    }
    if (type === "metrics") {
      phase.textContent = words.learningStep(data.step, data.steps);
      bar.max = data.steps;
      bar.value = data.step;
      left.textContent = words.left(data.eta_seconds);
      data.member_losses.forEach((loss, member) => (members[member] ??= []).push(loss));
      return;
    }
    if (data.kind === "evaluated") bare ??= data.bare_loss;
    left.textContent = "";
    if (data.kind === "queued") get(`/jobs/${id}`).then((job) => { left.textContent = job.detail ? words.noWorker : ""; }, () => {});
    const now = ENDED.includes(data.kind) || data.kind === "published" ? message : words.phases[data.kind] || message;
    const count = data.total ? ` (${data.done}/${data.total})` : "";
    // Told anew only where it says something new.
    if (phase.textContent !== now + count) phase.textContent = now + count;
    if (data.total) {
      bar.max = 1;
      bar.value = data.share ?? data.done / data.total;
      if (data.eta_seconds) left.textContent = words.left(data.eta_seconds);
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
    budget.remove();
    bar.max = 1;
    bar.value = job.status === "succeeded" ? 1 : 0;
    if (job.error) fill(phase, h("span", { class: "bad" }, job.error.message), " ", words.todo[job.error.code]);
    ended(job);
  }

  follow();
  return view;
}
