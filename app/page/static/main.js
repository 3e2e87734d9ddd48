// The page: what stands in the address behind # says which view is shown.

import { door } from "./api.js";
import { dialog } from "./dialog.js";
import { fill, h } from "./elements.js";
import { listen, showKeys } from "./shortcuts.js";
import { words } from "./words.js";

// A view comes with its modules when it is shown for the first time, so that the first of all is there soon.
const VIEWS = [
  [/^\/$/, async () => (await import("./ask.js")).askView, "/"],
  [/^\/library$/, async () => (await import("./library.js")).libraryView, "/library"],
  [/^\/books\/([^/]+)$/, async () => (await import("./book.js")).bookView, "/library"],
  [/^\/books\/([^/]+)\/questions$/, async () => (await import("./questions.js")).questionsView, "/library"],
  [/^\/read\/([^/]+)$/, async () => (await import("./reader.js")).readerView, "/library"],
  [/^\/admin\/?(\w*)$/, async () => (await import("./admin.js")).adminView, "/admin"],
];
const main = document.querySelector("main");
let leaving = new AbortController();

/** Show the view of the address; the one before is told that it is gone. */
async function show() {
  leaving.abort();
  const here = (leaving = new AbortController());
  const [path, query = ""] = (location.hash.slice(1) || "/").split("?");
  const [pattern, view, place] = VIEWS.find(([each]) => each.test(path)) || [null, async () => nothing, ""];
  for (const link of document.querySelectorAll("header nav a")) {
    if (link.getAttribute("href") === `#${place}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const parts = pattern ? pattern.exec(path).slice(1).map(decodeURIComponent) : [];
  const root = h("div");
  fill(main, root);
  fill(root, h("h1", { class: "hidden" }, "Bookchorus"), h("p", { class: "soft busy" }, words.loading));
  try {
    await (await view())({ root, gone: here.signal, query: new URLSearchParams(query) }, ...parts);
  } catch (error) {
    if (here.signal.aborted) return;
    fill(root, h("h1", { class: "hidden" }, "Bookchorus"), failure(error), h("button", { onclick: show }, words.tryAgain));
  }
  if (here.signal.aborted) return;
  const heading = root.querySelector("h1:not(.hidden)");
  document.title = heading ? `${heading.textContent} · Bookchorus` : "Bookchorus";
  if (!root.contains(document.activeElement)) main.focus({ preventScroll: true });
}

function failure(error) {
  return h("div", { class: "card notice bad", role: "alert" }, h("h2", {}, words.failed), h("p", {}, error.message));
}

async function nothing({ root }) {
  fill(root, h("h1", {}, words.notFound));
}

door.ask = (problem) =>
  dialog(words.keyWanted, [h("p", { class: "soft" }, problem.message), h("p", { class: "soft" }, words.keyHint)], {
    key: h("input", { type: "password", autocomplete: "off", required: true }),
  }, { key: words.key }, words.enter).then((given) => given && given.key.trim());

document.querySelector(".skip").textContent = words.skip;
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
fill(document.querySelector("nav"),
  [["/", words.ask], ["/library", words.library], ["/admin", words.admin]].map(([to, name]) => h("a", { href: `#${to}` }, name)));
document.querySelector("nav").setAttribute("aria-label", "Bookchorus");
document.querySelector("header").append(h("button", { class: "plain", title: words.shortcuts, "aria-label": words.shortcuts, onclick: showKeys }, "?"));
listen();
addEventListener("hashchange", show);
show();
