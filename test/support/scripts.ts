import { type ChildProcess, fork, spawn } from 'node:child_process';
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

export interface HostedCommand {
  id: number;
  file: string;
  args: string[];
  env: Record<string, string>;
  cwd: string;
}

interface ScriptOptions {
  variables?: Record<string, string>;
  cwd?: string;
}

const fileOf = (name: string) => compiled(`${name.includes('/') ? name : `scripts/${name}`}.js`);

async function environmentOf(variables: Record<string, string> = {}): Promise<Record<string, string>> {
  const values = testValues({ DATABASE_URL: await workerDatabase(), ...variables });
  return { PATH: process.env.PATH!, ...(values as Record<string, string>) };
}

/** Runs `scripts/<name>.ts`, or another file, on this spec file's database, in the environment of the specs. */
export async function runScript(
  name: string,
  args: string[] = [],
  { variables, input = '', cwd }: ScriptOptions & { input?: string } = {},
): Promise<ScriptResult> {
  const child = spawn(process.execPath, [fileOf(name), ...args], { env: await environmentOf(variables), cwd });
  child.stdin.end(input);
  const [out, error] = [text(child.stdout), text(child.stderr)];
  const [code] = (await once(child, 'exit')) as [number | null];
  const [stdout, stderr] = [await out, await error];
  return { code, output: stdout + stderr, stdout, stderr };
}

let host: ChildProcess | undefined;
let hosted = 0;

/**
 * As `runScript`, in a process that runs all such commands of this spec file one after another: loading the service takes longer
 * than most commands. Another test runs the command in a process of its own.
 */
export async function runHosted(
  name: string,
  args: string[] = [],
  { variables, cwd = process.cwd() }: ScriptOptions = {},
): Promise<ScriptResult> {
  const env = await environmentOf(variables);
  const child = (host ??= startHost(env));
  const id = (hosted += 1);
  const command: HostedCommand = { id, file: fileOf(name), args, env, cwd };
  return new Promise((resolve, reject) => {
    const ended = () => reject(new Error(`the host of commands ended during ${name} ${args.join(' ')}`));
    const answered = (answer: { id: number; code: number; stdout: string; stderr: string }) => {
      if (answer.id !== id) return;
      child.off('message', answered).off('exit', ended);
      const { code, stdout, stderr } = answer;
      resolve({ code, output: stdout + stderr, stdout, stderr });
    };
    child.on('message', answered).once('exit', ended).send(command);
  });
}

function startHost(env: Record<string, string>): ChildProcess {
  const child = fork(compiled('test/support/command-host.js'), {
    env,
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  return child.setMaxListeners(0);
}

afterAll(() => void host?.kill());
