// Two versions side by side, on questions of one's own.

import { call } from "./api.js";
import { fill, h, trouble } from "./elements.js";
import { table } from "./tables.js";
import { words } from "./words.js";

export function comparing(book, versions) {
  const pick = (at, name) => {
    const select = h("select", { "aria-label": name }, versions.filter((one) => one.state !== "pruned").map((one) => h("option", { value: one.number }, words.version(one.number))));
    select.selectedIndex = Math.min(at, select.options.length - 1);
    return select;
  };
  const [first, second] = [pick(1, words.compare), pick(0, words.compareWith)];
  const questions = h("textarea", { rows: 3 });
  const found = h("div", { "aria-live": "polite" });
  const run = h("button", { onclick: async () => {
    run.disabled = true;
    fill(found, h("p", { class: "soft busy" }, words.comparing));
    const asked = questions.value.split("\n").map((line) => line.trim()).filter(Boolean);
    try {
      const json = { versions: [Number(first.value), Number(second.value)], ...(asked.length ? { questions: asked } : {}) };
      fill(found, compared(await call("POST", `/admin/books/${book}/compare`, json)));
    } catch (error) {
      fill(found, trouble(error));
    }
    run.disabled = false;
  } }, words.run);
  return h("details", {}, h("summary", {}, words.compare),
    h("div", { class: "row" }, first, words.compareWith, second), h("label", {}, words.compareQuestions, questions), h("p", {}, run), found);
}

function compared({ versions, questions }) {
  const answers = versions.map((one, at) => [words.version(one.number), null, ({ answers }) =>
    [answers[at].answer || words.noneGiven, h("div", { class: "soft" }, words.sure(answers[at].confidence))]]);
  const list = table(words.compare, [[words.questionWord, null, (asked) => [asked.question, asked.expected && h("div", { class: "soft" }, `${words.expected}: ${asked.expected}`)]], ...answers]);
  list.show(questions);
  return list.view;
}
