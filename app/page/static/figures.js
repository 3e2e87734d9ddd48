// Figures and times in words.

import { h } from "./elements.js";
import { words } from "./words.js";

/** A time in seconds since 1970, as people here write it. */
export function date(seconds) {
  return new Date(1000 * seconds).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** The mean held-out losses of a version's members, or null. */
export function losses(version) {
  const known = version.members.filter((member) => member.loss_before !== null && member.loss_after !== null);
  if (!known.length) return null;
  const mean = (name) => known.reduce((sum, member) => sum + member[name], 0) / known.length;
  return [mean("loss_before"), mean("loss_after")];
}

export function loss(version) {
  const found = losses(version);
  return found ? words.heldout(...found) : "";
}

/** Whether members make answers worse, so that they do not answer: the whole interval is below zero. */
export const harms = (found) => Boolean(found) && found.high !== null && found.high < 0;

/** What members add to answers, with its interval: green above zero, red below. */
export function adds(found) {
  if (!found) return h("span", { class: "soft" }, words.notMeasured);
  const short = (value) => value.toFixed(3).replace("0.", ".");
  const sign = found.difference < 0 ? "" : "+";
  const known = found.low !== null && found.high !== null;
  const told = `${sign}${short(found.difference)} ${known ? `[${short(found.low)}, ${short(found.high)}]` : words.few}`;
  return h("span", { class: known && found.low > 0 ? "gain" : harms(found) ? "bad" : null }, told);
}

/** A number of seconds. */
export function duration(seconds) {
  return seconds < 90 ? `${Math.round(seconds)} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** A number of bytes. */
export function size(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)}\u00a0kB` : `${(bytes / 1e6).toFixed(1)}\u00a0MB`;
}
