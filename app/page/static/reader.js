// The book at a place: the passage that was read, with the sentence that says the answer highlighted.

import { readAt } from "./answer.js";
import { get, send } from "./api.js";
import { fill, h } from "./elements.js";
import { forThePage } from "./shortcuts.js";
import { threadAt, threadOf } from "./threads.js";
import { words } from "./words.js";

// A book without chapters is shown in pieces of so many characters.
const PIECE = 30_000;

export async function readerView({ root, gone, query }, id) {
  const [book, response, thread] = await Promise.all([
    get(`/books/${id}`), send("GET", `/books/${id}/text`), threadOf(query.get("thread"))]);
  // The service counts characters, JavaScript halves of some: an array counts as the service does.
  const text = Array.from(await response.text());
  if (gone.aborted) return;
  const [start, end, from, to] = ["start", "end", "from", "to"].map((name) => Number(query.get(name) ?? NaN));
  const pieces = cut(book.chapters, text.length);
  let shown = Math.max(0, pieces.findLastIndex((piece) => piece.start <= start));

  const page = h("article", { class: "reader", lang: book.language });
  const contents = h("select", { "aria-label": words.chapters, onchange: () => open(Number(contents.value)) },
    pieces.map((piece, at) => h("option", { value: at }, piece.title || words.untitled)));
  const before = h("button", { onclick: () => open(shown - 1) }, words.chapterBefore);
  const behind = h("button", { onclick: () => open(shown + 1) }, words.chapterNext);

  function open(at) {
    shown = at;
    contents.value = String(at);
    before.disabled = at === 0;
    behind.disabled = at === pieces.length - 1;
    fill(page, h("h1", {}, pieces[at].title || book.title), paragraphs(text, pieces[at], [start, end], [from, to]));
    scrollTo(0, 0);
  }

  const { answer, gone: left } = thread?.turns.find((turn) => turn.answer.id === query.get("answer")) ?? {};
  const cited = answer ? answer.citations.filter((one) => one.book === id && !left.includes(one.passage)) : [];
  const here = cited.findIndex((one) => one.start === start);
  const go = (step) => {
    location.replace(readAt(cited[(here + step + cited.length) % cited.length], answer));
  };
  const walk = here >= 0 && cited.length > 1 && [
    h("span", { class: "soft grow" }, words.citationOf(here + 1, cited.length)),
    h("button", { title: words.byKey("p"), onclick: () => go(-1) }, words.previous), h("button", { title: words.byKey("n"), onclick: () => go(1) }, words.next)];
  if (walk) {
    addEventListener("keydown", (event) => {
      if (!forThePage(event)) return;
      if (event.key === "n") go(1);
      if (event.key === "p") go(-1);
    }, { signal: gone });
  }

  fill(root, h("div", { class: "row" },
    h("a", { href: `#/books/${id}` }, book.title), h("span", { class: "grow" }), contents),
  page, h("div", { class: "sticky row" }, before, behind, walk, answer && h("a", { href: threadAt(thread.id) }, answer.question)));
  open(shown);
  (page.querySelector("mark") || page.querySelector(".passage"))?.scrollIntoView({ block: "center" });
}

/** The chapters that have text, or pieces of a book that has none; each {title, start, end}. */
function cut(chapters, length) {
  const found = [];
  for (const chapter of chapters) {
    for (let start = chapter.start; start < chapter.end; start += PIECE) {
      found.push({ title: chapter.title, start, end: Math.min(chapter.end, start + PIECE) });
    }
  }
  return found.length ? found : [{ title: "", start: 0, end: length }];
}

/** A piece of text in paragraphs, with the passage and its sentence set off, wherever these begin and end. */
function paragraphs(text, piece, passage, sentence) {
  const found = [];
  let begin = piece.start;
  for (let at = piece.start; at <= piece.end; at += 1) {
    const ends = at === piece.end || (text[at] === "\n" && text[at + 1] === "\n");
    if (!ends || at <= begin) continue;
    const marks = [begin, at, ...passage, ...sentence].filter((mark) => mark >= begin && mark <= at).sort((a, b) => a - b);
    const runs = marks.slice(1).map((end, index) => {
      const start = marks[index];
      const run = text.slice(start, end).join("");
      if (!run) return null;
      if (start >= sentence[0] && end <= sentence[1]) return h("mark", {}, run);
      if (start >= passage[0] && end <= passage[1]) return h("span", { class: "passage", title: words.passageHere }, run);
      return run;
    });
    if (text.slice(begin, at).some((character) => character.trim())) found.push(h("p", {}, runs));
    begin = at;
    while (begin < piece.end && text[begin] === "\n") begin += 1;
  }
  return found;
}
