const WATCHED = new Set(['dev', 'dev:full', 'services']);

/**
 * Calls back when the npm of a development script is gone while this process lives on: a killed npm passes nothing on to its
 * child, which would keep the port and the embedded database. A service started in another way outlives its shell.
 */
export function onParentExit(callback: () => void): void {
  if (!WATCHED.has(process.env.npm_lifecycle_event ?? '')) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    callback();
  }, 500);
  timer.unref();
}
