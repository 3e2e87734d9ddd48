// API keys: whose there are, a new one, which is shown once, and the end of one.

import { call, get, hasKey, useKey } from "./api.js";
import { dialog } from "./dialog.js";
import { fill, h, trouble } from "./elements.js";
import { date } from "./figures.js";
import { table } from "./tables.js";
import { words } from "./words.js";

const LIMITS = ["requests_per_minute", "most_books", "most_bytes", "most_training_tokens"];

export async function keysView(gone) {
  const failed = h("div");
  const list = table(words.keys, [
    [words.name, (key) => key.name, (key) => [h("div", {}, key.name), h("small", {}, key.id)]],
    [words.role, (key) => key.role, (key) => words.roles[key.role]],
    [words.owner, (key) => key.owner, (key) => key.owner],
    [words.limits, null, (key) => limits(key)],
    [words.status, (key) => state(key)[0], (key) => h("span", { class: state(key)[1] }, state(key)[0])],
    [words.action, null, (key) => key.revoked_at === null && h("button", { class: "plain", "aria-label": `${words.revoke}: ${key.name}`, onclick: () => revoke(key) }, words.revoke)],
  ]);
  const form = h("div");

  async function load() {
    const keys = (await get("/admin/keys")).data;
    if (gone.aborted) return;
    list.show(keys);
    list.view.hidden = !keys.length;
    fill(form, adding(!hasKey()));
  }

  async function revoke(key) {
    if (!(await dialog(words.revoke, h("p", {}, words.revokeSure(key.name)), {}, {}, words.revoke))) return;
    try {
      await call("DELETE", `/admin/keys/${key.id}`);
      await load();
    } catch (error) {
      fill(failed, trouble(error));
    }
  }

  /** The form of a new key; the first one closes the service, and would lock out whoever made no admin's. */
  function adding(first) {
    const name = h("input", { required: true, maxlength: 60 });
    const role = h("select", {}, (first ? ["admin"] : ["reader", "writer", "admin"]).map((each) => h("option", { value: each }, `${words.roles[each]}: ${words.roleMay[each]}`)));
    const owner = h("input", { required: true, maxlength: 60, value: "local" });
    const days = h("input", { type: "number", min: 1, max: 36500 });
    const limits = Object.fromEntries(LIMITS.map((each) => [each, h("input", { type: "number", min: 1 })]));
    const number = (input) => (input.value ? Number(input.value) : null);
    const wish = () => ({
      name: name.value, role: role.value, owner: owner.value, days: number(days),
      ...Object.fromEntries(LIMITS.map((each) => [each, number(limits[each])])),
    });
    return h("form", { class: "card", onsubmit: (event) => { event.preventDefault(); make(wish(), first); } },
      h("h2", {}, words.keyAdd), first && h("p", { class: "warn" }, words.keyFirst),
      h("div", { class: "grid" }, h("label", {}, words.keyName, name), h("label", {}, words.role, role), h("label", {}, words.keyDays, days), h("label", {}, words.ownerLong, owner)),
      h("details", {}, h("summary", {}, words.limits), h("div", { class: "grid" }, LIMITS.map((each) => h("label", {}, words.limitNames[each], limits[each])))),
      h("p", {}, h("button", { class: "main" }, words.keyMake)));
  }

  async function make(wish, first) {
    fill(failed);
    try {
      const key = await call("POST", "/admin/keys", wish);
      if (first) useKey(key.text);
      await shownOnce(key);
      await load();
    } catch (error) {
      fill(failed, trouble(error));
    }
  }

  await load();
  return [h("p", { class: "soft" }, words.keysHint), list.view, failed, form];
}

function limits(key) {
  const found = LIMITS.filter((name) => key[name] !== null);
  return found.length ? found.map((name) => h("div", {}, words.limitOf[name](key[name]))) : "–";
}

/** Show a key until it is taken note of. */
async function shownOnce(key) {
  const text = h("input", { readonly: true, value: key.text, "aria-label": words.key, onfocus: () => text.select() });
  const copy = h("button", { type: "button", onclick: async () => {
    text.select();
    // Only a page of this machine or one by TLS may; elsewhere it is selected, to be copied by hand.
    await navigator.clipboard?.writeText(key.text);
    copy.textContent = words.copied;
  } }, words.copy);
  await dialog(words.keyMade(key.name), [h("p", {}, words.keyOnce), h("div", { class: "row" }, h("span", { class: "grow" }, text), copy)], {}, {}, words.keyKept, null);
}

function state(key) {
  if (key.revoked_at !== null) return [words.revoked(date(key.revoked_at)), "bad"];
  if (key.expires_at === null) return [words.inForce, "gain"];
  return 1000 * key.expires_at > Date.now() ? [words.until(date(key.expires_at)), "gain"] : [words.expired(date(key.expires_at)), "bad"];
}
