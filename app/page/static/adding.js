// Adding books: files that are dropped or chosen, and the sample.

import { send } from "./api.js";
import { fill, h, trouble } from "./elements.js";
import { dropped, isBook } from "./folders.js";
import { goesOn } from "./learning.js";
import { words } from "./words.js";

/** Send a file; what the service has of it now: {book, job}. */
export async function addFile(file, named = {}) {
  const form = new FormData();
  form.append("file", file);
  for (const [name, value] of Object.entries(named)) form.append(name, value);
  return (await send("POST", "/books", { body: form })).json();
}

/** The sample book, as if somebody had chosen its file. */
export async function addSample() {
  const { book, title, author } = await (await fetch("/page/sample/questions.json")).json();
  const text = await (await fetch(`/page/sample/${book}`)).blob();
  return addFile(new File([text], book), { title, author });
}

/** Where files and folders are dropped; `done` is called once all of them were sent. */
export function dropZone(done) {
  const told = h("ul", { class: "history", "aria-live": "polite" });
  const files = h("input", { type: "file", multiple: true, class: "hidden", onchange: () => take([...files.files]) });
  const folder = h("input", { type: "file", webkitdirectory: true, class: "hidden", onchange: () => take([...folder.files].filter((file) => isBook(file.webkitRelativePath))) });
  const zone = h("section", { class: "card drop" }, h("h2", {}, words.add), h("p", { class: "soft" }, words.drop),
    h("div", { class: "row middle" }, h("label", { class: "button" }, files, words.chooseFiles), h("label", { class: "button" }, folder, words.chooseFolder)), told);

  async function take(chosen) {
    let added = 0;
    if (!chosen.length) fill(told, h("li", { role: "alert" }, words.noneFound));
    for (const [at, file] of chosen.entries()) {
      const line = told.appendChild(h("li", { class: "busy" }, words.sending(file.name, at + 1, chosen.length)));
      line.scrollIntoView({ block: "nearest" });
      try {
        const { book, job } = await addFile(file);
        fill(line, goesOn(job) ? words.added(book.title) : words.known(book.title));
        added += 1;
      } catch (error) {
        fill(line, trouble(error, `${file.name}: `));
      }
      line.classList.remove("busy");
    }
    files.value = folder.value = "";
    if (added) done();
  }

  for (const kind of ["dragover", "dragleave", "drop"]) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.toggle("over", kind === "dragover");
      if (kind === "drop") dropped(event.dataTransfer).then(take, (error) => told.appendChild(h("li", {}, trouble(error))));
    });
  }
  return zone;
}
