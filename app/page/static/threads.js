// What was asked before, kept in this browser alone.

import { words } from "./words.js";

const NAME = "bookchorus.earlier";
const MOST = 40;

/** The answers of before, newest first. */
export function earlier() {
  try {
    return JSON.parse(localStorage.getItem(NAME) || "[]");
  } catch {
    return [];
  }
}

export function keep(answer) {
  let kept = [answer, ...earlier().filter((each) => each.id !== answer.id)].slice(0, MOST);
  while (kept.length) {
    try {
      return localStorage.setItem(NAME, JSON.stringify(kept));
    } catch {
      kept = kept.slice(0, kept.length >> 1); // the browser has no room for so many
    }
  }
}

export function forget() {
  localStorage.removeItem(NAME);
}

/** Questions and answers with their citations, oldest first. */
export function asMarkdown(answers) {
  return [...answers].reverse().map((answer) => {
    const quoted = answer.citations.slice(0, 3).map((one) => {
      const place = [one.title, one.chapter, one.page && words.page(one.page)].filter(Boolean).join(", ");
      return `> ${(one.support || one).text.replace(/\s+/g, " ")}\n>\n> — ${place}`;
    });
    return [`## ${answer.question}`, answer.answer ?? `${words.noAnswer}. ${answer.abstained?.detail ?? ""}`, ...quoted].join("\n\n");
  }).join("\n\n") + "\n";
}
