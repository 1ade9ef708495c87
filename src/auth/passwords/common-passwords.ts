import { readFileSync } from 'node:fs';
import { join } from 'node:path';

let words: Set<string> | undefined;

/** 80 kB, read in two milliseconds at the first use. */
function load(): Set<string> {
  const lines = readFileSync(join(import.meta.dirname, 'common-passwords.txt'), 'utf8').split('\n');
  return new Set(lines.filter((line) => line !== '' && !line.startsWith('#')));
}

/** True for one of the 10,000 most common passwords, in any case. */
export function isCommon(password: string): boolean {
  words ??= load();
  return words.has(password.toLowerCase());
}
