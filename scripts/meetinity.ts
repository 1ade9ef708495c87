import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { UsageError } from './lib/arguments.js';
import { runCommand } from './lib/command.js';

const CALL = 'npm run meetinity --';
const [name = '', ...args] = process.argv.slice(2);
const folder = import.meta.dirname;
const { ext, name: own } = path.parse(import.meta.filename);
const names = readdirSync(folder)
  .filter((file) => path.extname(file) === ext && path.parse(file).name !== own)
  .map((file) => path.parse(file).name);

/** A line for each command of a script, from its own `--help`. */
async function describe(script: string): Promise<[string, string][]> {
  // Sources need a compiler, which run.mjs loads.
  const call = ext === '.ts' ? ['run.mjs', script] : [script + ext];
  const help = await promisify(execFile)(process.execPath, [
    path.join(folder, call[0]!),
    ...call.slice(1),
    '--help',
  ]).then(
    ({ stdout }) => stdout.trimEnd().split('\n'),
    (error: NodeJS.ErrnoException & { stderr?: string }) => ['', `  cannot run here: ${firstLine(error)}`],
  );
  const entries = help.slice(1).map((line) => /^ {2}(\S+) {2,}(.+)$/.exec(line));
  // A script with several commands lists them right after its usage.
  if (!entries[0]) return [[script, help[1]!.trim()]];
  return entries.filter((entry) => entry !== null).map(([, command, does]) => [`${script} ${command}`, does!]);
}

function firstLine({ stderr = '', message }: Error & { stderr?: string }): string {
  return /Cannot find package '[^']+'/.exec(stderr)?.[0] ?? stderr.trim().split('\n')[0] ?? message;
}

async function usage(): Promise<string> {
  const rows = (await Promise.all(names.map(describe))).flat();
  const width = Math.max(...rows.map(([command]) => command.length));
  const lines = rows.map(([command, does]) => `  ${command.padEnd(width)}  ${does}`);
  return [`usage: ${CALL} COMMAND [--help]`, ...lines].join('\n');
}

await runCommand(own, async () => {
  if (names.includes(name)) {
    const script = path.join(folder, name + ext);
    process.argv = [process.argv[0]!, script, ...args];
    await import(pathToFileURL(script).href);
    return Number(process.exitCode ?? 0);
  }
  if (name !== '--help' && name !== '-h')
    throw new UsageError(
      `${name ? `there is no command "${name}"` : 'a command is missing'}\nusage: ${CALL} COMMAND [--help], one of: ${names.join(', ')}`,
    );
  console.log(await usage());
});
