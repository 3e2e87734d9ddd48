// What the shares of an answer's votes are made of: each reading, and what it weighs by.

import { h } from "./elements.js";
import { table } from "./tables.js";
import { words } from "./words.js";

/** The readings of an answer whose passages have these numbers, what weighs most first, to be unfolded. */
export function sharesView(answer, numbers) {
  const best = Math.max(...answer.citations.map((one) => one.score));
  const scores = new Map(answer.citations.map((one) => [one.passage, Math.max(0, one.score)]));
  const readings = answer.votes.flatMap((vote) => vote.candidates.map((one) => ({
    ...one, number: numbers.get(one.passage) ?? null, fits: best > 0 && scores.has(one.passage) ? scores.get(one.passage) / best : null,
    sure: Math.exp(one.log_likelihood), said: one.text || vote.answer,
  })));
  const total = readings.reduce((sum, one) => sum + one.weight, 0);
  for (const one of readings) one.weighs = total > 0 ? one.weight / total : null;
  const known = (name) => readings.some((one) => (one[name] ?? null) !== null);
  const share = (name) => known(name) && [words.weighed[name], (one) => one[name] ?? -1, (one) => ((one[name] ?? null) === null ? "–" : words.share(one[name]))];
  const columns = [
    [words.weighed.said, null, (one) => one.said || "–"],
    [words.weighed.reader, null, (one) => words.reader(one.member, answer.versions.length > 1 ? one.version : null)],
    [words.weighed.passage, (one) => one.number ?? Infinity, (one) => one.number ?? "–"],
    ...["fits", "answerable", "sure", "right", "weighs"].map(share).filter(Boolean),
  ];
  const list = table(words.shares, columns, columns.length - 1, -1);
  list.show(readings);
  const of = { fits: "retrieval", answerable: "answerable", sure: "log_likelihood", right: "right" };
  const by = Object.keys(of).filter(known).map((name) => ({ name, power: answer.powers?.[of[name]] ?? null }));
  return h("details", { class: "shares" }, h("summary", {}, words.shares),
    h("p", {}, answer.strategy === "choices" ? words.shareOfChoices(by.filter(({ name }) => name !== "sure")) : words.shareOf(by)),
    h("ul", { class: "soft" }, by.map(({ name }) => h("li", {}, words.weighedBy[name]))),
    list.view);
}
