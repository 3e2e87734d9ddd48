// What is said of a book: its author and tags as links to all such books, and how they are edited.

import { call } from "./api.js";
import { dialog } from "./dialog.js";
import { h } from "./elements.js";
import { words } from "./words.js";

/** The address of the library, limited to books by an author or with a tag. */
export const shelf = (name, value) => `#/library?${name}=${encodeURIComponent(value)}`;

/** One line: the author, and what else is worth telling. */
export function about(book, ...more) {
  const author = book.author && h("span", {}, words.byAuthor, " ", h("a", { href: shelf("author", book.author) }, book.author));
  const parts = [author, book.language, book.format, words.passages(book.passages), ...more].filter(Boolean);
  return h("p", { class: "soft" }, parts.map((part, at) => [at > 0 && " · ", part]));
}

export function tags(book) {
  return book.tags.map((tag) => [h("a", { class: "tag", href: shelf("tag", tag), "aria-label": words.withTag(tag) }, tag), " "]);
}

/** Ask what a book is called from now on; the book as it is then, or null where it stays. */
export async function edited(book) {
  const text = (value) => h("input", { value, maxlength: 1000 });
  const given = await dialog(words.edit, null,
    { title: h("input", { value: book.title, maxlength: 1000, required: true }), author: text(book.author ?? ""), language: text(book.language ?? ""), tags: text(book.tags.join(", ")) },
    { title: words.title, author: words.author, language: words.languageTag, tags: words.tagsCommas }, words.keep);
  return given && call("PATCH", `/books/${book.id}`, { ...given, tags: given.tags.split(",") });
}
