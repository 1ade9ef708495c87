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
  while (state.going) {
    answers.push(timed(url, init).then((milliseconds) => void spent.push(milliseconds)));
    await new Promise((resolve) => setTimeout(resolve, 1000 / perSecond));
  }
  await Promise.all(answers);
  return spent;
}

async function timed(url: string, init: RequestInit): Promise<number> {
  const started = performance.now();
  const answer = await fetch(url, init);
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return performance.now() - started;
}
