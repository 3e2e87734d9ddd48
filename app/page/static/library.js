// The library: add books, watch them being learned, find them.

import { about, shelf, tags } from "./about.js";
import { all, call } from "./api.js";
import { addSample, dropZone } from "./adding.js";
import { dialog } from "./dialog.js";
import { fill, h } from "./elements.js";
import { goingOn, learningView } from "./learning.js";
import { words } from "./words.js";

// Jobs that are followed at once: a browser has few connections to one host, and the other books wait anyway.
const FOLLOWED = 2;

export async function libraryView({ root, gone, query }) {
  const list = h("section");
  const search = h("input", { type: "search", placeholder: words.search, "aria-label": words.search, oninput: () => shown() });
  const failed = h("p", { class: "bad", role: "alert" });
  const limits = ["author", "tag"].filter((name) => query.has(name)).map((name) => [name, query.get(name)]);
  const views = new Map();
  let books = [];
  // The jobs that are followed, by their books.
  let learned = new Map();

  /** The view of a job, the same one until the job has ended. */
  function followed(job) {
    if (!views.has(job)) views.set(job, learningView(job, gone, () => { views.delete(job); load(); }));
    return views.get(job);
  }

  function shown() {
    const wanted = search.value.toLowerCase().split(/\s+/);
    const fits = (book) => wanted.every((word) => [book.title, book.author, ...book.tags].join(" ").toLowerCase().includes(word));
    const found = books.filter(fits);
    const empty = !books.length && !limits.length;
    fill(list, found.length ? found.map((book) => row(book, learned.get(book.id))) : h("p", { class: "soft" }, empty ? words.empty : words.none), empty && sample());
  }

  function row(book, job) {
    return h("article", { class: "book-row" },
      h("a", { class: "title", href: `#/books/${book.id}` }, book.title),
      about(book),
      h("div", {}, h("span", { class: `state ${book.state}` }, words.states[book.state]), " ", tags(book)),
      book.warnings.length > 0 && h("small", { class: "warn" }, words.partly(book.warnings.length)),
      job && followed(job),
      h("div", { class: "row" },
        h("a", { class: "button", href: `#/?book=${book.id}` }, words.ask),
        h("button", { class: "plain", "aria-label": `${words.remove}: ${book.title}`, onclick: () => remove(book) }, words.remove)));
  }

  function sample() {
    return h("p", {}, h("button", { class: "main", onclick: () => addSample().then(load, (error) => { failed.textContent = error.message; }) }, words.sample));
  }

  async function remove(book) {
    if (!(await dialog(words.remove, h("p", {}, words.removeSure(book.title)), {}, {}, words.remove))) return;
    try {
      await call("DELETE", `/books/${book.id}`);
    } catch (error) {
      failed.textContent = error.message;
    }
    await load();
  }

  async function load() {
    const [found, jobs] = await Promise.all([all(`/books?${new URLSearchParams(limits)}`), goingOn()]);
    books = found;
    learned = new Map(jobs.slice(0, FOLLOWED).reverse().map((job) => [job.book, job.id]));
    if (!gone.aborted) shown();
  }

  /** What the list is limited to, each with a way out. */
  function limited() {
    return limits.map(([name, value]) => {
      const rest = limits.filter(([other]) => other !== name);
      return h("a", { class: "tag", href: rest.length ? shelf(...rest[0]) : "#/library", "aria-label": words.notOnly(value) }, `${words[name]}: ${value} ×`);
    });
  }

  await load();
  fill(root, h("h1", {}, words.library), dropZone(() => load()), failed,
    h("div", { class: "row" }, h("span", { class: "grow" }, search), limited()), list);
}
