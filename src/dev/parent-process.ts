import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { npmScript } from '../config/process-environment.js';

const WATCHED = new Set(['dev', 'dev:full', 'services']);

/** The parent of a process; null if unknown, as on Windows. */
function parentOf(pid: number): number | null {
  const readers = [
    () => /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1],
    () => execFileSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8', stdio: 'pipe' }),
  ];
  for (const read of readers) {
    try {
      return Number(read()) || null;
    } catch {
      // Try the next reader.
    }
  }
  return null;
}

/**
 * Calls back when the npm that runs a development script was killed: it does not signal its child, which would keep the port
 * and the embedded database.
 */
export function onParentExit(callback: () => void): void {
  if (!WATCHED.has(npmScript())) return;
  const { ppid } = process;
  // npm runs scripts in a shell, which survives it in most cases: then npm is the grandparent.
  const grandparent = parentOf(ppid);
  const timer = setInterval(() => {
    if (process.ppid === ppid && (grandparent === null || parentOf(ppid) === grandparent)) return;
    clearInterval(timer);
    callback();
  }, 500);
  timer.unref();
}
