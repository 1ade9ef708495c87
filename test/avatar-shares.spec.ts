import './support/log-file-only.js';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Logger } from '../src/common/logging/logger.js';
import { LOGGER } from '../src/common/logging/logger.module.js';
import { firstFrame } from '../src/users/avatars/first-frame.js';
import { stripAncillaryChunks } from '../src/users/avatars/png-chunks.js';
import { Member, TestApp } from './support/app.js';
import {
  BOUNDARY,
  chunkBomb,
  deepPng,
  form,
  FORM,
  gifOfFrames,
  picture,
  pngOfChunks,
  webpOfFrames,
} from './support/images.js';
import { until } from './support/until.js';

const home = mkdtempSync(path.join(tmpdir(), 'meetinity-avatars-'));
let service: TestApp;
let port: number;

beforeAll(async () => {
  service = await TestApp.start({
    UPLOAD_FOLDER: path.join(home, 'pictures'),
    MAX_CONTENT_LENGTH: '16777216',
    ALLOWED_EXTENSIONS: 'jpg,png,gif,webp',
  });
  await service.app.listen(0, '127.0.0.1');
  ({ port } = service.app.getHttpServer().address() as AddressInfo);
});
afterAll(async () => {
  await service.stopAndDrop();
  rmSync(home, { recursive: true });
});

const upload = ({ access }: Member, content: Buffer, filename = 'a.png', app = service) =>
  app.request('POST', '/users/profile/avatar', { payload: form({ filename, content }), headers: FORM, token: access });

/** The head of an upload. */
function begin(to: number, token: string, bytes: number) {
  const socket = connect(to, '127.0.0.1');
  let answer = '';
  socket.on('data', (data) => (answer += data)).on('error', () => undefined);
  const head = ['POST /users/profile/avatar HTTP/1.1', 'Host: x', `Authorization: Bearer ${token}`];
  const lines = [...head, `Content-Type: ${FORM['content-type']}`, `Content-Length: ${bytes}`];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  return { answer: () => answer, socket };
}

/** An upload that begins and goes on by a few bytes now and then. */
function drip(token: string) {
  const slow = begin(port, token, 1_000_000);
  slow.socket.write(form({ filename: 'a.png', content: '' }).subarray(0, -BOUNDARY.length - 8));
  const timer = setInterval(() => slow.socket.write('x'), 200);
  slow.socket.on('close', () => clearInterval(timer));
  return slow;
}

describe('slow uploads', () => {
  it('of few members do not block other members, and are closed', async () => {
    const members = await Promise.all([1, 2, 3, 4].map(() => service.member()));
    const drips = [...members, ...members].map(({ access }) => drip(access));
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
});

describe('an upload longer than REQUEST_TIMEOUT_SECONDS', () => {
  it('is accepted while it keeps the minimum pace', async () => {
    const patient = await TestApp.start({ UPLOAD_FOLDER: path.join(home, 'pictures'), REQUEST_TIMEOUT_SECONDS: '1' });
    await patient.app.listen(0, '127.0.0.1');
    const address = patient.app.getHttpServer().address() as AddressInfo;
    const { access } = await patient.member();
    const body = form({ filename: 'a.png', content: await picture('png') });
    const { socket, answer } = begin(address.port, access, body.length);
    socket.write(body.subarray(0, 100));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    socket.write(body.subarray(100));
    await until(() => answer().includes('\r\n\r\n'));
    expect(answer()).toMatch(/^HTTP\/1\.1 200 /);
    socket.destroy();
    await patient.stop();
  });
});

describe('a picture that is slow to decode', () => {
  it('delays only its owner', async () => {
    const [owner, other] = [await service.member(), await service.member()];
    const [huge, small] = [deepPng(8000, 4900), await picture('png')];
    const done: string[] = [];
    // On a busy machine the decoder may time out.
    const slow = upload(owner, huge).then(() => done.push('huge'));
    await new Promise((resolve) => setTimeout(resolve, 150));
    done.push(`small ${(await upload(other, small)).status}`);
    await slow;
    expect(done).toEqual(['small 200', 'huge']);
  });

  it.each(['zTXt', 'iTXt', 'iCCP'] as const)('because of its %s chunks is decoded without them', async (kind) => {
    const bomb = chunkBomb(kind);
    const stripped = stripAncillaryChunks(bomb)!;
    expect([bomb.includes(kind), stripped.includes(kind), stripped.length < 1000]).toEqual([true, false, true]);
    expect((await upload(await service.member(), bomb)).status).toBe(200);
  });

  it.each([
    ['gif', () => gifOfFrames(90_000, 16)],
    ['webp', () => webpOfFrames(90_000)],
  ] as const)('because of its many frames (%s) is decoded without the later ones', async (format, make) => {
    const bomb = await make();
    const began = performance.now();
    expect(firstFrame(bomb)!.length).toBeLessThan(200);
    expect(performance.now() - began).toBeLessThan(200);
    expect((await upload(await service.member(), bomb, `a.${format}`)).status).toBe(200);
  });

  it.each([
    ['GIF', Buffer.concat([gifOfFrames(0).subarray(0, -1), Buffer.alloc(300_000, '!\xfe\0', 'latin1')]), 'gif'],
    ['WebP', Buffer.concat([Buffer.from('RIFF1234WEBP'), Buffer.alloc(80_000, 'JUNK\0\0\0\0')]), 'webp'],
  ])('because of very many blocks before its first frame is refused: %s', async (_, file, format) => {
    expect(firstFrame(file)).toBeNull();
    expect((await upload(await service.member(), file, `a.${format}`)).status).toBe(422);
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
  it('is reported at the start and by /health, and affects only uploads', async () => {
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
