/**
 * Calls back when `npm run dev` is gone while this process lives on: a killed npm passes nothing on to its child, which would
 * keep the port and the embedded database. Only that script is watched; a service started in another way outlives its shell.
 */
export function onParentExit(callback: () => void): void {
  if (process.env.npm_lifecycle_event !== 'dev') return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    callback();
  }, 500);
  timer.unref();
}
