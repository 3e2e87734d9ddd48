// For whoever runs the service: its health, its jobs, all versions, the keys, and who did what.

import { auditView } from "./audit.js";
import { fill, h, trouble } from "./elements.js";
import { jobsView } from "./jobs.js";
import { keysView } from "./keys.js";
import { promptsView } from "./prompts.js";
import { words } from "./words.js";

const PARTS = [["", words.jobs, jobsView], ["versions", words.versions, promptsView], ["keys", words.keys, keysView], ["audit", words.audit, auditView]];

export async function adminView({ root, gone }, part) {
  const [here, name, view] = PARTS.find(([each]) => each === part) ?? PARTS[0];
  const health = await (await fetch("/readyz")).json();
  if (gone.aborted) return;
  const tabs = PARTS.map(([to, each]) => h("a", { href: `#/admin${to && `/${to}`}`, "aria-current": to === here ? "page" : null }, each));
  const inside = h("section", {}, h("p", { class: "soft busy" }, words.loading));
  fill(root, h("h1", {}, words.admin),
    h("p", { class: `card health ${health.ready ? (health.detail ? "some" : "") : "notice bad"}` }, h("b", {}, words.health), " ", health.ready && !health.detail ? words.healthy : health.detail),
    h("nav", { class: "tabs", "aria-label": words.admin }, tabs), inside);
  try {
    const shown = await view(gone);
    if (!gone.aborted) fill(inside, h("h2", { class: "hidden" }, name), shown);
  } catch (error) {
    if (!gone.aborted) fill(inside, trouble(error));
  }
}
