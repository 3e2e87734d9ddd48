// The words of the page, in English. Another language is another file like this one.

const percent = (share) => `${Math.round(100 * share)}%`;
const counted = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;
const weighed = { said: "Said", reader: "Reader", passage: "Passage", fits: "Fits", answerable: "Tells it", sure: "Sure", right: "Right", weighs: "Weight" };
const reader = (member, version = null) => (member === null ? "The LLM alone" : `Member ${member + 1}${version === null ? "" : ` of version ${version}`}`);
/** What a weight is made of, as a list in words. */
const product = (names) => (names.length > 1
  ? `${names.slice(0, -1).map((name) => weighed[name]).join(", ")} and ${weighed[names.at(-1)]}, multiplied, each to a power of its own` : `${weighed[names[0]]} alone`);

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
    `${reader(member, version)}, reading passage ${passage ?? "–"}, says: ${text || "nothing"}`,
  shares: "Where these shares come from", weighed, reader,
  shareOf: (by) => `A share is of the weight of all readings. A reading weighs by ${product(by)}${by.includes("fits") ? ": one whose passage fits badly weighs little, however sure its reader is" : ""}.`,
  shareOfChoices: (by) => `A share is of the weight of all readings. A reading weighs by ${product(by)}; the choices share that by how sure the reader is of their words.`,
  weighedBy: {
    fits: "Fits: how well the passage fits the question; the best fits 100%.", answerable: "Tells it: how sure the reader is that the passage tells the answer.",
    sure: "Sure: how probable each word of the answer is to the reader, on average.", right: "Right: how sure the reader is that the answer is right.",
  },
  citations: "Where it says so", more: (count) => `${counted(count, "more passage")} that ${count === 1 ? "was" : "were"} found`,
  open: "Read on in the book", page: (label) => `page ${label}`,
  degraded: {
    untrained: "Nothing was learned of this book yet: the LLM answered from its passages alone.",
    unembedded: "The book's passages are still being embedded, and are found by their words alone until then: ask again in a minute.",
  },
  took: (seconds) => `${seconds.toFixed(1)} s`, by: (versions) => `answered by ${versions}`, bare: "the LLM alone",
  earlier: "Earlier threads", searchThreads: "Search questions and answers", noThread: "No thread has these words.",
  questionCount: (count) => counted(count, "question"), moreThreads: "Show more", untitledThread: "Without a question yet",
  newThread: "New thread", rename: "Rename", threadTitle: "Title (none: the first question)", saveThread: "Save as Markdown",
  removeThread: "Remove this thread with its questions and answers?", threadGone: "That thread is not there any more: ask a new one.",
  followUpHint: "Ask further", sameBook: "The same book", gone: "no longer in the library",

  welcome: "Ask your books",
  welcomeText: "Add a book, and a chorus of readers learns it. You can ask from the moment it is here.",
  sample: "Try it with the sample book",
  add: "Add books", drop: "Drop files or a folder here, or choose them: EPUB, PDF, DOCX, HTML, Markdown, text",
  sending: (name, at, count) => (count > 1 ? `Sending ${at} of ${count}: ${name}…` : `Sending ${name}…`),
  chooseFiles: "Choose files", chooseFolder: "Choose a folder", noneFound: "No file there is a book by its name.",
  known: (title) => `${title} is here already.`, added: (title) => `${title} is here, and is being learned.`,
  search: "Search titles, authors, tags", none: "No book fits.", empty: "There is no book yet.",
  states: { queued: "waits to be learned", training: "is being learned", ready: "learned", untrained: "not learned" },
  passages: (count) => counted(count, "passage"), byAuthor: "by",
  remove: "Remove", removeSure: (title) => `Remove ${title} and all that was learned of it?`,

  phases: { queued: "Waits for its turn", running: "Begins", embedding: "Reads the passages", writing: "Writes questions about the book", studied: "Begins to learn", evaluated: "Was examined", resumed: "Goes on", published: "Published", succeeded: "Learned", failed: "Failed", cancelled: "Cancelled" },
  learningStep: (step, steps) => `Learns: step ${step} of ${steps}`,
  left: (seconds) => (seconds === null ? "" : seconds < 90 ? `about ${Math.round(seconds)} s left` : `about ${Math.round(seconds / 60)} min left`),
  curves: "Loss of each member, running mean, nats per token; dashed: the LLM without them",
  curvesAlt: (first, last) => `Losses of the members, from ${first.toFixed(2)} to ${last.toFixed(2)} nats per token`,
  stages: { embedding: "Reads", writing: "Asks itself", learning: "Learns", examined: "Is examined" },
  noWorker: "Nobody learns just now: start “bookchorus worker”, or restart the service with BOOKCHORUS_TRAINS=true.",
  todo: {
    studied: "The members learn from the text alone. To have them learn from questions, write some in Questions, and learn again.",
    "out-of-memory": "Restart the service with BOOKCHORUS_QUANTIZATION=int8, or learn with fewer members.",
    "disk-full": "Make room on the disk, then learn again. What answered before still does.",
    diverged: "Learn again with a lower learning_rate in the recipe.",
    "invalid-recipe": "Learn again with another recipe; the one that comes with the service fits this LLM.",
    "parent-pruned": "Learn again from scratch: the version to go on from is gone.",
    "parent-of-other-model": "Learn again from scratch: the version to go on from belongs to another LLM.",
    "parent-damaged": "Learn again from scratch, and have “bookchorus verify” check what is kept.",
    "too-many-attempts": "Look into the log of the service for why it ended, then learn again.",
    "training-failed": "The service's log says what happened. Learn again; if it fails again, report it.",
  },
  stopLearning: "Stop learning", stopSure: "Stop learning this book? No version comes of it.",

  warnings: "What could not be read", partly: (count) => `${counted(count, "part")} of the file could not be read: see the book.`,
  warningsTodo: "All the rest can be asked. If these parts matter, add the book again from another file: EPUB is read best, scanned pages need OCR first.",
  tag: "Tag", author: "Author", title: "Title", withTag: (tag) => `Books with the tag ${tag}`, notOnly: (value) => `Not only ${value}`,
  edit: "Edit", languageTag: "Language, as its tag (en, pt-BR)", tagsCommas: "Tags, with commas between them", keep: "Save",
  chapterCount: (count) => counted(count, "chapter"), chapters: "Chapters", read: "Read", untitled: "Beginning",
  versions: "Versions", noVersions: "No version yet.", champion: "answers questions", learnAgain: "Learn again",
  version: (number) => `Version ${number}`,
  madeOf: (members, method, when) => `${counted(members, "member")} (${method}), ${when}`,
  heldout: (before, after) => `held-out loss ${before.toFixed(2)} → ${after.toFixed(2)}`,
  adds: "adds", toAnswers: "ROUGE-L to answers", notMeasured: "not measured",
  few: "(few questions)", showCurves: "How it learned", promote: "Let it answer", rollback: "Back to the version before",
  why: "Why (kept in the history)", confirm: "Do it", force: "Even though it did worse than the champion of its day",
  moved: (alias, from, to, back) => {
    const now = to === null ? "No version any more" : `Version ${to}`;
    return `${now} ${alias === "champion" ? "answers questions" : `is “${alias}”`}${back ? " again" : ""}${from === null ? "" : `, no longer version ${from}`}`;
  },
  movedBy: (who, when) => `by ${/^worker(_[0-9a-f]{8})?$/.test(who) ? "the service" : who}, ${when}`, olderMoves: "Moves before these are told by the API.",
  exportVersion: "Save for PEFT", damaged: "damaged", pruned: "pruned",
  compare: "Compare two versions", compareWith: "and", sure: (share) => `sure: ${percent(share)}`, compareQuestions: "Questions, one a line (none: ten that were written about the book)", run: "Compare",
  importVersion: "Bring a version in", importIt: "Bring in", importFile: "A zip archive",
  importHint: "A version saved here or elsewhere, or adapters that PEFT trained on this LLM, as a zip archive.",
  importPromote: "Let it answer at once", importForce: "Even if it was learned on an LLM of another name",
  comparing: "Both are being asked…", expected: "expected", noneGiven: "no answer",

  next: "Citation ›", previous: "‹ Citation", chapterNext: "Chapter ›", chapterBefore: "‹ Chapter", byKey: (key) => `or press ${key}`,
  passageHere: "the passage that was read", citationOf: (at, count) => `Citation ${at} of ${count}`,

  questions: "Questions", questionsHint: "Members learn the answers to these. What you change is learned by the next version; what you write yourself weighs more.",
  questionWord: "Question", answerWord: "Answer", kind: "Kind", allKinds: "All kinds", source: "Written by", allSources: "By anybody",
  kinds: { who: "Who", what: "What", where: "Where", why: "Why", how: "How", "what next": "What next", cause: "Cause" },
  sources: { llm: "by the LLM", person: "by a person" },
  place: "its passage", placeOf: (text) => `The passage of: ${text}`, correct: "Correct", moreQuestions: "More questions",
  noQuestions: "There is none yet: the LLM writes them when it learns the book.", noneOfKind: "There is none of this kind.",
  removeQuestion: "It is never learned again, not even where the LLM writes it once more.",
  ownQuestion: "A question of your own", ownHint: "Its passage is found by the answer: use the book's words.", addQuestion: "Add it",

  allVersions: "All versions", filter: "Filter", book: "Book", number: "Version", loss: "Held-out loss", addsShort: "Adds", aliases: "Aliases", size: "Size", when: "When", llm: "LLM",
  health: "Health:", healthy: "questions are answered and books are learned.",
  audit: "Log", auditHint: "Who changed what, who read what is the administrator's, and who asked for what is not theirs.",
  who: "Who", did: "Did", outcome: "Status", older: "Older lines", whoExactly: "Only of this name, in full",
  action: "Action", jobs: "Jobs", status: "Status", allJobs: "All jobs", noJobs: "There is no such job.", became: "Came to", lasted: "Took", cancelJob: (title) => `Stop learning ${title}`,
  jobStates: { queued: "waits", running: "learns", succeeded: "learned", failed: "failed", cancelled: "stopped" },
  keys: "Keys", keysHint: "A key says who may call the service, and for what. Only its hash is kept.", keyAdd: "A new key", name: "Name", keyName: "Name: whose it is, or what for", keyMake: "Make the key",
  keyFirst: "There is no key yet: whoever is on this machine may do everything. The first key closes the service at once and for good, and must be an administrator's. This page uses it from then on.",
  keyDays: "Days until it expires (none: never)", ownerLong: "Library (local: the one that is there without keys)", owner: "Library", role: "Role",
  roles: { reader: "Reader", writer: "Writer", admin: "Administrator" },
  roleMay: { reader: "lists and asks", writer: "also adds, changes and learns", admin: "everything, of all libraries" },
  limits: "Limits", limitNames: { requests_per_minute: "Requests a minute", most_books: "Books in the library", most_bytes: "Bytes of text in the library", most_training_tokens: "Tokens that its jobs read in all" },
  limitOf: {
    requests_per_minute: (most) => `${most.toLocaleString()} a minute`, most_books: (most) => counted(most, "book"),
    most_bytes: (most) => `${most.toLocaleString()} bytes`, most_training_tokens: (most) => `${most.toLocaleString()} tokens`,
  },
  revoke: "Revoke", revokeSure: (name) => `Revoke the key “${name}”? Whoever uses it is locked out at once, and it cannot be taken back.`,
  inForce: "in force", until: (day) => `until ${day}`, expired: (day) => `expired ${day}`, revoked: (day) => `revoked ${day}`,
  keyMade: (name) => `The key “${name}”`, keyOnce: "It is shown this once: nobody can read it again.", copy: "Copy", copied: "Copied", keyKept: "I have kept it",
  key: "API key", keyWanted: "This service wants a key", keyHint: "It is kept until you close this tab. An administrator makes keys in Admin, or with “bookchorus keys add”.", enter: "Go on",

  shortcuts: "Keys of the keyboard", close: "Close",
  shortcutList: [["/", "to the question"], ["Enter", "ask; Shift+Enter begins a line"], ["n, p", "in the book: the next citation, the one before"], ["Esc", "out of a dialog"], ["?", "this list"]],
};
