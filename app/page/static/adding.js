// Adding books: files that are dropped or chosen, and the sample.

import { send } from "./api.js";
import { fill, h, trouble } from "./elements.js";
import { goesOn } from "./learning.js";
import { words } from "./words.js";

/** Send a file; what the service has of it now: {book, job}. */
export async function addFile(file, named = {}) {
  const form = new FormData();
  form.append("file", file);
  for (const [name, value] of Object.entries(named)) form.append(name, value);
  return (await send("POST", "/books", { form })).json();
}

/** The sample book, as if somebody had chosen its file. */
export async function addSample() {
  const { book, title, author } = await (await fetch("/page/sample/questions.json")).json();
  const text = await (await fetch(`/page/sample/${book}`)).blob();
  return addFile(new File([text], book), { title, author });
}

/** Where files are dropped; `done` is called once all of them were sent. */
export function dropZone(done) {
  const told = h("ul", { class: "history", "aria-live": "polite" });
  const input = h("input", { type: "file", multiple: true, "aria-label": words.add, onchange: () => take([...input.files]) });
  const zone = h("section", { class: "card drop" }, h("h2", {}, words.add), h("p", { class: "soft" }, words.drop), input, told);

  async function take(files) {
    let added = 0;
    for (const file of files) {
      const line = told.appendChild(h("li", { class: "busy" }, words.dropped(file.name)));
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
    input.value = "";
    if (added && added === files.length) done();
  }

  for (const kind of ["dragover", "dragleave", "drop"]) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.toggle("over", kind === "dragover");
      if (kind === "drop") take([...event.dataTransfer.files]);
    });
  }
  return zone;
}
