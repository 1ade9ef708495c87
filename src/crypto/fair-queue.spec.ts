import { FairQueue } from './fair-queue.js';

function drain(queue: FairQueue<string>): string[] {
  const served: string[] = [];
  for (let item = queue.next(); item !== undefined; item = queue.next()) served.push(item);
  return served;
}

const queueOf = (...items: string[]) => {
  const queue = new FairQueue<string>();
  for (const item of items) {
    const [client, account] = item.split(' ') as [string, string];
    queue.add({ client, account }, item);
  }
  return queue;
};

it('serves clients in turn, regardless of the length of their queues', () => {
  expect(drain(queueOf('a x 1', 'a x 2', 'a x 3', 'b y 1', 'c z 1', 'b y 2'))).toEqual([
    'a x 1',
    'b y 1',
    'c z 1',
    'a x 2',
    'b y 2',
    'a x 3',
  ]);
});

it('serves the accounts of a client in turn', () => {
  expect(drain(queueOf('a x 1', 'a x 2', 'a x 3', 'a y 1', 'a z 1'))).toEqual([
    'a x 1',
    'a y 1',
    'a z 1',
    'a x 2',
    'a x 3',
  ]);
});

it('serves a new client before one that has just had its turn', () => {
  const queue = queueOf('a x 1', 'a x 2');
  expect(queue.next()).toBe('a x 1');
  queue.add({ client: 'b', account: 'y' }, 'b y 1');
  queue.moveBack({ client: 'a', account: 'x' });
  expect(drain(queue)).toEqual(['b y 1', 'a x 2']);
});

it('puts one item per turn of a flood ahead of a new owner', () => {
  const queue = queueOf(...Array.from({ length: 50 }, (_, index) => `a x ${index}`));
  expect(queue.ahead({ client: 'a', account: 'x' })).toBe(50);
  expect(queue.ahead({ client: 'a', account: 'y' })).toBe(1);
  expect(queue.ahead({ client: 'b', account: 'y' })).toBe(1);
});

it('removes an item once', () => {
  const queue = queueOf('a x 1', 'a x 2', 'b y 1');
  for (let count = 0; count < 2; count += 1) queue.remove({ client: 'a', account: 'x' }, 'a x 1');
  expect(queue.size).toBe(2);
  expect(drain(queue)).toEqual(['a x 2', 'b y 1']);
  expect([queue.size, queue.ahead({ client: 'a', account: 'x' })]).toEqual([0, 0]);
});
