import { createHmac, hash, randomUUID } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';
import { Authenticator } from '../support/authenticator.js';
import { deriveKey } from '../../src/crypto/tokens.js';
import type { Loot } from './loot.js';
import { pendingSignIn, type Population } from './members.js';
import { type Answer, ask, type Scene } from './scene.js';

/** Texts of one place that are tried at each door: enough to meet each kind of row. */
const MAX_TEXTS_ENTRIES = 12;
const MAX_FORGED_ROWS = 200;
const NEW_PASSWORD = 'a password of the thief 81';

export class Attempt {
  tries = 0;
  /** What opened something, or where it stood. */
  readonly opened: string[] = [];

  constructor(readonly name: string) {}

  count(isOpened: boolean, what: string): void {
    this.tries += 1;
    if (isOpened) this.opened.push(what);
  }
}

type Door = (scene: Scene, text: string) => Promise<Answer>;

const post = (path: string, bodyOf: (text: string) => object): Door => {
  return (scene, text) => ask(scene, 'POST', path, { body: bodyOf(text) });
};

const readProfile: Door = (scene, bearer) => ask(scene, 'GET', '/users/profile', { bearer });
const refresh = post('/auth/refresh', (refresh_token) => ({ refresh_token }));

/** Requests that take a secret. A door opens with a success, or with an answer that only a right secret gets. */
const doors: Record<string, Door> = {
  'as an access token': readProfile,
  'as a service’s token': (scene, bearer) => ask(scene, 'GET', '/users/search?q=ada', { bearer }),
  'as a refresh token': refresh,
  'as a link that confirms': post('/auth/email/verify', (token) => ({ token })),
  'as a reset link': post('/auth/password/reset', (token) => ({ token, password: NEW_PASSWORD })),
  'as a link of a notice': post('/auth/account/not-me', (token) => ({ token })),
  'as a code of a sign-in': post('/auth/oauth/exchange', (code) => ({ code })),
  'as an mfa_token': post('/auth/mfa/verify', (mfa_token) => ({ mfa_token, method: 'totp', code: '000000' })),
};

const isOpen = ({ status, body }: Answer) => status < 300 || body?.error?.type === 'invalid_mfa_code';

/** Header values and JSON texts only, as a client could send them. */
const isSendable = (text: string) => text.length < 4000 && /^[\x20-\x7e]+$/.test(text);

/** Sends what was found at each door. */
export async function replayTexts(scene: Scene, loot: Loot): Promise<Attempt[]> {
  const attempts: Attempt[] = [];
  for (const [name, door] of Object.entries(doors)) {
    const attempt = new Attempt(`texts of the data ${name}`);
    for (const [place, texts] of loot)
      for (const text of spread([...texts].filter(isSendable))) {
        attempt.count(isOpen(await door(scene, text)), place);
      }
    attempts.push(attempt);
  }
  return attempts;
}

/** The shapes of tokens first, then from all over the list. */
function spread(texts: string[]): string[] {
  const shaped = texts.filter((text) => /^[\w.-]{20,}$/.test(text));
  const step = Math.max(1, Math.floor(shaped.length / MAX_TEXTS_ENTRIES));
  return [...new Set([...shaped.filter((_, index) => index % step === 0), ...texts])].slice(0, MAX_TEXTS_ENTRIES);
}

/** Keys that anybody with the gateway's secret can compute. */
function keysOfGateway({ gateway: { JWT_SECRET } }: Scene, purpose: string): (string | Buffer)[] {
  return [
    JWT_SECRET,
    Buffer.from(JWT_SECRET, 'base64'),
    deriveKey(JWT_SECRET, purpose),
    hash('sha256', JWT_SECRET, 'buffer'),
  ];
}

const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Access tokens for live sessions, made from the database and the gateway's secret. */
export async function forgeAccessTokens(scene: Scene): Promise<Attempt> {
  const { rows } = await scene.database.query(
    `SELECT s.id AS sid, u.id, u.email, u.name, u.role FROM user_sessions s JOIN users u ON u.id = s.user_id
      WHERE s.revoked_at IS NULL ORDER BY (u.role = 'admin') DESC LIMIT $1`,
    [MAX_FORGED_ROWS],
  );
  const attempt = new Attempt('access tokens made with JWT_SECRET');
  for (const { sid, id, email, name, role } of rows) {
    const iat = Math.floor(Date.now() / 1000);
    const person = { sub: id, user_id: id, email, name, role, sid };
    const claims = { ...person, auth_time: iat, amr: ['pwd', 'mfa'], acr: 'aal2', iat, exp: iat + 3600 };
    const sorted = JSON.stringify(Object.fromEntries(Object.entries(claims).sort(([a], [b]) => (a < b ? -1 : 1))));
    const macs = keysOfGateway(scene, 'access-token').map((key) => createHmac('sha256', key).update(sorted));
    const ids = [undefined, randomUUID(), ...macs.map((mac) => mac.digest('base64url'))];
    for (const jti of ids)
      for (const alg of ['HS256', 'none']) {
        const signed = `${base64url({ alg, typ: 'JWT' })}.${base64url({ ...claims, jti })}`;
        const signature = createHmac('sha256', scene.gateway.JWT_SECRET).update(signed).digest('base64url');
        const bearer = `${signed}.${alg === 'none' ? '' : signature}`;
        attempt.count(isOpen(await readProfile(scene, bearer)), `jti ${jti?.length}`);
      }
  }
  return attempt;
}

