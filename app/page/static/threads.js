// Questions that follow one another, as the service keeps them.

import { call, get, send } from "./api.js";
import { dialog } from "./dialog.js";
import { fill, h, save, trouble } from "./elements.js";
import { words } from "./words.js";

const MOST = 20;
// How long the search waits for the next letter, in milliseconds.
const PAUSE = 250;

/** A thread with its turns; null where there is none of this id. */
export async function threadOf(id) {
  if (!id) return null;
  try {
    return await get(`/threads/${encodeURIComponent(id)}`);
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

/** The address of a thread in the page. */
export function threadAt(id) {
  return `#/?thread=${encodeURIComponent(id)}`;
}

/** What can be done with a thread; `renamed` is given its new title. */
export function threadTools(thread, said, renamed) {
  const path = `/threads/${thread.id}`;
  const tried = (work) => () => work().catch((error) => fill(said, trouble(error)));
  const rename = tried(async () => {
    const input = h("input", { maxlength: 200, value: thread.title.slice(0, 200) });
    const given = await dialog(words.rename, null, { title: input }, { title: words.threadTitle }, words.confirm);
    if (given) renamed((await call("PATCH", path, { title: given.title })).title);
  });
  const download = tried(async () => save(await (await send("GET", `${path}/export`)).blob(), `${thread.id}.md`));
  const remove = tried(async () => {
    if (!(await dialog(words.remove, h("p", {}, words.removeThread), {}, {}, words.remove))) return;
    await call("DELETE", path);
    location.hash = "#/";
  });
  return h("div", { class: "row" },
    h("a", { class: "button", href: "#/" }, words.newThread),
    h("button", { onclick: rename }, words.rename),
    h("button", { onclick: download }, words.saveThread),
    h("button", { onclick: remove }, words.remove));
}

/** The threads there are, and a search among them; `load` shows them anew. */
export function threadList(gone) {
  const list = h("ul", { class: "history" });
  const rest = h("div");
  const view = h("section", { hidden: true });
  const search = h("input", { type: "search", placeholder: words.searchThreads, "aria-label": words.searchThreads });
  let turn = 0;
  let timer = null;

  /** Show the first threads that fit, or those behind one of them. */
  async function load(after = null) {
    const mine = (turn += 1);
    const query = search.value.trim();
    const asked = new URLSearchParams({ query, limit: MOST, ...(after && { after }) });
    try {
      const page = await get(`/threads?${asked}`);
      if (mine !== turn || gone.aborted) return;
      if (!after) fill(list);
      list.append(...page.data.map(row));
      fill(rest, page.has_more && h("button", { onclick: () => load(page.data.at(-1).id) }, words.moreThreads),
        query && !page.data.length && h("p", { class: "soft" }, words.noThread));
      view.hidden = !query && !list.children.length;
    } catch (error) {
      if (!gone.aborted) fill(rest, trouble(error));
    }
  }

  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(load, PAUSE);
  });
  fill(view, h("h2", {}, words.earlier), h("p", {}, search), list, rest);
  return { view, load };
}

function row(thread) {
  const when = new Date(1000 * thread.changed_at).toLocaleDateString();
  return h("li", {},
    h("a", { href: threadAt(thread.id) }, thread.title || words.untitledThread),
    h("small", {}, ` ${words.questionCount(thread.questions)} · ${when}`));
}
