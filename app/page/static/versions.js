// The versions of a book as a timeline; which one answers, and who said so.

import { all, call, get, send } from "./api.js";
import { comparing } from "./comparing.js";
import { curvesView } from "./curves.js";
import { dialog } from "./dialog.js";
import { fill, h, save } from "./elements.js";
import { adds, date, loss } from "./figures.js";
import { words } from "./words.js";

/** Show the versions of a book in an element; again after each change. */
export async function versionsView(root, book, gone) {
  const versions = await all(`/admin/books/${book}/versions`);
  const aliases = await get(`/admin/books/${book}/aliases`);
  if (gone.aborted) return;
  const champion = aliases.aliases.champion;
  const failed = h("p", { class: "bad", role: "alert" });

  async function change(title, told, fields, labels, act) {
    const given = await dialog(title, told, fields, labels, words.confirm);
    if (!given) return;
    try {
      await act(given);
      await versionsView(root, book, gone);
    } catch (error) {
      failed.textContent = error.message;
    }
  }

  const promote = (number) => change(words.promote, h("p", {}, words.version(number)),
    { why: h("input", { maxlength: 500 }), force: h("input", { type: "checkbox" }) }, { why: words.why, force: words.force },
    ({ why, force }) => call("PUT", `/admin/books/${book}/aliases/champion`, { version: number, why: why || null, force }));
  const rollback = () => change(words.rollback, null, { why: h("input", { maxlength: 500 }) }, { why: words.why },
    ({ why }) => call("POST", `/admin/books/${book}/aliases/champion/rollback`, { why: why || null }));

  const item = (version) => {
    const answers = version.number === champion;
    return h("li", { class: answers ? "champion" : null },
      h("h3", {}, words.version(version.number), " ", answers && h("span", { class: "tag" }, words.champion), " ",
        version.state !== "live" && h("span", { class: "warn" }, words[version.state])),
      h("p", {}, words.madeOf(version.members.length, version.recipe.method ?? "–", date(version.created_at)), " · ",
        loss(version), " · ", words.adds, " ", adds(version.metrics.adds), version.metrics.adds && ` ${words.toAnswers}`),
      version.refused && h("p", { class: "warn" }, version.refused),
      curves(version),
      version.state !== "pruned" && h("div", { class: "row" },
        !answers && h("button", { onclick: () => promote(version.number) }, words.promote),
        h("button", { class: "plain", onclick: () => download(version) }, words.exportVersion)));
  };

  function curves(version) {
    const inside = h("div");
    return h("details", { ontoggle: async (event) => {
      if (!event.target.open || inside.childElementCount) return;
      const whole = await get(`/admin/books/${book}/versions/${version.number}`);
      fill(inside, curvesView(whole.members.map((member) => member.curve || []), null));
    } }, h("summary", {}, words.showCurves), inside);
  }

  async function download(version) {
    const archive = await send("GET", `/admin/books/${book}/versions/${version.number}/export`);
    save(await archive.blob(), `${book}-v${version.number}.zip`);
  }

  fill(root, h("h2", {}, words.versions), failed,
    versions.length ? h("ol", { class: "timeline" }, versions.map(item)) : h("p", { class: "soft" }, words.noVersions),
    aliases.history.some((move) => move.alias === "champion" && move.from !== null) && h("p", {}, h("button", { onclick: rollback }, words.rollback)),
    aliases.history.length > 0 && h("details", {}, h("summary", {}, words.history),
      h("ul", { class: "history" }, aliases.history.map((move) => h("li", {},
        words.moved(move.alias, move.from, move.to, move.who), " ", h("small", {}, date(move.at), move.why && ` · ${move.why}`))))),
    versions.length > 1 && comparing(book, versions));
}
