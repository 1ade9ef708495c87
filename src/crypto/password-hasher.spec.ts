import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import bcrypt from 'bcrypt';
import { AppError } from '../common/errors.js';
import type { Settings } from '../config/settings.js';
import { MAX_WAIT_MS, PasswordHasher } from './password-hasher.js';
import { verifyPassword } from './password-schemes.js';

const hasherOf = (bcryptCost: number, threadPoolSize = 4, passwordHash: 'bcrypt' | 'argon2id' = 'bcrypt') =>
  new PasswordHasher({ bcryptCost, threadPoolSize, passwordHash, workers: { count: 1 } } as Settings);
const SLOTS = Math.min(2, availableParallelism());

afterEach(() => jest.restoreAllMocks());

describe('PasswordHasher', () => {
  const hasher = hasherOf(4);

  it('matches only the password that was hashed', async () => {
    const hash = await hasher.hash('correct horse battery');
    expect(await hasher.match('correct horse battery', hash)).not.toBeNull();
    expect(await hasher.match('Correct horse battery', hash)).toBeNull();
  });

  it('tells hashes of the configured kind and cost from those to be replaced', async () => {
    const old = await bcrypt.hash('correct horse battery', 4);
    const argon2id = await hasherOf(4, 4, 'argon2id').hash('correct horse battery');
    const current = await hasher.hash('correct horse battery');
    expect(argon2id).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(current).toMatch(/^hmac-sha384:\$2b\$04\$/);
    for (const hash of [old, argon2id, current]) expect(await hasher.match('correct horse battery', hash)).toBe(true);
    for (const hash of [old, argon2id, current]) expect(await hasher.match('correct horse', hash)).toBeNull();
    expect([old, argon2id, current].map((hash) => hasher.isCurrent(hash))).toEqual([false, false, true]);
    expect(hasherOf(5).isCurrent(current)).toBe(false);
    expect([old, argon2id].map((hash) => hasherOf(4, 4, 'argon2id').isCurrent(hash))).toEqual([false, true]);
  });

  it('reads passwords beyond 72 bytes whole', async () => {
    const hash = await hasher.hash(`${'é'.repeat(40)}x`);
    expect(await hasher.match(`${'é'.repeat(40)}x`, hash)).toBe(true);
    expect(await hasher.match(`${'é'.repeat(40)}y`, hash)).toBeNull();
  });

  it('refuses a longer password that begins with the 72 bytes of an old hash', async () => {
    const longest = 'é'.repeat(36);
    const hash = await bcrypt.hash(longest, 4);
    expect(await hasher.match(longest, hash)).toBe(true);
    expect(await hasher.match(`${longest}x`, hash)).toBeNull();
    expect(await hasher.replace(`${longest}x`, hash, 'next password')).toBeNull();
  });

  it('refuses more than 128 characters', async () => {
    const hash = await hasher.hash('é'.repeat(129));
    expect(await hasher.match('é'.repeat(129), hash)).toBeNull();
  });

  it('refuses a digest that was made without the fixed word, as by another service', async () => {
    const leaked = createHash('sha384').update('correct horse battery').digest('base64');
    const hash = `hmac-sha384:${await bcrypt.hash(leaked, 4)}`;
    expect(await verifyPassword('correct horse battery', hash)).toBe(false);
    expect(await verifyPassword(leaked, hash)).toBe(false);
  });

  it('replaces a hash only if the current password is right', async () => {
    const hash = await hasher.hash('correct horse battery');
    expect(await hasher.replace('wrong', hash, 'next password')).toBeNull();
    expect(await hasher.replace('correct horse battery', null, 'next password')).toBeNull();
    const next = await hasher.replace('correct horse battery', hash, 'next password');
    expect(await hasher.match('next password', next)).not.toBeNull();
  });
});

describe('a refusal', () => {
  it('hashes nothing where there is no hash to compare with', async () => {
    const compare = jest.spyOn(bcrypt, 'compare');
    expect(await hasherOf(5).match('a password', null)).toBeNull();
    expect(compare).not.toHaveBeenCalled();
  });

  it('waits in line like a comparison, so that a full queue does not tell them apart', async () => {
    const hasher = hasherOf(16);
    let release!: (matches: boolean) => void;
    const compared = new Promise<boolean>((resolve) => (release = resolve));
    jest.spyOn(bcrypt, 'compare').mockImplementation(() => compared);
    const others = Array.from({ length: 20 }, () => hasher.match('password', '$2b$16$hash').catch(() => undefined));
    await expect(hasher.match('password', null)).rejects.toMatchObject({ type: 'busy' });
    release(false);
    await Promise.all(others);
  });

  it('is decided within its turn by what the caller knows of the account', async () => {
    const hasher = hasherOf(4);
    const hash = await hasher.hash('correct horse battery');
    const seen: boolean[] = [];
    const refuse = async (matches: boolean) => seen.push(matches) < 0;
    for (const password of ['correct horse battery', 'wrong'])
      expect(await hasher.match(password, hash, MAX_WAIT_MS, undefined, refuse)).toBeNull();
    expect(seen).toEqual([true, false]);
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
    const accepted = (await Promise.all(results)).filter((result) => result === 'hmac-sha384:hash');
    expect(accepted.length).toBeGreaterThan(SLOTS);
    expect(started).toHaveBeenCalledTimes(accepted.length);
    expect(await hasher.hash('once the queue is empty')).toBe('hmac-sha384:hash');
  });

  it('times out even if the estimate was too low', async () => {
    const { release } = heldHashes();
    const hasher = hasherOf(4);
    const holders = Array.from({ length: SLOTS }, () => hasher.hash('password'));
    await expect(hasher.match('password', '$2b$04$hash', 50)).rejects.toMatchObject({ type: 'busy' });
    release();
    await Promise.all(holders);
    expect(await hasher.hash('the queue is empty again')).toBe('hmac-sha384:hash');
  });

  it('continues after a hash failed', async () => {
    const hasher = hasherOf(4);
    const broken = jest.spyOn(bcrypt, 'hash').mockImplementation(() => Promise.reject(new Error('no memory')));
    const failures = Array.from({ length: 6 }, () => hasher.hash('password'));
    for (const result of await Promise.allSettled(failures)) expect(result.status).toBe('rejected');
    broken.mockRestore();
    expect(await hasher.hash('password')).toMatch(/^hmac-sha384:\$2b\$04\$/);
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
