// A book: what it is, its chapters, its learning, and its versions.

import { about, edited, tags } from "./about.js";
import { call, get } from "./api.js";
import { fill, h, trouble } from "./elements.js";
import { goingOn, learningView } from "./learning.js";
import { versionsView } from "./versions.js";
import { words } from "./words.js";

// More chapters than these are folded away, so that the versions are not out of sight.
const OPEN_CHAPTERS = 12;

export async function bookView({ root, gone }, id) {
  let book = await get(`/books/${id}`);
  if (gone.aborted) return;
  const named = h("section");
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

  async function edit() {
    try {
      book = (await edited(book)) ?? book;
      name();
    } catch (error) {
      fill(learning, trouble(error));
    }
  }

  function name() {
    fill(named, h("h1", {}, book.title), about(book, words.states[book.state]), book.tags.length > 0 && h("p", {}, tags(book)));
  }

  name();
  const chapters = h("ol", { class: "chapters" }, book.chapters.map((chapter) => h("li", {},
    h("a", { href: `#/read/${book.id}?start=${chapter.start}&end=${chapter.start}` }, chapter.title || words.untitled))));
  fill(root, named,
    h("div", { class: "row" },
      h("a", { class: "button", href: `#/?book=${book.id}` }, words.ask),
      h("a", { class: "button", href: `#/read/${book.id}?start=0&end=0` }, words.read),
      h("a", { class: "button", href: `#/books/${book.id}/questions` }, words.questions),
      learn, h("button", { onclick: edit }, words.edit)),
    book.warnings.length > 0 && h("div", { class: "card notice" }, h("h2", {}, words.warnings), h("ul", {}, book.warnings.map((each) => h("li", {}, each))), h("p", { class: "soft" }, words.warningsTodo)),
    learning, versions,
    h("h2", {}, words.chapters),
    book.chapters.length > OPEN_CHAPTERS ? h("details", {}, h("summary", {}, words.chapterCount(book.chapters.length)), chapters) : chapters);
  const [now] = await goingOn(id);
  if (now && !gone.aborted) follow(now.id);
  await again();
}
