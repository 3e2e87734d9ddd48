// For whoever runs the service: its health, all versions, and who did what.

import { all, get } from "./api.js";
import { fill, h } from "./elements.js";
import { adds, date, losses, size } from "./figures.js";
import { words } from "./words.js";

const COLUMNS = [
  [words.book, (one) => one.book_title, (one) => h("a", { href: `#/books/${one.book}` }, one.book_title)],
  [words.number, (one) => one.number, (one) => String(one.number)],
  [words.loss, (one) => losses(one)?.[1] ?? Infinity, (one) => losses(one)?.map((loss) => loss.toFixed(2)).join(" → ") ?? "–"],
  [words.addsShort, (one) => one.metrics.adds?.difference ?? -Infinity, (one) => adds(one.metrics.adds)],
  [words.aliases, (one) => one.aliases.join(), (one) => one.aliases.map((alias) => [h("span", { class: "tag" }, alias), " "])],
  [words.llm, (one) => one.base_model.id, (one) => `${one.base_model.id} (${one.base_model.quantization})`],
  [words.size, (one) => one.bytes, (one) => size(one.bytes)],
  [words.when, (one) => one.created_at, (one) => date(one.created_at)],
];

export async function adminView({ root, gone }) {
  const [versions, health, audit] = await Promise.all([
    all("/admin/prompts"),
    fetch("/readyz").then((response) => response.json()),
    get("/admin/audit?limit=50").then((page) => page.data, () => []),
  ]);
  if (gone.aborted) return;
  const table = h("div", { class: "scroll" });
  const wanted = h("input", { type: "search", placeholder: words.filter, "aria-label": words.filter, oninput: () => shown() });
  let [column, turned] = [COLUMNS.length - 1, -1];

  function shown() {
    const word = wanted.value.toLowerCase();
    const value = COLUMNS[column][1];
    const found = versions
      .filter((one) => [one.book_title, one.base_model.id, ...one.aliases].join(" ").toLowerCase().includes(word))
      .sort((a, b) => turned * (value(a) > value(b) ? 1 : value(a) < value(b) ? -1 : 0));
    const sorted = (at) => (at === column ? (turned > 0 ? "ascending" : "descending") : null);
    fill(table, h("table", {},
      h("thead", {}, h("tr", {}, COLUMNS.map(([name], at) => h("th", { "aria-sort": sorted(at) },
        h("button", { onclick: () => { turned = at === column ? -turned : 1; column = at; shown(); } }, name))))),
      h("tbody", {}, found.map((one) => h("tr", {}, COLUMNS.map(([, , cell]) => h("td", { class: "number" }, cell(one))))))));
  }

  fill(root, h("h1", {}, words.admin),
    h("div", { class: `card ${health.ready ? "" : "notice bad"}` }, h("h2", {}, words.health),
      h("p", {}, health.ready && !health.detail ? words.healthy : health.detail)),
    h("h2", {}, words.allVersions), h("p", {}, wanted), table,
    h("h2", {}, words.audit),
    audit.length ? h("ul", { class: "history" }, audit.map((line) => h("li", {}, `${line.who}: ${line.method} ${line.path} → ${line.status} `, h("small", {}, date(line.at)))))
      : h("p", { class: "soft" }, words.noAudit));
  shown();
}
