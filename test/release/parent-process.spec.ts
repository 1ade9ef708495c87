import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { compiled } from '../support/environment.js';
import { until } from '../support/until.js';

const watcher = `
  const { onParentExit } = await import(process.argv[1]);
  onParentExit(() => process.exit());
  console.log(process.pid);
  setInterval(() => {}, 1000);`;

/** What stands for npm: it runs a command in a shell, as npm does, and is then killed. */
const npm = `
  import { spawn } from 'node:child_process';
  spawn(process.argv[1], { shell: true, stdio: 'inherit' });`;

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

it.each([
  ['a shell that waits for its last command', '; exit'],
  ['a shell that becomes its last command', ''],
])('a development script ends when its npm is killed, under %s', async (_, after) => {
  const quoted = [process.execPath, '--input-type=module', '-e', watcher, '--', compiled('src/dev/parent-process.js')];
  const command = quoted.map((word) => `'${word}'`).join(' ');
  const env = { ...process.env, npm_lifecycle_event: 'dev' };
  const parent = spawn(
    process.execPath,
    ['--input-type=module', '-e', npm, '--', `${after ? '' : 'exec '}${command}${after}`],
    {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const [line] = await once(createInterface({ input: parent.stdout }), 'line');
  const pid = Number(line);
  try {
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    await until(() => !isAlive(pid));
  } finally {
    if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  }
});
