// The files of what is dropped: as they are, and of folders those that are books by their names.

const BOOK = /\.(epub|docx|html|htm|xhtml|md|markdown|txt|text|pdf)$/i;

/** Whether a file of a folder is a book by its name, and not hidden, nor in a hidden folder. */
export const isBook = (path) => BOOK.test(path) && !path.split("/").some((part) => part.startsWith("."));

/** All files of a drop. The browser tells of its entries only while it is handled: they are taken before anything is awaited. */
export function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return Promise.resolve([...transfer.files]);
  return Promise.all(entries.map((entry) => (entry.isDirectory ? inside(entry) : file(entry).then((one) => [one])))).then((found) => found.flat());
}

async function inside(folder) {
  const reader = folder.createReader();
  const found = [];
  // A browser gives a part of a large folder at a time, and none at the end.
  for (let part; (part = await new Promise((give, fail) => reader.readEntries(give, fail))).length;) {
    for (const entry of part) {
      if (entry.isDirectory && !entry.name.startsWith(".")) found.push(...(await inside(entry)));
      else if (entry.isFile && isBook(entry.name)) found.push(await file(entry));
    }
  }
  return found;
}

function file(entry) {
  return new Promise((give, fail) => entry.file(give, fail));
}
