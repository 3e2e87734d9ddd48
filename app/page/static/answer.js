// An answer: what was said, how sure, who voted how, and the places that say so.

import { bar, fill, h } from "./elements.js";
import { sharesView } from "./shares.js";
import { words } from "./words.js";

const OPEN = 2;

/** The address of the reader at a place of an answer. */
export function readAt(one, answer) {
  const support = one.support ? `&from=${one.support.start}&to=${one.support.end}` : "";
  return `#/read/${one.book}?thread=${answer.thread ?? ""}&answer=${answer.id ?? ""}&start=${one.start}&end=${one.end}${support}`;
}

/** An answer, or what is heard so far of one that is `unfinished`; passages that are `gone` cannot be opened. */
export function answerView(answer) {
  const list = h("ol", { class: "citations" });
  const chosen = { passage: null };
  const point = (passage) => {
    chosen.passage = chosen.passage === passage ? null : passage;
    for (const item of view.querySelectorAll("[data-passage]")) {
      const on = chosen.passage !== null && item.dataset.passage === String(chosen.passage);
      if (item.tagName === "BUTTON") item.setAttribute("aria-pressed", String(on));
      else item.classList.toggle("chosen", on);
      if (on && item.tagName === "LI" && item.closest("details")) item.closest("details").open = true;
    }
  };
  const view = h("article", { class: "card answer", "data-unfinished": answer.unfinished || null });
  const abstained = answer.abstained;
  const items = answer.citations.map((one, at) => citation(one, at, answer));
  const numbers = new Map(answer.citations.map((one, at) => [one.passage, at + 1]));
  fill(list, items.slice(0, OPEN));
  fill(view,
    h("p", { class: "said" }, answer.answer ?? words.noAnswer),
    abstained ? [h("p", {}, abstained.detail), h("p", { class: "soft" }, words.notGiven(abstained.answer))] : sure(answer),
    notes(answer).map((note) => h("p", { class: "warn" }, note)),
    answer.votes.length > 0 && [h("h2", {}, words.votes), votes(answer, numbers, point), !answer.unfinished && sharesView(answer, numbers)],
    answer.citations.length > 0 && !answer.unfinished && [
      h("h2", {}, abstained ? words.closest : words.citations), list,
      items.length > OPEN && h("details", {}, h("summary", {}, words.more(items.length - OPEN)), h("ol", { class: "citations" }, items.slice(OPEN)))],
    answer.timings && h("p", { class: "soft" }, footing(answer)));
  return view;
}

function sure(answer) {
  const told = answer.calibrated ? words.probably(answer.confidence) : words.agreement(answer.confidence);
  const word = answer.calibrated ? `${words.confidence(answer.confidence)}: ` : "";
  return h("p", {}, bar(answer.confidence, "meter"), " ", word, told);
}

function notes(answer) {
  const kind = answer.degraded?.split(":")[0];
  const degraded = answer.degraded && (words.degraded[kind] ?? answer.degraded);
  const alone = kind === "unembedded" && !answer.versions.length && !answer.left_out?.length;
  return [alone && words.degraded.untrained, degraded, ...(answer.left_out || []).map((each) => each.detail)].filter(Boolean);
}

function votes(answer, numbers, point) {
  return h("ul", { class: "votes" }, answer.votes.map((vote) => h("li", {},
    h("span", { class: "what" }, vote.answer || "–"), bar(vote.share), h("span", { class: "share" }, words.share(vote.share)),
    h("span", { class: "dots" }, vote.candidates.map((one) => {
      const told = words.voter(one.member, one.version, numbers.get(one.passage), one.text);
      return h("button", {
        type: "button", title: told, "aria-label": told, "aria-pressed": "false", "data-passage": one.passage ?? null,
        onclick: () => point(one.passage),
      }, numbers.get(one.passage) ?? "·");
    })))));
}

function citation(one, at, answer) {
  const place = [one.title, one.chapter, one.page && words.page(one.page)].filter(Boolean).join(" · ");
  return h("li", { "data-passage": one.passage },
    h("h3", {}, `${at + 1}. ${place}`), h("q", {}, marked(one)), " ",
    answer.gone?.includes(one.passage) ? h("span", { class: "warn" }, words.gone) : h("a", { href: readAt(one, answer) }, words.open));
}

/** A passage, shortened around the sentence that says the answer, which is marked. */
function marked(one) {
  if (!one.support) return shortened(one.text, 320);
  const text = Array.from(one.text);
  const [from, to] = [one.support.start - one.start, one.support.end - one.start];
  const before = text.slice(0, from).join("");
  const after = text.slice(to).join("");
  return [before.length > 160 ? `…${before.slice(-160)}` : before, h("mark", {}, one.support.text), shortened(after, 160)];
}

function shortened(text, most) {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

function footing(answer) {
  const titles = new Map(answer.citations.map((one) => [one.book, one.title]));
  const by = answer.versions.map((one) => `${titles.get(one.book) ?? one.book} v${one.version}`).join(", ");
  return `${words.by(by || words.bare)} · ${words.took(answer.timings.total)}`;
}
