// Asking: one box, the answer as it comes, and what was asked before.

import { all, events, Problem } from "./api.js";
import { answerView } from "./answer.js";
import { fill, h, save, trouble } from "./elements.js";
import { addSample, dropZone } from "./adding.js";
import { asMarkdown, earlier, forget, keep } from "./threads.js";
import { words } from "./words.js";

export async function askView({ root, gone, query }) {
  const books = await all("/books");
  if (gone.aborted) return;
  if (!books.length) return welcome(root);
  const shown = h("div", { "aria-live": "polite" });
  const question = h("textarea", { rows: 1, placeholder: words.questionHint, "aria-label": words.question, required: true });
  const where = h("select", {}, h("option", { value: "" }, words.anyBook), books.map((book) => h("option", { value: book.id }, book.title)));
  where.value = query.get("book") || "";
  const go = h("button", { class: "main" }, words.askIt);
  const history = h("section");
  let running = null;

  async function ask(event) {
    event.preventDefault();
    const text = question.value.trim();
    if (running) return running.abort();
    if (!text) return;
    running = new AbortController();
    gone.addEventListener("abort", () => running?.abort());
    go.textContent = words.stop;
    try {
      const answer = await stream(text, where.value, running.signal, shown);
      keep(answer);
      fillHistory();
    } catch (error) {
      if (error.name !== "AbortError") fill(shown, h("div", { class: "card notice bad", role: "alert" }, error.message));
      else fill(shown);
    }
    running = null;
    go.textContent = words.askIt;
  }

  function fillHistory() {
    const known = earlier();
    fill(history, known.length > 0 && [
      h("h2", {}, words.earlier),
      h("ul", { class: "history" }, known.map((answer) => h("li", {},
        h("button", { class: "plain", onclick: () => { fill(shown, answerView(answer)); scrollTo(0, 0); } }, answer.question),
        h("small", {}, " ", answer.answer ?? words.noAnswer)))),
      h("div", { class: "row" },
        h("button", { onclick: () => save(new Blob([asMarkdown(known)], { type: "text/markdown" }), "bookchorus.md") }, words.exportThreads),
        h("button", { onclick: () => { forget(); fillHistory(); } }, words.clear))]);
  }

  question.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) ask(event);
  });
  fill(root, h("h1", {}, words.welcome),
    h("form", { class: "box", onsubmit: ask }, question,
      h("div", { class: "row" }, h("label", { class: "grow row" }, words.where, where), go)),
    shown, history);
  fillHistory();
  const again = earlier().find((answer) => answer.id === query.get("answer"));
  if (again) {
    question.value = again.question;
    fill(shown, answerView(again));
  }
  question.focus();
}

/** Ask and show each step; the answer. */
async function stream(question, book, signal, shown) {
  fill(shown, h("p", { class: "soft busy" }, words.asking));
  let citations = [];
  const json = { question, stream: true, ...(book ? { books: [book] } : {}) };
  for await (const { event, data } of events("POST", "/ask", { json, signal })) {
    if (event === "error") throw new Problem(data.status, data);
    if (event === "answer") {
      fill(shown, answerView(data));
      return data;
    }
    if (event === "retrieved") citations = data.citations;
    const busy = h("p", { class: "soft busy" }, words.reading(citations.length));
    if (event === "heard") fill(shown, busy, answerView({ ...data, citations, question, unfinished: true }));
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

