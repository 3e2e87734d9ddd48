// The library: add books, watch them being learned, find them.

import { all, call } from "./api.js";
import { addSample, dropZone } from "./adding.js";
import { dialog } from "./dialog.js";
import { fill, h } from "./elements.js";
import { beingLearned, learningView } from "./learning.js";
import { words } from "./words.js";

// Jobs that are followed at once: a browser has few connections to one host, and the other books wait anyway.
const FOLLOWED = 2;

export async function libraryView({ root, gone }) {
  const list = h("section");
  const search = h("input", { type: "search", placeholder: words.search, "aria-label": words.search, oninput: () => shown() });
  const failed = h("p", { class: "bad", role: "alert" });
  const views = new Map();
  let books = [];

  /** The view of a job, the same one until the job has ended. */
  function followed(job) {
    if (!views.has(job)) views.set(job, learningView(job, gone, () => { views.delete(job); load(); }));
    return views.get(job);
  }

  /** The books that are learned now or next. */
  function learning() {
    const waiting = books.filter(beingLearned);
    return waiting.sort((a, b) => (b.state === "training") - (a.state === "training") || a.created_at - b.created_at).slice(0, FOLLOWED);
  }

  function shown() {
    const live = new Set(learning());
    const wanted = search.value.toLowerCase().split(/\s+/);
    const fits = (book) => wanted.every((word) => [book.title, book.author, ...book.tags].join(" ").toLowerCase().includes(word));
    const found = books.filter(fits);
    fill(list, found.length ? found.map((book) => row(book, live.has(book))) : h("p", { class: "soft" }, books.length ? words.none : words.empty), !books.length && sample());
  }

  function row(book, live) {
    return h("article", { class: "book-row" },
      h("a", { class: "title", href: `#/books/${book.id}` }, book.title),
      h("span", { class: "soft" }, [book.author && words.byAuthor(book.author), book.format, words.passages(book.passages)].filter(Boolean).join(" · ")),
      h("span", {}, h("span", { class: "tag" }, words.states[book.state]), " ", book.tags.map((tag) => [h("span", { class: "tag" }, tag), " "])),
      book.warnings.length > 0 && h("span", { class: "warn" }, book.warnings.join(" ")),
      live && followed(book.job),
      h("span", { class: "row" },
        h("a", { class: "button", href: `#/?book=${book.id}` }, words.ask),
        h("button", { class: "plain", onclick: () => remove(book) }, words.remove)));
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
    books = await all("/books");
    if (!gone.aborted) shown();
  }

  await load();
  fill(root, h("h1", {}, words.library), dropZone(() => load()), failed, h("p", {}, search), list);
}
