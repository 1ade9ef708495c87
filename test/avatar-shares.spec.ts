import './support/log-file-only.js';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { AddressInfo, connect, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Logger } from '../src/common/logger.js';
import { LOGGER } from '../src/common/logger.module.js';
import { stripAncillaryChunks } from '../src/users/png-chunks.js';
import { Member, TestApp } from './support/app.js';
import { BOUNDARY, chunkBomb, deepPng, form, FORM, picture, pngOfChunks } from './support/images.js';
import { until } from './support/until.js';

const home = mkdtempSync(path.join(tmpdir(), 'meetinity-avatars-'));
let service: TestApp;
let port: number;

beforeAll(async () => {
  service = await TestApp.start({ UPLOAD_FOLDER: path.join(home, 'pictures'), MAX_CONTENT_LENGTH: '16777216' });
  await service.app.listen(0, '127.0.0.1');
  ({ port } = service.app.getHttpServer().address() as AddressInfo);
});
afterAll(async () => {
  await service.stopAndDrop();
  rmSync(home, { recursive: true });
});

const upload = ({ access }: Member, content: Buffer, filename = 'a.png', app = service) =>
  app.request('POST', '/users/profile/avatar', { payload: form({ filename, content }), headers: FORM, token: access });

/** An upload that begins and goes on by a few bytes now and then. */
function drip(address: string, token: string) {
  const socket: Socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (data) => (answer += data)).on('error', () => undefined);
  const type = address.startsWith('/users') ? `multipart/form-data; boundary=${BOUNDARY}` : 'application/json';
  const head = [`POST ${address} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${token}`, `Content-Type: ${type}`];
  const length = `Content-Length: ${type.startsWith('multipart') ? 1_000_000 : 1000}`;
  socket.write(`${[...head, length].join('\r\n')}\r\n\r\n`);
  const opening = form({ filename: 'a.png', content: '' }).subarray(0, -BOUNDARY.length - 8);
  socket.write(type.startsWith('multipart') ? opening : '{"');
  const timer = setInterval(() => socket.write('x'), 200);
  socket.on('close', () => clearInterval(timer));
  return { answer: () => answer, socket };
}

describe('connections that drip', () => {
  it('of few members keep no other member from uploading, and lose their places', async () => {
    const members = await Promise.all([1, 2, 3, 4].map(() => service.member()));
    const drips = [...members, ...members].map(({ access }) => drip('/users/profile/avatar', access));
    const refused = () => drips.filter(({ answer }) => answer().includes('"busy"'));
    await until(() => refused().length === 4);
    const png = await picture('png');
    expect((await upload(await service.member(), png)).status).toBe(200);
    const slow = drips.filter((each) => !refused().includes(each));
    await until(() => slow.every(({ answer }) => answer().includes('"request_timeout"')), 20_000);
    expect(slow.map(({ answer }) => answer().slice(0, 12))).toEqual(Array(4).fill('HTTP/1.1 408'));
    expect((await upload(members[0]!, png)).status).toBe(200);
    for (const { socket } of drips) socket.destroy();
  });

  it('with another body, or with headers, are answered 408 after half a minute', async () => {
    const { access } = await service.member();
    const body = drip('/auth/logout', access);
    const headers = connect(port, '127.0.0.1').on('error', () => undefined);
    let answer = '';
    headers.on('data', (data) => (answer += data)).write('GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    await until(() => body.answer().includes('"request_timeout"'), 40_000);
    expect(body.answer()).toMatch(/^HTTP\/1\.1 408 /);
    await until(() => answer.startsWith('HTTP/1.1 408 ') && answer.includes('"request_timeout"'), 40_000);
    body.socket.destroy();
    headers.destroy();
  }, 90_000);
});

describe('a picture that is slow to decode', () => {
  it('delays only its owner', async () => {
    const [owner, other] = [await service.member(), await service.member()];
    const huge = deepPng(8000, 4900);
    const order: string[] = [];
    const slow = upload(owner, huge).then(({ status }) => order.push(`huge ${status}`));
    await new Promise((resolve) => setTimeout(resolve, 150));
    for (let count = 0; count < 2; count += 1)
      order.push(`small ${(await upload(other, await picture('png'))).status}`);
    await slow;
    expect(order).toEqual(['small 200', 'small 200', 'huge 200']);
  });

  it.each(['zTXt', 'iTXt', 'iCCP'] as const)('because of its %s chunks has them left packed', async (kind) => {
    const bomb = chunkBomb(kind);
    const stripped = stripAncillaryChunks(bomb)!;
    expect([bomb.includes(kind), stripped.includes(kind), stripped.length < 1000]).toEqual([true, false, true]);
    expect((await upload(await service.member(), bomb)).status).toBe(200);
  });

  it('because of very many chunks is refused', async () => {
    const { status, body } = await upload(await service.member(), pngOfChunks(100_000));
    expect([status, body.error.type]).toEqual([422, 'invalid_image']);
  });
});

describe('a JPEG', () => {
  it.each([
    ['without its end marker is taken', 2, 200],
    ['with half of it is taken', 1, 200],
    ['without half of its pixels is not', 4000, 422],
  ])('%s', async (_, missing, status) => {
    const sharp = (await import('sharp')).default;
    const noise = { type: 'gaussian', mean: 128, sigma: 30 } as const;
    const whole = await sharp({ create: { width: 200, height: 200, channels: 3, background: '#888', noise } })
      .jpeg({ quality: 80 })
      .toBuffer();
    expect(whole.length).toBeGreaterThan(8000);
    const answer = await upload(await service.member(), whole.subarray(0, -missing), 'a.jpg');
    expect(answer.status).toBe(status);
  });
});

describe('a folder that cannot be written to', () => {
  it('is named at the start and by /health, costs uploads alone, and leaves the service ready', async () => {
    const file = path.join(home, 'no folder');
    const log = path.join(home, 'service.log');
    writeFileSync(file, '');
    const folder = path.join(file, 'pictures');
    const broken = await TestApp.start({ UPLOAD_FOLDER: folder, LOG_FILE: log, LOG_LEVEL: 'warn' });
    const answer = await upload(await broken.member(), await picture('png'), 'a.png', broken);
    expect([answer.status, answer.body.error.type]).toEqual([424, 'storage_unavailable']);
    const health = await broken.get('/health');
    expect([health.status, health.body.status, health.body.dependencies.storage]).toEqual([200, 'degraded', 'down']);
    expect((await broken.get('/health/ready')).status).toBe(200);
    broken.app.get<Logger>(LOGGER).flush();
    await broken.stop();
    const lines = await until(async () => {
      const found = readFileSync(log, 'utf8')
        .split('\n')
        .filter((line) => line.includes('invalid_configuration'));
      return found.length > 0 && found;
    });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`UPLOAD_FOLDER (${folder})`);
  });
});
