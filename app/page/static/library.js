// The library: add books, watch them being learned, find them.

import { all, call } from "./api.js";
import { addSample, dropZone } from "./adding.js";
import { dialog } from "./dialog.js";
import { fill, h } from "./elements.js";
import { learningView } from "./learning.js";
import { words } from "./words.js";

export async function libraryView({ root, gone }) {
  const list = h("section");
  const search = h("input", { type: "search", placeholder: words.search, "aria-label": words.search, oninput: () => shown() });
  let books = [];

  function shown() {
    const wanted = search.value.toLowerCase().split(/\s+/);
    const fits = (book) => wanted.every((word) => [book.title, book.author, ...book.tags].join(" ").toLowerCase().includes(word));
    const found = books.filter(fits);
    fill(list, found.length ? found.map(row) : h("p", { class: "soft" }, books.length ? words.none : words.empty), !books.length && sample());
  }

  function row(book) {
    return h("article", { class: "book-row" },
      h("a", { class: "title", href: `#/books/${book.id}` }, book.title),
      h("span", { class: "soft" }, [book.author && words.byAuthor(book.author), book.format, words.passages(book.passages)].filter(Boolean).join(" · ")),
      h("span", {}, h("span", { class: "tag" }, words.states[book.state]), " ", book.tags.map((tag) => [h("span", { class: "tag" }, tag), " "])),
      book.warnings.length > 0 && h("span", { class: "warn" }, book.warnings.join(" ")),
      ["queued", "training"].includes(book.state) && book.job && learningView(book.job, gone, () => load()),
      h("span", { class: "row" },
        h("a", { class: "button", href: `#/?book=${book.id}` }, words.ask),
        h("button", { class: "plain", onclick: () => remove(book) }, words.remove)));
  }

  function sample() {
    return h("p", {}, h("button", { class: "main", onclick: () => addSample().then(load) }, words.sample));
  }

  async function remove(book) {
    if (!(await dialog(words.remove, h("p", {}, words.removeSure(book.title)), {}, {}, words.remove))) return;
    await call("DELETE", `/books/${book.id}`);
    await load();
  }

  async function load() {
    books = await all("/books");
    if (!gone.aborted) shown();
  }

  await load();
  fill(root, h("h1", {}, words.library), dropZone(() => load()), h("p", {}, search), list);
}
