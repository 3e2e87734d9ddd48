// The words of the page, in English. Another language is another file like this one.

const percent = (share) => `${Math.round(100 * share)}%`;
const counted = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;

export const words = {
  skip: "Skip to the content",
  ask: "Ask", library: "Library", admin: "Admin",
  loading: "One moment…",
  failed: "That did not work", tryAgain: "Try again", cancel: "Cancel", notFound: "There is no such page.",

  question: "Your question",
  questionHint: "What would you like to know?",
  anyBook: "Whichever book fits", where: "In",
  askIt: "Ask", asking: "Looking for passages…",
  reading: (passages) => `Reading ${counted(passages, "passage")}…`,
  stop: "Stop",
  noAnswer: "I don't know",
  closest: "The closest places in the book",
  notGiven: (answer) => `What I would have guessed: “${answer}”`,
  confidence: (share) => (share >= 0.8 ? "Quite sure" : share >= 0.6 ? "Fairly sure" : share >= 0.4 ? "Perhaps" : "Not sure"),
  probably: (share) => `right with a probability of ${percent(share)}`,
  agreement: (share) => `${percent(share)} of the votes agree`,
  votes: "How the chorus voted", share: percent,
  voter: (member, version, passage, text) =>
    `${member === null ? "The LLM alone" : `Member ${member + 1} of version ${version}`}, reading passage ${passage ?? "–"}, says: ${text || "nothing"}`,
  citations: "Where it says so", more: (count) => `${counted(count, "more passage")} that ${count === 1 ? "was" : "were"} read`,
  open: "Read on in the book", page: (label) => `page ${label}`,
  degraded: { untrained: "Nothing was learned of this book yet: the LLM answered from its passages alone." },
  took: (seconds) => `${seconds.toFixed(1)} s`, by: (versions) => `answered by ${versions}`, bare: "the LLM alone",
  earlier: "Earlier threads", searchThreads: "Search questions and answers", noThread: "No thread has these words.",
  questions: (count) => counted(count, "question"), moreThreads: "Show more", untitledThread: "Without a question yet",
  newThread: "New thread", rename: "Rename", threadTitle: "Title (none: the first question)", saveThread: "Save as Markdown",
  removeThread: "Remove this thread with its questions and answers?", threadGone: "That thread is not there any more: ask a new one.",
  followUpHint: "Ask further", sameBook: "The same book", gone: "no longer in the library",

  welcome: "Ask your books",
  welcomeText: "Add a book, and a chorus of readers learns it. You can ask from the moment it is here.",
  sample: "Try it with the sample book",
  add: "Add books", drop: "Drop files here, or choose them: EPUB, PDF, DOCX, HTML, Markdown, text", dropped: (name) => `Sending ${name}…`,
  known: (title) => `${title} is here already.`, added: (title) => `${title} is here, and is being learned.`,
  search: "Search titles, authors, tags", none: "No book fits.", empty: "There is no book yet.",
  states: { queued: "waits to be learned", training: "is being learned", ready: "learned", untrained: "not learned" },
  passages: (count) => counted(count, "passage"), byAuthor: (name) => `by ${name}`,
  remove: "Remove", removeSure: (title) => `Remove ${title} and all that was learned of it?`,

  phases: { queued: "Waits for its turn", running: "Begins", embedding: "Reads the passages", writing: "Writes questions about the book", studied: "Begins to learn", evaluated: "Was examined", resumed: "Goes on", published: "Published", succeeded: "Learned", failed: "Failed", cancelled: "Cancelled" },
  learningStep: (step, steps) => `Learns: step ${step} of ${steps}`,
  left: (seconds) => (seconds === null ? "" : seconds < 90 ? `about ${Math.round(seconds)} s left` : `about ${Math.round(seconds / 60)} min left`),
  curves: "Loss of each member, running mean, nats per token; dashed: the LLM without them",
  curvesAlt: (first, last) => `Losses of the members, from ${first.toFixed(2)} to ${last.toFixed(2)} nats per token`,
  stopLearning: "Stop learning", stopSure: "Stop learning this book? No version comes of it.",

  warnings: "What could not be read", chapters: "Chapters", read: "Read", untitled: "Beginning",
  versions: "Versions", noVersions: "No version yet.", champion: "answers questions", learnAgain: "Learn again",
  version: (number) => `Version ${number}`,
  madeOf: (members, method, when) => `${counted(members, "member")} (${method}), ${when}`,
  heldout: (before, after) => `held-out loss ${before.toFixed(2)} → ${after.toFixed(2)}`,
  adds: "adds", toAnswers: "ROUGE-L to answers", notMeasured: "not measured",
  few: "(few questions)", showCurves: "How it learned", promote: "Let it answer", rollback: "Back to the version before",
  why: "Why (kept in the history)", confirm: "Do it", force: "Even though it did worse than the champion of its day",
  history: "Who moved what, and when",
  moved: (alias, from, to, who) => `${alias}: ${from ?? "–"} → ${to ?? "–"} by ${who}`,
  exportVersion: "Save for PEFT", damaged: "damaged", pruned: "pruned",
  compare: "Compare two versions", compareWith: "and", compareQuestions: "Questions, one a line (none: ten that were written about the book)", run: "Compare",
  comparing: "Both are being asked…", expected: "expected", noneGiven: "no answer",

  next: "Citation ›", previous: "‹ Citation", chapterNext: "Chapter ›", chapterBefore: "‹ Chapter", byKey: (key) => `or press ${key}`,
  passageHere: "the passage that was read", citationOf: (at, count) => `Citation ${at} of ${count}`,

  allVersions: "All versions", filter: "Filter", book: "Book", number: "Version", loss: "Held-out loss", addsShort: "Adds", aliases: "Aliases", size: "Size", when: "When", llm: "LLM",
  health: "Health", healthy: "Questions are answered and books are learned.", audit: "Who did what", noAudit: "Nothing yet, or your key may not see it.",
  key: "API key", keyWanted: "This service wants a key", keyHint: "It is kept until you close this tab. An administrator makes keys with “bookchorus keys add”.", enter: "Go on",
};
