import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { npmScript } from '../config/process-environment.js';

const WATCHED = new Set(['dev', 'dev:full', 'services']);

/** The parent of a process; null where there is none to be found, as on Windows. */
function parentOf(pid: number): number | null {
  const readers = [
    () => /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1],
    () => execFileSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8', stdio: 'pipe' }),
  ];
  for (const read of readers) {
    try {
      return Number(read()) || null;
    } catch {
      // The next one may know.
    }
  }
  return null;
}

/**
 * Calls back when the npm of a development script is gone while this process lives on: a killed npm passes nothing on to its
 * child, which would keep the port and the embedded database. A service started in another way outlives its shell.
 */
export function onParentExit(callback: () => void): void {
  if (!WATCHED.has(npmScript())) return;
  const { ppid } = process;
  // npm runs a script in a shell, and most shells wait for it: then npm is the process above, and the shell survives it.
  const above = parentOf(ppid);
  const timer = setInterval(() => {
    if (process.ppid === ppid && (above === null || parentOf(ppid) === above)) return;
    clearInterval(timer);
    callback();
  }, 500);
  timer.unref();
}
