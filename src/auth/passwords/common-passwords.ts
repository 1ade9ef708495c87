import { readFileSync } from 'node:fs';
import { join } from 'node:path';

let words: Set<string> | undefined;

/** Read once, at the first question: 80 kB, two milliseconds. */
function load(): Set<string> {
  const lines = readFileSync(join(import.meta.dirname, 'common-passwords.txt'), 'utf8').split('\n');
  return new Set(lines.filter((line) => line !== '' && !line.startsWith('#')));
}

/** True for one of the 10,000 most common passwords, in whatever case. */
export function isCommon(password: string): boolean {
  words ??= load();
  return words.has(password.toLowerCase());
}
