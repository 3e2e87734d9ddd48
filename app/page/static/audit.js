// Who did what: the audit log, newest first.

import { get } from "./api.js";
import { h, trouble } from "./elements.js";
import { date } from "./figures.js";
import { table } from "./tables.js";
import { words } from "./words.js";

const COLUMNS = [
  [words.when, null, (line) => date(line.at)],
  [words.who, null, (line) => line.who],
  [words.did, null, (line) => h("code", {}, `${line.method} ${line.path}`)],
  [words.outcome, null, (line) => h("span", { class: line.status < 400 ? null : "warn" }, String(line.status))],
];

export async function auditView() {
  const list = table(words.audit, COLUMNS);
  const failed = h("div");
  const wanted = h("input", { placeholder: words.whoExactly, "aria-label": words.whoExactly, onchange: () => load(true) });
  const more = h("button", { onclick: () => load(false) }, words.older);
  let lines = [];

  async function read(anew) {
    const after = anew ? "" : `&after=${lines.at(-1).id}`;
    const who = wanted.value.trim() ? `&who=${encodeURIComponent(wanted.value.trim())}` : "";
    const page = await get(`/admin/audit?limit=50${who}${after}`);
    lines = anew ? page.data : [...lines, ...page.data];
    more.hidden = !page.has_more;
    list.show(lines);
  }

  const load = (anew) => read(anew).catch((error) => failed.replaceChildren(trouble(error)));
  await read(true);
  return [h("p", { class: "soft" }, words.auditHint), h("p", {}, wanted), failed, list.view, h("p", {}, more)];
}
