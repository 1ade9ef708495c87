import { createPublicKey, generateKeyPairSync, randomUUID, sign, verify } from 'node:crypto';
import { readSettings } from '../src/config/settings.js';
import { toPublicJwk } from '../src/crypto/jwk.js';
import { hmacSha256 } from '../src/crypto/tokens.js';
import { deleteRetiredKeys } from '../src/auth/keys/key-rotation.js';
import { TestApp, testValues } from './support/app.js';
import { runHosted } from './support/scripts.js';
import { word } from './support/sessions.js';
import { until } from './support/until.js';

const ISSUER = 'https://users.example.com';
const ES256 = { JWT_ALGORITHM: 'ES256', PUBLIC_BASE_URL: ISSUER };
const REFUSED = '401 unauthenticated';
const dsaEncoding = 'ieee-p1363' as const;
const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const pemOf = (key = newKey()) => key.export({ format: 'pem', type: 'pkcs8' }) as string;
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const read = (token: string, index: number) =>
  JSON.parse(Buffer.from(token.split('.')[index]!, 'base64url').toString()) as Record<string, unknown>;
const first = newKey();
const second = newKey();

let service: TestApp;
let other: TestApp;

beforeAll(async () => {
  service = await TestApp.start({ ...ES256, JWT_PRIVATE_KEYS: `${pemOf(first)}${pemOf(second)}` });
  // An instance of the former setting, in the middle of a deployment.
  other = await TestApp.start({ PUBLIC_BASE_URL: ISSUER });
});
afterAll(async () => {
  await other.stop();
  await service.stopAndDrop();
});

const published = async (on = service) => (await on.get('/.well-known/jwks.json')).body.keys as { kid: string }[];

/** What a service does that has the JWK Set and nothing else. */
async function verifiesOffline(token: string): Promise<boolean> {
  const jwk = (await published()).find(({ kid }) => kid === read(token, 0).kid);
  const [header, claims, signature] = token.split('.');
  const key = createPublicKey({ key: jwk as never, format: 'jwk' });
  const text = Buffer.from(`${header}.${claims}`);
  return verify('sha256', text, { key, dsaEncoding }, Buffer.from(signature!, 'base64url'));
}

