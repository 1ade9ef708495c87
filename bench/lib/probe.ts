/**
 * Sends a request at a steady rate without waiting for answers (open loop), so that a slow answer delays no
 * other and each is counted.
 * @param perSecond requests per second
 * @returns latencies in milliseconds
 */
export async function probe(url: string, init: RequestInit, perSecond: number, done: Promise<unknown>) {
  const state = { going: true };
  void done.finally(() => (state.going = false));
  const spent: number[] = [];
  const answers: Promise<void>[] = [];
  const ask = async () => {
    const [status, milliseconds] = await timed(url, init);
    if (status !== 200) throw new Error(`${url} answered ${status}`);
    spent.push(milliseconds);
  };
  while (state.going) {
    answers.push(ask());
    await new Promise((resolve) => setTimeout(resolve, 1000 / perSecond));
  }
  await Promise.all(answers);
  return spent;
}

export async function timed(url: string, init: RequestInit): Promise<[status: number, milliseconds: number]> {
  const started = performance.now();
  const answer = await fetch(url, init);
  await answer.arrayBuffer();
  return [answer.status, performance.now() - started];
}
