// The questions that versions of a book learn from: seen, corrected, added, removed.

import { call, get } from "./api.js";
import { dialog } from "./dialog.js";
import { fill, h, trouble } from "./elements.js";
import { words } from "./words.js";

const PAGE = 50;

export async function questionsView({ root, gone }, id) {
  const book = await get(`/books/${id}`);
  if (gone.aborted) return;
  const url = `/books/${id}/questions`;
  const failed = h("div");
  const list = h("ul", { class: "questions" });
  const none = h("p", { class: "soft" });
  const pick = (name, all, choices) => h("select", { "aria-label": name, onchange: () => load() },
    h("option", { value: "" }, all), Object.entries(choices).map(([value, told]) => h("option", { value }, told)));
  const kind = pick(words.kind, words.allKinds, words.kinds);
  const source = pick(words.source, words.allSources, words.sources);
  const more = h("button", { onclick: () => told(read(false)) }, words.moreQuestions);
  let last = null;

  /** What happens, with its trouble told. */
  async function told(happens) {
    fill(failed);
    await happens.catch((error) => fill(failed, trouble(error)));
  }

  const load = () => told(read(true));

  async function read(anew) {
    const query = new URLSearchParams({ limit: PAGE });
    if (kind.value) query.set("kind", kind.value);
    if (source.value) query.set("source", source.value);
    if (!anew) query.set("after", last);
    const page = await get(`${url}?${query}`);
    if (gone.aborted) return;
    if (anew) fill(list);
    list.append(...page.data.map(item));
    last = page.data.at(-1)?.id ?? last;
    more.hidden = !page.has_more;
    none.textContent = list.childElementCount ? "" : kind.value || source.value ? words.noneOfKind : words.noQuestions;
  }

  function item(one) {
    const place = [words.kinds[one.kind] ?? one.kind, words.sources[one.source], one.chapter, one.first_page && words.page(one.first_page)].filter(Boolean).join(" · ");
    const shown = h("li", { id: one.id }, h("p", { class: "what" }, one.text), h("p", {}, one.answer),
      h("div", { class: "row" }, h("small", { class: "grow" }, place, " · ", h("a", { href: `#/read/${id}?start=${one.start}&end=${one.end}`, "aria-label": words.placeOf(one.text) }, words.place)),
        h("button", { class: "plain", "aria-label": `${words.correct}: ${one.text}`, onclick: () => told(correct(one, shown)) }, words.correct),
        h("button", { class: "plain", "aria-label": `${words.remove}: ${one.text}`, onclick: () => told(remove(one, shown)) }, words.remove)));
    return shown;
  }

  const change = (...changes) => call("PATCH", url, { changes });

  async function correct(one, shown) {
    const given = await dialog(words.correct, null,
      { text: h("textarea", { rows: 2, required: true, value: one.text }), answer: h("textarea", { rows: 2, required: true, value: one.answer }) },
      { text: words.questionWord, answer: words.answerWord }, words.keep);
    if (given) shown.replaceWith(item((await change({ change: "correct", id: one.id, ...given })).questions[0]));
  }

  async function remove(one, shown) {
    if (!(await dialog(words.remove, [h("p", {}, one.text), h("p", { class: "soft" }, words.removeQuestion)], {}, {}, words.remove))) return;
    await change({ change: "remove", id: one.id });
    shown.remove();
  }

  const text = h("input", { required: true });
  const answer = h("input", { required: true });
  const own = h("form", { class: "card", onsubmit: (event) => { event.preventDefault(); told(add()); } },
    h("h2", {}, words.ownQuestion), h("div", { class: "grid" }, h("label", {}, words.questionWord, text), h("label", {}, words.answerWord, answer)),
    h("p", { class: "soft" }, words.ownHint), h("p", {}, h("button", {}, words.addQuestion)));

  async function add() {
    const { questions } = await change({ change: "add", text: text.value, answer: answer.value });
    text.value = answer.value = "";
    list.prepend(...questions.map(item));
    none.textContent = "";
    text.focus();
  }

  fill(root, h("p", {}, h("a", { href: `#/books/${id}` }, `‹ ${book.title}`)), h("h1", {}, words.questions), h("p", { class: "soft" }, words.questionsHint),
    h("div", { class: "row" }, kind, source), failed, none, list, h("p", {}, more), own);
  await load();
}
