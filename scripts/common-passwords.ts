// Writes src/auth/passwords/common-passwords.txt; run it again after the dictionaries or the estimate have changed.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { estimateStrength, MIN_STRENGTH_LEVELS } from '../src/auth/passwords/strength.js';
import { readArguments } from './lib/arguments.js';
import { runCommand } from './lib/command.js';

const MAX_ENTRIES = 10_000;
const MIN_PASSWORD_CHARS = 8;
const PACKAGE = '@zxcvbn-ts/language-common';
/** The example of the API's documentation, which has to be accepted. */
const EXAMPLE = 'securepassword';

const YEARS = ['2026', '2025', '2024', '2023', '2022', '2021', '2020', '2027'];
const SIGNS = ['!', '@', '#', '.', '*', '$'];
/** What is put behind a word, the most usual first. */
const ENDINGS = [
  '1 123 ! 12 1! 123! @123 !1 1234 12345 @1 !! 01 #1 007'.split(' '),
  YEARS.flatMap((year) => [year, `${year}!`, `@${year}`, `!${year}`, `#${year}`, `_${year}`]),
  SIGNS.flatMap((sign) => [`${sign}123`, `${sign}1234`, `123${sign}`, `12${sign}`, `${sign}12`, `${sign}2`]),
  '69 99 88 77 11 22 13 23 1234! 12345! 321 321! 111 123456 +123!'.split(' '),
].flat();

const capitalised = (word: string) => word.slice(0, 1).toUpperCase() + word.slice(1);

/** @returns candidates, the most probable first: the rank of the word times the rank of its change (Zipf) */
function candidates(words: string[]): string[] {
  const changes = [(word: string) => word, (word: string) => word + word];
  const all = [...changes, ...ENDINGS.map((ending) => (word: string) => word + ending)];
  return words
    .flatMap((word, rank) => all.map((change, place) => ({ text: change(word), cost: (rank + 1) * (place + 1) })))
    .toSorted((a, b) => a.cost - b.cost)
    .map(({ text }) => text);
}

function choose(words: string[]): Set<string> {
  const chosen = new Set<string>();
  for (const text of candidates(words)) {
    if (chosen.size === MAX_ENTRIES) return chosen;
    if (text.length < MIN_PASSWORD_CHARS || chosen.has(text)) continue;
    if (estimateStrength(capitalised(text), []).levels >= MIN_STRENGTH_LEVELS) chosen.add(text);
  }
  throw new Error(`only ${chosen.size} passwords pass the rule`);
}

await runCommand('common-passwords', async () => {
  readArguments({
    call: 'node scripts/run.mjs common-passwords',
    does: 'writes the list of common passwords that the estimate of strength would accept; takes some minutes',
    options: {},
  });
  const load = createRequire(import.meta.url);
  const { dictionary } = load(PACKAGE) as { dictionary: Record<string, string[]> };
  const ranked = dictionary['passwords-common']!.map((word) => word.toLowerCase());
  const words = [...new Set(ranked)].filter((word) => !/[\s#]/.test(word)).slice(0, MAX_ENTRIES);
  const chosen = choose(words);
  if (chosen.has(EXAMPLE)) throw new Error(`"${EXAMPLE}", the example of the API, would be on the list`);

  const folder = path.dirname(path.dirname(load.resolve(PACKAGE)));
  const { version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { version: string };
  const licence = readFileSync(path.join(folder, 'LICENSE.txt'), 'utf8').trim().split('\n');
  const head = [
    `The ${MAX_ENTRIES} most common passwords that are not weak by the estimate, the most common first, in lower case.`,
    `Made by scripts/common-passwords.ts from ${PACKAGE} ${version}, which is under the MIT licence:`,
    '',
    ...licence,
  ].map((line) => `# ${line}`.trimEnd());
  const target = path.join(import.meta.dirname, '../src/auth/passwords/common-passwords.txt');
  writeFileSync(target, `${[...head, ...chosen].join('\n')}\n`);
  console.log(`${chosen.size} passwords written to ${path.relative(process.cwd(), target)}`);
});
