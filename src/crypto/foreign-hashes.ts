import { createHash, createHmac, pbkdf2, scrypt, type ScryptOptions } from 'node:crypto';
import { promisify } from 'node:util';
import bcrypt from 'bcrypt';
import { equalInConstantTime } from './tokens.js';

/**
 * Bounds on the cost of one comparison: an imported hash names its own parameters, and an argon2 hash with `m=4194304` takes
 * 4 GiB and 15 s. They cover the defaults of Django, passlib, argon2-cffi and Werkzeug.
 */
const MAX_MEMORY_BYTES = 128 * 1024 * 1024;
const MAX_ARGON2_ITERATIONS = 10;
const MAX_SCRYPT_THREADS = 16;
const MAX_PBKDF2_ITERATIONS = 2_000_000;
const MAX_BCRYPT_COST = 14;
const MAX_HASH_CHARS = 1024;
const MIN_DIGEST_BYTES = 16;
const MAX_DIGEST_BYTES = 64;

type Compare = (password: string) => Promise<boolean>;
/** @returns null for parameters that are out of bounds or damaged */
type Parser = (...parts: string[]) => Compare | null;

const derivePbkdf2 = promisify(pbkdf2);
const deriveScrypt = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

const BCRYPT = String.raw`\$2[aby]\$(?:\d\d)\$[./A-Za-z0-9]{53}`;

/** Formats by the software that writes them; `.` stands for `+` in passlib's base64. */
const FORMATS: [pattern: RegExp, parse: Parser][] = [
  [new RegExp(`^(?:bcrypt\\$)?(${BCRYPT})$`), (hash) => ofBcrypt(hash, (password) => password)],
  // Django
  [new RegExp(`^bcrypt_sha256\\$(${BCRYPT})$`), (hash) => ofBcrypt(hash, (password) => sha256Hex(password))],
  [
    /^pbkdf2_(sha1|sha256|sha512)\$(\d+)\$([^$]+)\$([A-Za-z0-9+/=]+)$/,
    (digest, rounds, salt, hash) => ofPbkdf2(digest!, rounds!, Buffer.from(salt!), Buffer.from(hash!, 'base64')),
  ],
  [
    /^scrypt\$(\d+)\$([^$]+)\$(\d+)\$(\d+)\$([A-Za-z0-9+/=]+)$/,
    (n, salt, r, p, hash) =>
      ofScrypt(Number(n), Number(r), Number(p), Buffer.from(salt!), Buffer.from(hash!, 'base64')),
  ],
  // argon2-cffi, PHC strings; Django writes its own name before them
  [
    /^(?:argon2(?=\$))?(\$argon2(?:id|i|d)\$(?:v=\d+\$)?m=(\d+),t=(\d+),p=(\d+)\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+)$/,
    ofArgon2,
  ],
  // passlib
  [
    /^\$pbkdf2(?:-(sha256|sha512))?\$(\d+)\$([A-Za-z0-9./]+)\$([A-Za-z0-9./]+)$/,
    (digest, rounds, salt, hash) => ofPbkdf2(digest ?? 'sha1', rounds!, passlibBytes(salt!), passlibBytes(hash!)),
  ],
  [
    /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([A-Za-z0-9+/.]+)\$([A-Za-z0-9+/.]+)$/,
    (ln, r, p, salt, hash) => ofScrypt(2 ** Number(ln), Number(r), Number(p), passlibBytes(salt!), passlibBytes(hash!)),
  ],
  [
    /^\$bcrypt-sha256\$v=2,t=2b,r=(\d+)\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})$/,
    (rounds, salt, hash) =>
      ofBcrypt(`$2b$${rounds!.padStart(2, '0')}$${salt}${hash}`, (password) =>
        createHmac('sha256', salt!).update(password).digest('base64'),
      ),
  ],
  // Werkzeug
  [
    /^pbkdf2:(sha1|sha256|sha512):(\d+)\$([^$]+)\$([0-9a-f]+)$/,
    (digest, rounds, salt, hash) => ofPbkdf2(digest!, rounds!, Buffer.from(salt!), Buffer.from(hash!, 'hex')),
  ],
  [
    /^scrypt:(\d+):(\d+):(\d+)\$([^$]+)\$([0-9a-f]+)$/,
    (n, r, p, salt, hash) => ofScrypt(Number(n), Number(r), Number(p), Buffer.from(salt!), Buffer.from(hash!, 'hex')),
  ],
];

/**
 * Parses a hash of bcrypt, argon2, scrypt or PBKDF2 as Django, passlib, argon2-cffi and Werkzeug write it. The comparison runs on
 * the thread pool and treats long passwords as that software does.
 * @returns null for another format, or parameters out of bounds
 */
export function parseForeignHash(hash: string): Compare | null {
  if (hash.length > MAX_HASH_CHARS) return null;
  for (const [pattern, parse] of FORMATS) {
    const [, ...parts] = pattern.exec(hash) ?? [];
    if (parts.length > 0) return parse(...parts);
  }
  return null;
}

const sha256Hex = (text: string) => createHash('sha256').update(text).digest('hex');
const passlibBytes = (text: string) => Buffer.from(text.replaceAll('.', '+'), 'base64');
const isDigest = ({ length }: Buffer) => length >= MIN_DIGEST_BYTES && length <= MAX_DIGEST_BYTES;

/** @param prepare what the format hashes in place of the password */
function ofBcrypt(hash: string | undefined, prepare: (password: string) => string): Compare | null {
  // $2y$ is PHP's name for $2b$, which the library does not know.
  const known = hash!.replace(/^\$2y/, '$2b');
  const cost = Number(known.slice(4, 6));
  if (cost < 4 || cost > MAX_BCRYPT_COST) return null;
  return (password) => bcrypt.compare(prepare(password), known);
}

function ofPbkdf2(digest: string, rounds: string, salt: Buffer, hash: Buffer): Compare | null {
  const iterations = Number(rounds);
  if (iterations < 1 || iterations > MAX_PBKDF2_ITERATIONS || !isDigest(hash)) return null;
  return async (password) =>
    equalInConstantTime(await derivePbkdf2(password, salt, iterations, hash.length, digest), hash);
}

function ofScrypt(N: number, r: number, p: number, salt: Buffer, hash: Buffer): Compare | null {
  const memory = 128 * N * r;
  const isCost = N >= 2 && Number.isInteger(Math.log2(N)) && r >= 1 && p >= 1 && p <= MAX_SCRYPT_THREADS;
  if (!isCost || memory * p > MAX_MEMORY_BYTES || !isDigest(hash)) return null;
  const options = { N, r, p, maxmem: memory + 128 * r * p + 1024 * 1024 };
  return async (password) => equalInConstantTime(await deriveScrypt(password, salt, hash.length, options), hash);
}

function ofArgon2(hash?: string, memory?: string, iterations?: string, lanes?: string): Compare | null {
  const [m, t, p] = [Number(memory) * 1024, Number(iterations), Number(lanes)];
  if (m > MAX_MEMORY_BYTES || t < 1 || t > MAX_ARGON2_ITERATIONS || p < 1 || m < 8 * 1024 * p) return null;
  return async (password) => {
    // Loaded on first use.
    const { verify } = await import('@node-rs/argon2');
    // A damaged string throws.
    return verify(hash!, password).catch(() => false);
  };
}