/** The current and the next refresh token of each session, made with the gateway's secret. */
export async function computeRefreshTokens(scene: Scene): Promise<Attempt> {
  const { rows } = await scene.database.query(
    'SELECT id, counter FROM user_sessions WHERE revoked_at IS NULL LIMIT $1',
    [MAX_FORGED_ROWS],
  );
  const attempt = new Attempt('refresh tokens computed with JWT_SECRET');
  for (const { id, counter } of rows)
    for (const key of keysOfGateway(scene, 'refresh-token'))
      for (const number of [counter, counter + 1]) {
        const body = `${Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url')}.${number}`;
        const token = `${body}.${createHmac('sha256', key).update(body).digest('base64url')}`;
        attempt.count(isOpen(await refresh(scene, token)), 'session');
      }
  return attempt;
}

export async function replayUsedTokens(scene: Scene, { usedRefreshTokens }: Population): Promise<Attempt> {
  const attempt = new Attempt('refresh tokens that were used before');
  for (const token of usedRefreshTokens) attempt.count(isOpen(await refresh(scene, token)), 'session');
  return attempt;
}

/** Second factors of accounts whose password the thief has, from what is stored of them. */
export async function answerFactors(scene: Scene, { withFactor }: Population): Promise<Attempt> {
  const attempt = new Attempt('second factors from what is stored, with the password');
  for (const member of withFactor.slice(0, MAX_FORGED_ROWS)) {
    const stored = (table: string, column: string) =>
      scene.database.query(`SELECT ${column} AS text FROM ${table} WHERE user_id = $1`, [member.id]);
    const secrets = (await stored('mfa_factors', 'secret')).rows.flatMap(({ text }) => readingsOf(text));
    const codes = (await stored('recovery_codes', 'code_mac')).rows.slice(0, 2).map(({ text }) => String(text));
    const answers = [
      ...secrets.map((secret) => ({
        method: 'totp',
        code: new TOTP({ secret }).generate({ timestamp: Date.now() + 30_000 }),
      })),
      ...codes.map((code) => ({ method: 'recovery_code', code })),
    ];
    const mfa_token = await pendingSignIn(scene, member);
    for (const answer of answers) {
      const { status } = await ask(scene, 'POST', '/auth/mfa/verify', { body: { mfa_token, ...answer } });
      attempt.count(status === 200, answer.method);
    }
  }
  return attempt;
}

/** A stored secret in the spellings that it may have. */
function readingsOf(text: string): Secret[] {
  const part = text.slice(text.indexOf('.') + 1);
  const bytes = [Buffer.from(text), Buffer.from(part, 'base64url'), Buffer.from(part, 'hex')];
  const secrets = bytes
    .filter(({ length }) => length > 0)
    .map((raw) => new Secret({ buffer: new Uint8Array(raw).buffer }));
  return /^[A-Z2-7]+$/.test(text) ? [Secret.fromBase32(text), ...secrets] : secrets;
}

/** Assertions for the passkeys of members, with their ids and a key of the thief. */
export async function forgePasskeys(scene: Scene): Promise<Attempt> {
  const { rows } = await scene.database.query('SELECT credential_id, user_id FROM webauthn_credentials LIMIT $1', [
    MAX_FORGED_ROWS,
  ]);
  const attempt = new Attempt('passkeys of members with another key');
  for (const { credential_id: id, user_id: userId } of rows) {
    const authenticator = Object.assign(new Authenticator(), { id: Buffer.from(id, 'base64url'), counter: 1_000_000 });
    const { body } = await ask(scene, 'POST', '/auth/passkeys/options');
    const userHandle = Buffer.from(userId.replaceAll('-', ''), 'hex').toString('base64url');
    const credential = authenticator.get(body.options, { userHandle });
    const answer = await ask(scene, 'POST', '/auth/passkeys/login', { body: { credential } });
    attempt.count(isOpen(answer), 'passkey');
  }
  return attempt;
}

/** With write access to PostgreSQL: ciphertexts of others moved to the thief's row, to be read in the thief's profile. */
export async function moveCiphertexts(scene: Scene, { thief }: Population): Promise<Attempt> {
  const { rows } = await scene.database.query('SELECT phone FROM users WHERE phone IS NOT NULL LIMIT $1', [
    MAX_FORGED_ROWS,
  ]);
  const attempt = new Attempt('ciphertexts moved to another row');
  for (const { phone } of rows) {
    await scene.database.query('UPDATE users SET phone = $2, updated_at = now() WHERE id = $1', [thief.id, phone]);
    await scene.redis.del(`user:profile:${thief.id}`);
    const { body } = await ask(scene, 'GET', '/users/profile', { bearer: thief.access });
    attempt.count(body.phone !== null, 'users.phone');
  }
  return attempt;
}
