// The versions of all books in one table.

import { all } from "./api.js";
import { h } from "./elements.js";
import { adds, date, losses, size } from "./figures.js";
import { table } from "./tables.js";
import { words } from "./words.js";

const COLUMNS = [
  [words.book, (one) => one.book_title, (one) => h("a", { href: `#/books/${one.book}` }, one.book_title)],
  [words.number, (one) => one.number, (one) => String(one.number)],
  [words.loss, (one) => losses(one)?.[1] ?? Infinity, (one) => losses(one)?.map((loss) => loss.toFixed(2)).join(" → ") ?? "–"],
  [words.addsShort, (one) => one.metrics.adds?.difference ?? -Infinity, (one) => adds(one.metrics.adds)],
  [words.aliases, (one) => one.aliases.join(), (one) => one.aliases.map((alias) => [h("span", { class: "tag" }, alias), " "])],
  [words.llm, (one) => one.base_model.id, (one) => `${one.base_model.id.split("/").at(-1)} (${one.base_model.quantization})`],
  [words.size, (one) => one.bytes, (one) => size(one.bytes)],
  [words.when, (one) => one.created_at, (one) => date(one.created_at)],
];

export async function promptsView() {
  const versions = await all("/admin/prompts");
  const list = table(words.allVersions, COLUMNS, COLUMNS.length - 1, -1);
  const wanted = h("input", { type: "search", placeholder: words.filter, "aria-label": words.filter, oninput: () => shown() });

  function shown() {
    const word = wanted.value.toLowerCase();
    list.show(versions.filter((one) => [one.book_title, one.base_model.id, ...one.aliases].join(" ").toLowerCase().includes(word)));
  }

  shown();
  return versions.length ? [h("p", {}, wanted), list.view] : h("p", { class: "soft" }, words.noVersions);
}
