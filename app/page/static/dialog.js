// A question in front of the page: what was given, or null where somebody thought better of it.

import { fill, h } from "./elements.js";
import { words } from "./words.js";

/** Ask with a title, what is told, and fields {name: input} with {name: label}; `back` names the way out, null where there is none. */
export function dialog(title, told, fields, labels, go, back = words.cancel) {
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
        back && h("button", { type: "button", onclick: () => box.close() }, back),
        h("button", { class: "main" }, go)));
    box.setAttribute("aria-labelledby", "asked");
    fill(box, form);
    box.addEventListener("close", () => settle(given), { once: true });
    box.showModal();
  });
}
