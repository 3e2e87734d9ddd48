// Elements of the page, made without markup in strings: what books and people wrote is text, always.

/** An element with properties (`on…` are listeners, `class` and others attributes) and children. */
export function h(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

/** The same of a drawing. */
export function s(tag, properties = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);
}

function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...shown(children));
  return element;
}

/** Put these into an element, in place of what it holds. */
export function fill(element, ...children) {
  element.replaceChildren(...shown(children));
  return element;
}

function shown(children) {
  return children.flat(3).filter((child) => child !== null && child !== undefined && child !== false);
}

/** Why something did not work, told at once to those who listen. */
export function trouble(error, before = "") {
  return h("p", { class: "bad", role: "alert" }, before, error.message);
}

/** Have the browser save bytes or a text as a file. */
export function save(content, name) {
  const url = URL.createObjectURL(content);
  h("a", { href: url, download: name }).click();
  URL.revokeObjectURL(url);
}

/** A bar that is full to a share of 0 to 1. A style of its own: the page's policy allows no style in markup. */
export function bar(share, kind = "bar") {
  const inner = h("i");
  inner.style.width = `${Math.round(100 * Math.max(0, Math.min(1, share)))}%`;
  return h("span", { class: kind, "aria-hidden": "true" }, inner);
}