describe('an access token under JWT_ALGORITHM=ES256', () => {
  it('names its key and its issuer, has no audience, and verifies with the JWK Set alone', async () => {
    const { access, id } = await service.member();
    expect(read(access, 0)).toEqual({ alg: 'ES256', typ: 'JWT', kid: toPublicJwk(first).kid });
    const claims = read(access, 1);
    expect(claims).toMatchObject({ iss: ISSUER, sub: id, user_id: id });
    expect(claims).not.toHaveProperty('aud');
    expect(claims.iat as number).toBeLessThanOrEqual(Date.now() / 1000);
    expect(await verifiesOffline(access)).toBe(true);
    for (const instance of [service, other]) expect((await instance.get('/users/profile', access)).status).toBe(200);
  });

  it('is accepted beside one that JWT_SECRET has signed', async () => {
    const { access } = await other.member();
    expect(read(access, 0)).toEqual({ alg: 'HS256', typ: 'JWT' });
    expect((await service.get('/users/profile', access)).status).toBe(200);
  });

  it('is refused where it is forged, has no end, critical headers or another user_id', async () => {
    const { access } = await service.member();
    const [header, claims] = [read(access, 0), read(access, 1)];
    const mint = (values: object, headers: object = {}, key = first) => {
      const text = `${part({ ...header, ...headers })}.${part(values)}`;
      return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding }).toString('base64url')}`;
    };
    expect((await service.get('/users/profile', mint(claims))).status).toBe(200);
    const { exp: _, ...endless } = claims;
    const jwk = toPublicJwk(first);
    const body = `${part({ alg: 'HS256', typ: 'JWT', kid: jwk.kid })}.${part(claims)}`;
    const spki = createPublicKey(first).export({ format: 'pem', type: 'spki' });
    const forged = [
      mint(claims, {}, newKey()),
      mint(claims, { kid: randomUUID() }),
      mint(claims, { kid: undefined }),
      mint(claims, { kid: toPublicJwk(second).kid }),
      mint(claims, { crit: ['b64'], b64: true }),
      mint(endless),
      mint({ ...claims, exp: 1 }),
      mint({ ...claims, user_id: randomUUID() }),
      `${part({ ...header, alg: 'none' })}.${part(claims)}.`,
      // The public key taken for a secret (RFC 8725 §2.1).
      ...[String(spki), JSON.stringify(jwk)].map(
        (secret) => `${body}.${hmacSha256(Buffer.from(secret), body).toString('base64url')}`,
      ),
      `${access}.${access}`,
      access.slice(0, -2),
    ];
    for (const token of forged)
      for (const instance of [service, other]) expect(word(await instance.get('/users/profile', token))).toBe(REFUSED);
  });
});

describe('GET /.well-known/jwks.json', () => {
  it('answers public keys only, for five minutes', async () => {
    const { status, headers, body } = await service.get('/.well-known/jwks.json');
    expect([status, headers['cache-control']]).toEqual([200, 'public, max-age=300']);
    expect(body.keys).toHaveLength(2);
    expect(body.keys).toEqual(expect.arrayContaining([first, second].map(toPublicJwk)));
  });

  it('holds the private keys encrypted in the table', async () => {
    const rows = await service.sql('SELECT private_key FROM signing_keys');
    expect(rows.every(({ private_key: stored }) => /^k1\.[A-Za-z0-9_-]+$/.test(stored))).toBe(true);
  });
});

describe('JWT_PRIVATE_KEYS', () => {
  const keysOf = (value: string) =>
    readSettings(testValues({ JWT_PRIVATE_KEYS: value })).jwt.privateKeys.map((key) => toPublicJwk(key).kid);
  const jwk = (key = first) => key.export({ format: 'jwk' });
  const expected = [first, second].map((key) => toPublicJwk(key).kid);

  it.each([
    ['PEM', pemOf(first) + pemOf(second)],
    ['PEM of OpenSSL', first.export({ format: 'pem', type: 'sec1' }) + pemOf(second)],
    ['PEM on one line', (pemOf(first) + pemOf(second)).replaceAll('\n', '\\n')],
    ['a list of JWKs', JSON.stringify([jwk(), jwk(second)])],
    ['a JWK Set', JSON.stringify({ keys: [jwk(), jwk(second)] })],
  ])('may be %s', (_, value) => expect(keysOf(value)).toEqual(expected));

  it('may be a single JWK', () => expect(keysOf(JSON.stringify(jwk()))).toEqual(expected.slice(0, 1)));

  it.each([
    ['text', 'secret'],
    ['a public key', JSON.stringify(createPublicKey(first).export({ format: 'jwk' }))],
    ['another curve', pemOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey)],
    ['another kind', pemOf(generateKeyPairSync('ed25519').privateKey)],
  ])('may not be %s', (_, value) =>
    expect(() => keysOf(value)).toThrow('JWT_PRIVATE_KEYS must be private keys of the curve P-256, as PEM or JWK'),
  );
});

describe('npm run keys:rotate', () => {
  const rotate = (...args: string[]) => runHosted('keys-rotate', args);

  it('changes the key of all instances while requests run, and refuses none', async () => {
    const third = await TestApp.start({ ...ES256, JWT_PRIVATE_KEYS: pemOf() });
    const instances = [service, third, other];
    const people = await Promise.all(Array.from({ length: 4 }, () => service.member()));
    const before = (await published()).map(({ kid }) => kid);
    const statuses: number[] = [];
    const signers = new Set<unknown>();
    const state = { rotated: false };
    const rotation = rotate('--wait', '1').then((result) => {
      state.rotated = true;
      return result;
    });
    const newSigner = () => [...signers].some((kid) => !before.includes(String(kid)));
    // Each person refreshes at one instance and reads at the two others, until the new key signs.
    await Promise.all(
      people.map(async (person, index) => {
        let { refresh } = person;
        for (let round = index; round < index + 12 || !state.rotated || !newSigner(); round += 1) {
          const { status, body } = await instances[round % 2]!.post('/auth/refresh', { refresh_token: refresh });
          refresh = body.refresh_token;
          signers.add(read(body.access_token, 0).kid);
          statuses.push(status);
          for (const instance of instances) {
            statuses.push((await instance.get('/users/profile', body.access_token)).status);
            statuses.push((await instance.get('/users/profile', person.access)).status);
          }
        }
      }),
    );
    const { code, output } = await rotation;
    const [, kid] = /^key (\S{43}) signs from \d{4}-\S+Z on$/m.exec(output)!;
    expect([code, output]).toEqual([0, expect.stringMatching(/the key before verifies until \d{4}-\S+Z/)]);
    expect(statuses.length).toBeGreaterThanOrEqual(200);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    expect([...signers]).toEqual(expect.arrayContaining([before.at(-1), kid]));
    expect((await published(third)).map((jwk) => jwk.kid)).toEqual([...before, kid]);
    await third.stop();
  }, 60_000);

  it('publishes the next key before it signs, and refuses a second rotation until then', async () => {
    const { code } = await rotate('--wait', '3600');
    expect(code).toBe(0);
    await until(async () => (await published()).length === 4);
    const next = (await published()).at(-1)!.kid;
    expect(read((await service.member()).access, 0).kid).not.toBe(next);
    expect(await rotate()).toMatchObject({
      code: 1,
      output: expect.stringMatching(/signs from \S+Z on: wait until then/),
    });
  }, 60_000);

  it('keeps a key until its last token has expired', async () => {
    const before = await published();
    await service.sql(`UPDATE signing_keys SET retires_at = now() - interval '1 second' WHERE kid = $1`, [
      before[0]!.kid,
    ]);
    expect(await service.database.transaction((tx) => deleteRetiredKeys(tx, 10))).toBe(1);
    expect(await service.sql('SELECT 1 FROM signing_keys')).toHaveLength(before.length - 1);
  });

  it('is not kept by a row that cannot be decrypted', async () => {
    const [{ kid }] = (await published()) as [{ kid: string }];
    await service.sql(
      `INSERT INTO signing_keys (kid, private_key, signs_from) VALUES ('unreadable', 'k9.AAAA', now())`,
    );
    await service.sql(`UPDATE signing_keys SET retires_at = now() - interval '1 second' WHERE kid = $1`, [kid]);
    await service.sql('NOTIFY signing_keys');
    for (const instance of [service, other])
      await until(async () => (await published(instance)).every((key) => key.kid !== kid));
    expect(await published()).not.toHaveLength(0);
    expect((await service.get('/users/profile', (await service.member()).access)).status).toBe(200);
    await service.sql(`DELETE FROM signing_keys WHERE kid = 'unreadable'`);
  });

  it('with --compromised ends the keys before at once, also for tokens that were verified', async () => {
    const { access, refresh } = await service.member();
    for (const instance of [service, other]) expect((await instance.get('/users/profile', access)).status).toBe(200);
    expect((await rotate('--compromised')).code).toBe(2);
    expect((await rotate('--compromised', '--yes')).output).toMatch(/the keys before are deleted/);
    for (const instance of [service, other])
      await until(async () => (await instance.get('/users/profile', access)).status === 401);
    const { body } = await service.post('/auth/refresh', { refresh_token: refresh });
    for (const instance of [service, other])
      expect((await instance.get('/users/profile', body.access_token)).status).toBe(200);
    expect(await published()).toHaveLength(1);
  }, 60_000);
});
