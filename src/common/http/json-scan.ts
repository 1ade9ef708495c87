/** Nesting depth; bodies are validated and stored by recursion, which the stack limits. */
const MAX_LEVELS = 64;

/** Legal JSON that PostgreSQL cannot store: U+0000, and half of a surrogate pair. */
const UNSTORABLE = /\\u(?:0000|d[89ab][\da-f]{2}(?!\\ud[c-f][\da-f]{2})|d[c-f][\da-f]{2})/iy;
const PAIR = /\\ud[89ab][\da-f]{2}\\ud[c-f][\da-f]{2}/iy;

const [QUOTE, COMMA, BACKSLASH, SMALL_U] = [0x22, 0x2c, 0x5c, 0x75];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT, SPACE] = [0x5b, 0x5d, 0x7b, 0x7d, 0x20];

const matchesAt = (pattern: RegExp, text: string, at: number) => {
  pattern.lastIndex = at;
  return pattern.test(text);
};

/**
 * Counts the keys and list entries of a JSON text on all levels, without parsing it.
 * @returns null for a text that is nested too deeply, or that contains a string PostgreSQL cannot store
 */
export function scanJson(json: string): { entries: number } | null {
  let [levels, entries] = [0, 0];
  let quoted = false;
  // An opening bracket is followed by a first entry, unless it closes at once.
  let opened = false;
  for (let at = 0; at < json.length; at += 1) {
    const code = json.charCodeAt(at);
    if (quoted) {
      if (code === QUOTE) quoted = false;
      else if (code === BACKSLASH) {
        const isUnicode = json.charCodeAt(at + 1) === SMALL_U;
        if (isUnicode && matchesAt(UNSTORABLE, json, at)) return null;
        // Skip the escaped character, which may be a backslash or a quotation mark.
        at += isUnicode && matchesAt(PAIR, json, at) ? 11 : 1;
      }
      continue;
    }
    if (code <= SPACE) continue;
    const closes = code === CLOSE_LIST || code === CLOSE_OBJECT;
    if (code === COMMA || (opened && !closes)) entries += 1;
    opened = code === OPEN_LIST || code === OPEN_OBJECT;
    if (opened) levels += 1;
    else if (closes) levels -= 1;
    quoted = code === QUOTE;
    if (levels > MAX_LEVELS) return null;
  }
  return { entries };
}
