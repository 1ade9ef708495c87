// Writes src/auth/passwords/common-passwords.txt from a development dependency; run it again after that has a newer list.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { readArguments } from './lib/arguments.js';
import { runCommand } from './lib/command.js';

const MAX_ENTRIES = 10_000;
const PACKAGE = '@zxcvbn-ts/language-common';

await runCommand('common-passwords', async () => {
  readArguments({
    call: 'node scripts/run.mjs common-passwords',
    does: 'writes the list of common passwords anew, from a development dependency',
    options: {},
  });
  const load = createRequire(import.meta.url);
  const { dictionary } = load(PACKAGE) as { dictionary: Record<string, string[]> };
  const ranked = dictionary['passwords-common']!;
  const words = [...new Set(ranked.map((word) => word.toLowerCase()))].slice(0, MAX_ENTRIES);
  if (words.length < MAX_ENTRIES || words.some((word) => word.startsWith('#') || /\s/.test(word)))
    throw new Error(`${PACKAGE} does not hold ${MAX_ENTRIES} passwords in the form expected`);

  const folder = path.dirname(path.dirname(load.resolve(PACKAGE)));
  const { version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { version: string };
  const licence = readFileSync(path.join(folder, 'LICENSE.txt'), 'utf8').trim().split('\n');
  const head = [
    `The ${MAX_ENTRIES} most common passwords, most common first, in lower case. Made by scripts/common-passwords.ts`,
    `from ${PACKAGE} ${version}, which is under the MIT licence:`,
    '',
    ...licence,
  ].map((line) => `# ${line}`.trimEnd());
  const target = path.join(import.meta.dirname, '../src/auth/passwords/common-passwords.txt');
  writeFileSync(target, `${[...head, ...words].join('\n')}\n`);
  console.log(`${words.length} passwords written to ${path.relative(process.cwd(), target)}`);
});
