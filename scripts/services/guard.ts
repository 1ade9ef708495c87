import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A server process that ends with this one, even when this one is killed. */
export interface Guarded {
  exited(): boolean;
  /** The last lines it wrote. */
  output(): string;
  stop(): Promise<void>;
}

export interface Leftovers {
  folder?: string;
  container?: string;
}

// The shell reads a pipe whose other end is ours: it closes when this process ends, however it ends.
// What these servers hold is thrown away, so they are killed without ceremony.
const CLEAN_UP = `
[ -z "$GUARD_FOLDER" ] || rm -rf "$GUARD_FOLDER"
[ -z "$GUARD_CONTAINER" ] || docker rm --force "$GUARD_CONTAINER" >/dev/null 2>&1`;
const RUN = `
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
exec >/dev/null 2>&1
(cat <&3; kill -9 $server) &
wait $server
code=$?
${CLEAN_UP}
exit $code`;
const KEEP = `
cat
for attempt in 1 2 3 4 5; do rm -rf "$GUARD_FOLDER" && break; sleep 1; done`;
const WATCH = `
cat
kill -QUIT $GUARD_PID 2>/dev/null
while kill -0 $GUARD_PID 2>/dev/null; do sleep 0.1; done
${CLEAN_UP}`;

/** Runs a command; at its end the folder and the container are removed. */
export function runGuarded(command: string[], leftovers: Leftovers): Guarded {
  return guard(['-c', RUN, 'guard', ...command], leftovers);
}

/** Ends a process that was started elsewhere together with this one, then removes the folder. */
export function guardProcess(pid: number, leftovers: Leftovers): Guarded {
  return guard(['-c', WATCH], leftovers, pid);
}

/** Removes a folder together with this one, for a server whose data outlives its process. */
export function guardFolder(folder: string): Guarded {
  return guard(['-c', KEEP], { folder });
}

function guard(args: string[], { folder = '', container = '' }: Leftovers, pid?: number): Guarded {
  const env = { ...process.env, GUARD_FOLDER: folder, GUARD_CONTAINER: container, GUARD_PID: `${pid ?? ''}` };
  // Its own process group: Ctrl-C in the terminal reaches this process only, which then stops the server.
  const shell: ChildProcess = spawn('sh', args, { detached: true, stdio: ['pipe', 'pipe', 'pipe'], env, cwd: '/' });
  let tail = '';
  let gone = false;
  for (const stream of [shell.stdout!, shell.stderr!])
    stream.setEncoding('utf8').on('data', (text: string) => (tail = (tail + text).slice(-4000)));
  const exit = once(shell, 'exit');
  shell.once('exit', () => {
    gone = true;
    shell.stdin!.destroy();
  });
  shell.stdin!.on('error', () => undefined);
  return {
    exited: () => gone,
    output: () => tail.trim(),
    stop: async () => {
      shell.stdin!.end();
      await exit;
      // A child of the server that outlives it would keep the pipes, and with them this process, open.
      for (const stream of [shell.stdout!, shell.stderr!]) stream.destroy();
    },
  };
}
