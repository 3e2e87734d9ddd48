// A client of the public API: whatever the page can do, a script can do.

const KEY = "bookchorus.key";

/** An error response: `type` is the problem's name, the message its sentence. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `HTTP ${status}`);
    this.status = status;
    this.type = (body.type || "").replace("/problems/", "");
  }
}

/** What asks for a key where one is wanted; the page sets it. */
export const door = { ask: async () => null };
// What is asked just now: requests that go out together ask once.
let asking = null;

/** Send a request; a response that is no error. Where a key is wanted, it is asked for. */
export async function send(method, path, { json, body, accept, signal } = {}) {
  for (;;) {
    const headers = {};
    const key = sessionStorage.getItem(KEY);
    if (key) headers.Authorization = `Bearer ${key}`;
    if (accept) headers.Accept = accept;
    if (json !== undefined) headers["Content-Type"] = "application/json";
    const sent = json !== undefined ? JSON.stringify(json) : body;
    const response = await fetch(path, { method, headers, body: sent, signal });
    if (response.ok) return response;
    const told = await response.json().catch(() => ({}));
    const problem = new Problem(response.status, told);
    if (response.status !== 401) throw problem;
    if (sessionStorage.getItem(KEY) !== key) continue; // another request was given one meanwhile
    asking ??= door.ask(problem).finally(() => { asking = null; });
    const given = await asking;
    if (!given) throw problem;
    useKey(given);
  }
}

/** Whether requests have a key, which is asked for as soon as one is wanted. */
export function hasKey() {
  return sessionStorage.getItem(KEY) !== null;
}

/** Send this key from now on, until the tab is closed. */
export function useKey(key) {
  sessionStorage.setItem(KEY, key);
}

export async function get(path) {
  return (await send("GET", path)).json();
}

export async function call(method, path, json) {
  const response = await send(method, path, { json });
  return response.status === 204 ? null : response.json();
}

/** All entries of a list, page by page. */
export async function all(path, most = 2000) {
  const found = [];
  for (let after = null; found.length < most;) {
    const page = await get(`${path}${path.includes("?") ? "&" : "?"}limit=100${after === null ? "" : `&after=${after}`}`);
    found.push(...page.data);
    if (!page.has_more) break;
    after = page.data.at(-1).id;
  }
  return found;
}

/** The server-sent events of a call, each as {event, id, data}. */
export async function* events(method, path, options = {}) {
  const response = await send(method, path, { ...options, accept: "text/event-stream" });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split(/\r?\n\r?\n/);
    rest = blocks.pop();
    for (const block of blocks) {
      const event = { event: "message", id: null, data: "" };
      for (const line of block.split(/\r?\n/)) {
        const [, name, text] = /^(\w+): ?(.*)$/.exec(line) || [];
        if (name === "data") event.data += text;
        else if (name) event[name] = text;
      }
      if (event.data) yield { ...event, data: JSON.parse(event.data) };
    }
  }
}
