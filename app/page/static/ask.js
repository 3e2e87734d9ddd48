// Asking: what was asked before in the thread, the answer as it comes, one box, and other threads.

import { all, events, Problem } from "./api.js";
import { answerView } from "./answer.js";
import { fill, h, trouble } from "./elements.js";
import { addSample, dropZone } from "./adding.js";
import { threadAt, threadList, threadOf, threadTools } from "./threads.js";
import { words } from "./words.js";

export async function askView({ root, gone, query }) {
  const [books, opened] = await Promise.all([all("/books"), threadOf(query.get("thread"))]);
  if (gone.aborted) return;
  if (!books.length && !opened) return welcome(root);
  const title = h("h1");
  const tools = h("div");
  const turns = h("section", { "aria-live": "polite" });
  const shown = h("div", { "aria-live": "polite" });
  const question = h("textarea", { rows: 1, "aria-label": words.question, required: true });
  const anyBook = h("option", { value: "" });
  const where = h("select", {}, anyBook, books.map((book) => h("option", { value: book.id }, book.title)));
  where.value = query.get("book") || "";
  const go = h("button", { class: "main" }, words.askIt);
  const others = threadList(gone);
  let thread = null;
  let running = null;

  /** Show that the thread of this id and title is the one that questions follow in. */
  function goOn(id, name) {
    thread = id;
    title.textContent = name || words.untitledThread;
    fill(tools, threadTools({ id, title: name }, shown, (given) => { goOn(id, given); others.load(); }));
    anyBook.textContent = words.sameBook;
    question.placeholder = words.followUpHint;
  }

  async function ask(event) {
    event.preventDefault();
    const text = question.value.trim();
    if (running) return running.abort();
    if (!text) return;
    running = new AbortController();
    gone.addEventListener("abort", () => running?.abort());
    go.textContent = words.stop;
    try {
      const answer = await stream({ question: text, thread: thread ?? "new", ...(where.value && { books: [where.value] }) }, running.signal, shown);
      if (!thread) {
        history.replaceState(null, "", threadAt(answer.thread));
        goOn(answer.thread, answer.question);
      }
      const latest = turnView({ answer, gone: [] });
      turns.append(latest);
      fill(shown);
      question.value = where.value = "";
      latest.scrollIntoView({ block: "start" });
      others.load();
    } catch (error) {
      if (error.name !== "AbortError") fill(shown, h("div", { class: "card notice bad", role: "alert" }, error.message));
      else fill(shown);
    }
    running = null;
    go.textContent = words.askIt;
  }

  question.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) ask(event);
  });
  title.textContent = words.welcome;
  anyBook.textContent = words.anyBook;
  question.placeholder = words.questionHint;
  if (opened) {
    goOn(opened.id, opened.title);
    fill(turns, opened.turns.map(turnView));
  } else if (query.get("thread")) fill(shown, h("p", { class: "warn" }, words.threadGone));
  fill(root, title, tools, turns, shown,
    h("form", { class: "box", onsubmit: ask }, question,
      h("div", { class: "row" }, h("label", { class: "grow row" }, words.where, where), go)),
    others.view);
  question.focus({ preventScroll: true });
  await others.load();
}

/** A question of a thread and its answer; places that are `gone` lead nowhere. */
function turnView({ answer, gone }) {
  return h("section", { class: "turn" }, h("h2", {}, answer.question), answerView({ ...answer, gone }));
}

/** Ask and show each step; the answer. */
async function stream(asked, signal, shown) {
  fill(shown, h("p", { class: "soft busy" }, words.asking));
  let citations = [];
  for await (const { event, data } of events("POST", "/ask", { json: { ...asked, stream: true }, signal })) {
    if (event === "error") throw new Problem(data.status, data);
    if (event === "answer") return data;
    if (event === "retrieved") citations = data.citations;
    const busy = h("p", { class: "soft busy" }, words.reading(citations.length));
    if (event === "heard") fill(shown, busy, answerView({ ...data, citations, question: asked.question, unfinished: true }));
    else fill(shown, busy);
  }
  throw new Problem(0, { detail: words.failed });
}

function welcome(root) {
  const said = h("div", { "aria-live": "polite" });
  const sample = h("button", { class: "main", onclick: async () => {
    sample.disabled = true;
    try {
      const { book } = await addSample();
      location.hash = `#/books/${book.id}`;
    } catch (error) {
      sample.disabled = false;
      fill(said, trouble(error));
    }
  } }, words.sample);
  fill(root, h("h1", {}, words.welcome), h("p", {}, words.welcomeText), h("p", {}, sample), said, dropZone(() => { location.hash = "#/library"; }));
}
