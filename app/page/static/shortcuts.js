// Keys that work in every view.

import { dialog } from "./dialog.js";
import { h } from "./elements.js";
import { words } from "./words.js";

/** Show which keys there are. */
export function showKeys() {
  return dialog(words.shortcuts, h("dl", { class: "keys" }, words.shortcutList.map(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)])), {}, {}, words.close, null);
}

/** Whether keys are for the page, and not for a field or a question in front of it. */
export function forThePage(event) {
  return !event.target.closest("input, textarea, select, dialog") && !event.ctrlKey && !event.metaKey && !event.altKey;
}

export function listen() {
  addEventListener("keydown", (event) => {
    if (!forThePage(event)) return;
    if (event.key === "?") showKeys();
    if (event.key === "/") {
      event.preventDefault();
      const question = document.querySelector("main .box textarea");
      // The view of asking has the focus in its question as soon as it is there.
      if (question) question.focus();
      else location.hash = "#/";
    }
  });
}
