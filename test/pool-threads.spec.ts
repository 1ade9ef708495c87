import { readdirSync, readFileSync } from 'node:fs';
import { platform } from 'node:os';
import { yieldToEventLoop } from '../src/crypto/pool-threads.js';
import { describeUnless } from './support/environment.js';

const obstacle = platform() === 'linux' ? null : 'only on Linux a thread has a priority of its own';

/** Niceness of each thread of this process, by id: field 19 of stat (proc(5)). */
function nicenessOfThreads(): Map<number, number> {
  const fields = (id: string) => readFileSync(`/proc/self/task/${id}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return new Map(readdirSync('/proc/self/task').map((id) => [Number(id), Number(fields(id)[16])]));
}

describeUnless(obstacle, 'the threads that hash', () => {
  it('yield to the one of the event loop', async () => {
    const own = nicenessOfThreads().get(process.pid);
    expect(await yieldToEventLoop(4)).toBe(4);
    const niceness = nicenessOfThreads();
    expect([...niceness.values()].filter((value) => value === 10)).toHaveLength(4);
    expect(niceness.get(process.pid)).toBe(own);
  });
});
