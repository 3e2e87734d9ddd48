// The versions of a book as a timeline; which one answers, and who said so.

import { all, call, get, send } from "./api.js";
import { comparing } from "./comparing.js";
import { curvesView } from "./curves.js";
import { dialog } from "./dialog.js";
import { fill, h, save } from "./elements.js";
import { adds, date, harms, loss } from "./figures.js";
import { words } from "./words.js";

/** Show the versions of a book in an element, and what is `told` of them; again after each change. */
export async function versionsView(root, book, gone, told = null) {
  const versions = await all(`/admin/books/${book}/versions`);
  const aliases = await get(`/admin/books/${book}/aliases?limit=100`);
  if (gone.aborted) return;
  const champion = aliases.aliases.champion;
  const failed = h("p", { class: "bad", role: "alert" });

  async function change(title, about, fields, labels, act) {
    const given = await dialog(title, about, fields, labels, words.confirm);
    if (!given) return;
    try {
      await versionsView(root, book, gone, await act(given));
    } catch (error) {
      failed.textContent = error.message;
    }
  }

  const promote = (number) => change(words.promote, h("p", {}, words.version(number)),
    { why: h("input", { maxlength: 500 }), force: h("input", { type: "checkbox" }) }, { why: words.why, force: words.force },
    async ({ why, force }) => {
      const { moved } = await call("PUT", `/admin/books/${book}/aliases/champion`, { version: number, why: why || null, force });
      return moved ? null : words.championAlready(number);
    });
  const rollback = () => change(words.rollback, null, { why: h("input", { maxlength: 500 }) }, { why: words.why },
    async ({ why }) => { await call("POST", `/admin/books/${book}/aliases/champion/rollback`, { why: why || null }); });

  const item = (version) => {
    const chosen = version.number === champion;
    const silent = harms(version.metrics.adds) || version.refused;
    return h("li", { class: chosen ? "champion" : null },
      h("h3", {}, words.version(version.number), " ", chosen && h("span", { class: "tag" }, silent ? words.silentChampion : words.champion), " ",
        version.state !== "live" && h("span", { class: "warn" }, words[version.state])),
      h("p", {}, words.madeOf(version.members.length, version.recipe.method ?? "–", date(version.created_at)), " · ",
        loss(version), " · ", words.adds, " ", adds(version.metrics.adds), version.metrics.adds && [" ", h("span", { class: "whole" }, words.toAnswers)]),
      version.refused && h("p", { class: "warn" }, version.refused),
      curves(version),
      version.state !== "pruned" && h("div", { class: "row" },
        !chosen && h("button", { onclick: () => promote(version.number) }, words.promote),
        h("button", { class: "plain", onclick: () => download(version) }, words.exportVersion)));
  };

  /** Versions and the moves of names between them, newest first; `latest` only ever follows the newest version. */
  function timeline() {
    const moves = aliases.history.filter((one) => one.alias !== "latest");
    const entries = [...moves.map((one) => [one.at, 1, move(one)]), ...versions.map((one) => [one.created_at, 0, item(one)])];
    return entries.sort((a, b) => b[0] - a[0] || b[1] - a[1]).map(([, , shown]) => shown);
  }

  const move = (one) => h("li", { class: "move" }, words.moved(one.alias, one.from, one.to, one.rollback), " ",
    h("small", {}, words.movedBy(one.who, date(one.at))), one.why && h("q", {}, one.why));

  function curves(version) {
    const inside = h("div");
    return h("details", { ontoggle: async (event) => {
      if (!event.target.open || inside.childElementCount) return;
      const whole = await get(`/admin/books/${book}/versions/${version.number}`);
      fill(inside, curvesView(whole.members.map((member) => member.curve || []), null));
    } }, h("summary", {}, words.showCurves), inside);
  }

  async function download(version) {
    try {
      const archive = await send("GET", `/admin/books/${book}/versions/${version.number}/export`);
      save(await archive.blob(), `${book}-v${version.number}.zip`);
    } catch (error) {
      failed.textContent = error.message;
    }
  }

  function importing() {
    const file = h("input", { type: "file", accept: ".zip", required: true, "aria-label": words.importFile });
    const [promoted, forced] = [h("input", { type: "checkbox" }), h("input", { type: "checkbox" })];
    const go = h("button", {}, words.importIt);
    const form = h("form", { onsubmit: async (event) => {
      event.preventDefault();
      go.disabled = true;
      fill(failed);
      try {
        await send("POST", `/admin/books/${book}/versions/import?promote=${promoted.checked}&force=${forced.checked}`, { body: file.files[0] });
        await versionsView(root, book, gone);
      } catch (error) {
        failed.textContent = error.message;
        go.disabled = false;
      }
    } }, h("p", { class: "soft" }, words.importHint), h("p", {}, file),
      h("label", { class: "row" }, promoted, words.importPromote), h("label", { class: "row" }, forced, words.importForce), h("p", {}, go));
    return h("details", {}, h("summary", {}, words.importVersion), form);
  }

  fill(root, h("h2", {}, words.versions), failed, told && h("p", { role: "status" }, told),
    versions.length ? h("ol", { class: "timeline" }, timeline()) : h("p", { class: "soft" }, words.noVersions),
    aliases.has_more && h("p", { class: "soft" }, words.olderMoves),
    aliases.history.some((move) => move.alias === "champion" && move.from !== null) && h("p", {}, h("button", { onclick: rollback }, words.rollback)),
    versions.length > 1 && comparing(book, versions), importing());
}
