/** Of objects and arrays in one another; what checks and stores a body walks it by recursion, which the stack limits. */
const MAX_LEVELS = 64;

/** Legal JSON that PostgreSQL cannot store: U+0000, and half of a surrogate pair. */
const UNSTORABLE = /\\u(?:0000|d[89ab][\da-f]{2}(?!\\ud[c-f][\da-f]{2})|d[c-f][\da-f]{2})/iy;
const PAIR = /\\ud[89ab][\da-f]{2}\\ud[c-f][\da-f]{2}/iy;

const [QUOTE, COMMA, BACKSLASH, SMALL_U] = [0x22, 0x2c, 0x5c, 0x75];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT, SPACE] = [0x5b, 0x5d, 0x7b, 0x7d, 0x20];

const standsAt = (pattern: RegExp, text: string, at: number) => {
  pattern.lastIndex = at;
  return pattern.test(text);
};

/**
 * What a JSON text would cost, found without making anything of it: `entries` counts the keys and list entries of all levels.
 * Null for one that would fail somewhere behind the checks of its fields: too deep, or with a text that cannot be stored.
 */
export function scanJson(json: string): { entries: number } | null {
  let [levels, entries] = [0, 0];
  let quoted = false;
  // After an opening bracket: what follows, unless it closes at once, is a first entry.
  let opened = false;
  for (let at = 0; at < json.length; at += 1) {
    const code = json.charCodeAt(at);
    if (quoted) {
      if (code === QUOTE) quoted = false;
      else if (code === BACKSLASH) {
        const isUnicode = json.charCodeAt(at + 1) === SMALL_U;
        if (isUnicode && standsAt(UNSTORABLE, json, at)) return null;
        // An escape is passed over whole, so that an escaped backslash or quotation mark is not read as one.
        at += isUnicode && standsAt(PAIR, json, at) ? 11 : 1;
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
