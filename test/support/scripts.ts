import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { testValues } from './app.js';
import { compiled, workerDatabase } from './environment.js';

export interface ScriptResult {
  code: number | null;
  /** Standard output, then standard error. */
  output: string;
  stdout: string;
  stderr: string;
}

/** Runs `scripts/<name>.ts`, or another file, on this spec file's database, in the environment of the specs. */
export async function runScript(
  name: string,
  args: string[] = [],
  { variables = {}, input = '', cwd }: { variables?: Record<string, string>; input?: string; cwd?: string } = {},
): Promise<ScriptResult> {
  const env = { PATH: process.env.PATH, ...testValues({ DATABASE_URL: await workerDatabase(), ...variables }) };
  const file = compiled(`${name.includes('/') ? name : `scripts/${name}`}.js`);
  const child = spawn(process.execPath, [file, ...args], { env: env as NodeJS.ProcessEnv, cwd });
  child.stdin.end(input);
  const [out, error] = [text(child.stdout), text(child.stderr)];
  const [code] = (await once(child, 'exit')) as [number | null];
  const [stdout, stderr] = [await out, await error];
  return { code, output: stdout + stderr, stdout, stderr };
}
