// Tables that are sorted by their headers; on a phone each row is a card.

import { fill, h } from "./elements.js";

/**
 * A table with columns [name, value, cell]: `cell` makes of a row what is shown, `value` what it is sorted by, null where it
 * is not. At first it is sorted by the column `by`, where there is one. `show` puts rows into it.
 */
export function table(name, columns, by = null, turned = 1) {
  let rows = [];
  const body = h("tbody", { role: "rowgroup" });
  const heads = columns.map(([title, value], at) => h("th", { role: "columnheader", scope: "col" }, value ? h("button", { onclick: () => sort(at) }, title) : title));
  const view = h("div", { class: "scroll" }, h("table", { role: "table", "aria-label": name },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads)), body));

  function sort(at) {
    turned = at === by ? -turned : 1;
    by = at;
    draw();
  }

  function draw() {
    const [, value] = columns[by] ?? [];
    const sorted = value ? [...rows].sort((a, b) => turned * (value(a) > value(b) ? 1 : value(a) < value(b) ? -1 : 0)) : rows;
    heads.forEach((head, at) => (at === by ? head.setAttribute("aria-sort", turned > 0 ? "ascending" : "descending") : head.removeAttribute("aria-sort")));
    // What had the focus has it again, as far as it names itself.
    const held = body.contains(document.activeElement) ? document.activeElement.id : "";
    fill(body, sorted.map((row) => h("tr", { role: "row" }, columns.map(([title, , cell]) => h("td", { role: "cell", "data-name": title }, h("div", {}, cell(row)))))));
    if (held) document.getElementById(held)?.focus();
  }

  return { view, show: (found) => { rows = found; draw(); } };
}
