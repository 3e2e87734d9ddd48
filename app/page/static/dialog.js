// A question in front of the page: what was given, or null where somebody thought better of it.

import { fill, h } from "./elements.js";
import { words } from "./words.js";

/** Ask with a title, what is told, and fields {name: input} with {name: label}. */
export function dialog(title, told, fields, labels, go) {
  const box = document.querySelector("dialog");
  return new Promise((settle) => {
    let given = null;
    const form = h("form", { method: "dialog", onsubmit: () => {
      given = Object.fromEntries(Object.entries(fields).map(([name, input]) => [name, input.type === "checkbox" ? input.checked : input.value]));
    } },
      h("h2", { id: "asked" }, title), told,
      Object.entries(fields).map(([name, input]) =>
        input.type === "checkbox" ? h("label", { class: "row" }, input, h("span", { class: "grow" }, labels[name])) : h("label", {}, labels[name], input)),
      h("div", { class: "row end" },
        h("button", { type: "button", onclick: () => box.close() }, words.cancel),
        h("button", { class: "main" }, go)));
    for (const input of form.querySelectorAll("input[type=checkbox]")) input.style.width = "auto";
    box.setAttribute("aria-labelledby", "asked");
    fill(box, form);
    box.addEventListener("close", () => settle(given), { once: true });
    box.showModal();
  });
}
