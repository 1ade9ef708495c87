const LINE_EVERY_MS = 10_000;

/** One line that renews itself on a terminal, one every ten seconds elsewhere. */
export function startProgress(from: number, to: number) {
  const started = performance.now();
  const { stderr } = process;
  let shown = started;

  function report(done: number): void {
    const now = performance.now();
    if (!stderr.isTTY && now - shown < LINE_EVERY_MS && done < to) return;
    shown = now;
    const rate = ((done - from) / Math.max(now - started, 1)) * 1000;
    const left = rate > 0 ? `${Math.ceil((to - done) / rate)} s left` : '';
    const percent = `${Math.floor((done / to) * 100)} %`.padStart(5);
    const line = `${percent}  ${done.toLocaleString('en')} of ${to.toLocaleString('en')} users  ${Math.round(rate).toLocaleString('en')}/s  ${left}`;
    stderr.write(stderr.isTTY ? `\r${line.padEnd(70)}` : `${line}\n`);
  }

  function end(): void {
    if (stderr.isTTY) stderr.write('\n');
  }

  return { report, end };
}
