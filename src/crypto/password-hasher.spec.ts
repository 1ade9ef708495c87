import { availableParallelism } from 'node:os';
import bcrypt from 'bcrypt';
import { AppError } from '../common/errors.js';
import type { Settings } from '../config/settings.js';
import { MAX_WAIT_MS, PasswordHasher } from './password-hasher.js';

const hasherOf = (bcryptCost: number, threadPoolSize = 4) =>
  new PasswordHasher({ bcryptCost, threadPoolSize } as Settings);
const OWNER = { client: '192.0.2.1', account: 'ada@example.com' };
const SLOTS = Math.min(2, availableParallelism());

afterEach(() => jest.restoreAllMocks());

describe('PasswordHasher', () => {
  const hasher = hasherOf(4);

  it('matches only the password that was hashed', async () => {
    const hash = await hasher.hash('correct horse battery');
    expect(await hasher.match('correct horse battery', hash)).not.toBeNull();
    expect(await hasher.match('Correct horse battery', hash)).toBeNull();
  });

  it('rehashes if the cost is not the configured one', async () => {
    const hash = await hasher.hash('correct horse battery');
    expect(bcrypt.getRounds(hash)).toBe(4);
    expect(await hasher.rehashIfNeeded('correct horse battery', hash, OWNER)).toBeNull();
    expect(await hasher.rehashIfNeeded('correct horse battery', null, OWNER)).toBeNull();
    const rehashed = await hasherOf(5).rehashIfNeeded('correct horse battery', hash, OWNER);
    expect(bcrypt.getRounds(rehashed!)).toBe(5);
  });

  it('refuses a longer password that begins with the 72 bytes of the right one', async () => {
    const longest = 'é'.repeat(36);
    const hash = await hasher.hash(longest);
    expect(await hasher.match(longest, hash)).not.toBeNull();
    expect(await hasher.match(`${longest}x`, hash)).toBeNull();
    expect(await hasher.replace(`${longest}x`, hash, 'next password')).toBeNull();
  });

  it('replaces a hash only if the current password is right', async () => {
    const hash = await hasher.hash('correct horse battery');
    expect(await hasher.replace('wrong', hash, 'next password')).toBeNull();
    expect(await hasher.replace('correct horse battery', null, 'next password')).toBeNull();
    const next = await hasher.replace('correct horse battery', hash, 'next password');
    expect(await hasher.match('next password', next)).not.toBeNull();
  });
});

describe('without a hash to compare with', () => {
  it('does the same work as with one, at the configured cost', async () => {
    const compare = jest.spyOn(bcrypt, 'compare');
    const hasher = hasherOf(5);
    await hasher.match('a password', null);
    await hasher.match('a password', await hasher.hash('something else'));
    expect(compare.mock.calls.map(([, hash]) => bcrypt.getRounds(hash as string))).toEqual([5, 5]);
  });

  it('never matches, not even the dummy password', async () => {
    const hash = jest.spyOn(bcrypt, 'hash');
    const hasher = hasherOf(4);
    await hasher.match('a password', null);
    const [dummyPassword] = hash.mock.calls[0]!;
    expect(await hasher.match(dummyPassword as string, null)).toBeNull();
  });
});

describe('under load', () => {
  /** Hashes that stay in progress until `release`. */
  function heldHashes() {
    let release!: () => void;
    const held = new Promise<void>((resolve) => (release = resolve));
    const started = jest.spyOn(bcrypt, 'hash').mockImplementation(async () => {
      await held;
      return 'hash';
    });
    return { started, release };
  }

  it.each([
    [4, SLOTS],
    [3, 1],
    [1, 1],
  ])('uses, of a pool of %i threads, %i and queues the other hashes', async (threads, slots) => {
    const { started, release } = heldHashes();
    const hasher = hasherOf(4, threads);
    const all = Array.from({ length: 8 }, () => hasher.hash('password'));
    await new Promise(setImmediate);
    expect(started).toHaveBeenCalledTimes(slots);
    release();
    expect(await Promise.all(all)).toHaveLength(8);
    expect(started).toHaveBeenCalledTimes(8);
  });

  it('answers busy at once, with a retry time, if the result would come too late', async () => {
    const { started, release } = heldHashes();
    // Cost 16 is estimated at some three seconds a hash, so few fit into the timeout.
    const hasher = hasherOf(16);
    const results = Array.from({ length: 20 }, () => hasher.hash('password').catch((error: unknown) => error));
    const refused = (await Promise.race([results.at(-1)!, new Promise(setImmediate)])) as AppError;
    expect(refused).toBeInstanceOf(AppError);
    expect(refused.type).toBe('busy');
    expect(refused.extras.retryAfter).toBeGreaterThanOrEqual(4);
    expect(refused.extras.retryAfter).toBeLessThanOrEqual(MAX_WAIT_MS / 1000);
    release();
    const accepted = (await Promise.all(results)).filter((result) => result === 'hash');
    expect(accepted.length).toBeGreaterThan(SLOTS);
    expect(started).toHaveBeenCalledTimes(accepted.length);
    expect(await hasher.hash('once the queue is empty')).toBe('hash');
  });

  it('times out even if the estimate was too low', async () => {
    const { release } = heldHashes();
    const hasher = hasherOf(4);
    const holders = Array.from({ length: SLOTS }, () => hasher.hash('password'));
    await expect(hasher.match('password', '$2b$04$hash', 50)).rejects.toMatchObject({ type: 'busy' });
    release();
    await Promise.all(holders);
    expect(await hasher.hash('the queue is empty again')).toBe('hash');
  });

  it('continues after a hash failed', async () => {
    const hasher = hasherOf(4);
    const broken = jest.spyOn(bcrypt, 'hash').mockImplementation(() => Promise.reject(new Error('no memory')));
    const failures = Array.from({ length: 6 }, () => hasher.hash('password'));
    for (const result of await Promise.allSettled(failures)) expect(result.status).toBe('rejected');
    broken.mockRestore();
    expect(await hasher.hash('password')).toMatch(/^\$2b\$04\$/);
  });

  it('does not block the event loop', async () => {
    const hasher = hasherOf(9);
    let turns = 0;
    let hashing = true;
    const turn = () => {
      turns += 1;
      if (hashing) setImmediate(turn);
    };
    setImmediate(turn);
    await Promise.all(Array.from({ length: 8 }, () => hasher.hash('password')));
    hashing = false;
    // Hashing on the event loop would leave it a handful of turns.
    expect(turns).toBeGreaterThan(200);
  });
});
