/**
 * Asks for one thing at a steady pace, whether or not the answer before has come, so that a slow answer delays none of the
 * others and each is counted.
 * @param perSecond requests a second
 * @returns milliseconds of each answer
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
