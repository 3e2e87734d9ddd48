// What is being learned, what waits, and what came of it before.

import { call, get } from "./api.js";
import { dialog } from "./dialog.js";
import { fill, h, trouble } from "./elements.js";
import { date, duration } from "./figures.js";
import { goesOn, learningView } from "./learning.js";
import { table } from "./tables.js";
import { words } from "./words.js";

const EVERY_MS = 5000;
// Each that is followed holds a connection, of which a browser has few.
const FOLLOWED = 2;

export async function jobsView(gone) {
  const live = h("div");
  const failed = h("div");
  const none = h("p", { class: "soft" });
  const followed = new Map();
  const status = h("select", { "aria-label": words.status, onchange: () => load() },
    h("option", { value: "" }, words.allJobs), Object.entries(words.jobStates).map(([state, name]) => h("option", { value: state }, name)));
  const list = table(words.jobs, [
    [words.book, (job) => job.title, (job) => h("a", { href: `#/books/${job.book}` }, job.title)],
    [words.status, (job) => job.status, (job) => h("span", { class: job.status === "failed" ? "bad" : null }, words.jobStates[job.status])],
    [words.became, null, became],
    [words.when, (job) => job.created_at, (job) => date(job.created_at)],
    [words.lasted, (job) => (job.finished_at ?? Infinity) - (job.started_at ?? 0), (job) => (job.started_at && job.finished_at ? duration(job.finished_at - job.started_at) : "–")],
    [words.action, null, (job) => goesOn(job) && h("button", { class: "plain", id: `cancel-${job.id}`, "aria-label": words.cancelJob(job.title), onclick: () => cancel(job) }, words.cancel)],
  ], 3, -1);

  async function cancel(job) {
    if (!(await dialog(words.cancelJob(job.title), h("p", {}, words.stopSure), {}, {}, words.stopLearning))) return;
    await call("POST", `/jobs/${job.id}/cancel`).catch((error) => fill(failed, trouble(error)));
    await load();
  }

  async function load() {
    const [shown, running] = await Promise.all([
      get(`/jobs?limit=100${status.value && `&status=${status.value}`}`), get(`/jobs?status=running&limit=${FOLLOWED}`)]);
    if (gone.aborted) return;
    for (const job of running.data) {
      if (!followed.has(job.id)) followed.set(job.id, h("div", {}, h("h3", {}, job.title), learningView(job.id, gone, () => { followed.delete(job.id); load().catch(() => {}); })));
    }
    const now = [...followed.values()];
    if (now.length !== live.childElementCount || now.some((view) => view.parentNode !== live)) fill(live, now);
    list.show(shown.data);
    none.textContent = shown.data.length ? "" : words.noJobs;
  }

  async function again() {
    await load().catch((error) => fill(failed, trouble(error)));
    if (!gone.aborted) setTimeout(again, EVERY_MS);
  }

  await load();
  setTimeout(again, EVERY_MS);
  return [live, h("p", {}, status), failed, list.view, none];
}

function became(job) {
  if (job.version) return h("a", { href: `#/books/${job.book}` }, words.version(job.version));
  if (job.error) return [h("div", {}, job.error.message), h("small", {}, words.todo[job.error.code])];
  if (job.progress && goesOn(job)) return words.learningStep(job.progress.step, job.progress.steps);
  if (job.phase) return `${words.phases[job.phase.kind]} (${job.phase.done}/${job.phase.total})`;
  return job.detail ? words.noWorker : "–";
}
