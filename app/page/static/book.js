// A book: what it is, its chapters, its learning, and its versions.

import { call, get } from "./api.js";
import { fill, h, trouble } from "./elements.js";
import { beingLearned, learningView } from "./learning.js";
import { versionsView } from "./versions.js";
import { words } from "./words.js";

export async function bookView({ root, gone }, id) {
  const book = await get(`/books/${id}`);
  if (gone.aborted) return;
  const versions = h("section");
  const learning = h("section");
  const again = () => versionsView(versions, book.id, gone);

  function follow(job) {
    fill(learning, learningView(job, gone, again));
  }

  const learn = h("button", { onclick: async () => {
    learn.disabled = true;
    try {
      follow((await call("POST", `/books/${book.id}/versions`, {})).job.id);
    } catch (error) {
      fill(learning, trouble(error));
    }
    learn.disabled = false;
  } }, words.learnAgain);

  fill(root,
    h("h1", {}, book.title),
    h("p", { class: "soft" }, [book.author && words.byAuthor(book.author), book.language, book.format, words.passages(book.passages), words.states[book.state]].filter(Boolean).join(" · ")),
    h("p", {}, book.tags.map((tag) => [h("span", { class: "tag" }, tag), " "])),
    h("div", { class: "row" },
      h("a", { class: "button", href: `#/?book=${book.id}` }, words.ask),
      h("a", { class: "button", href: `#/read/${book.id}?start=0&end=0` }, words.read), learn),
    book.warnings.length > 0 && h("div", { class: "card notice" }, h("h2", {}, words.warnings), h("ul", {}, book.warnings.map((each) => h("li", {}, each)))),
    learning, versions,
    h("h2", {}, words.chapters),
    h("ol", {}, book.chapters.map((chapter) => h("li", {},
      h("a", { href: `#/read/${book.id}?start=${chapter.start}&end=${chapter.start}` }, chapter.title || words.untitled)))));
  if (beingLearned(book)) follow(book.job);
  await again();
}
