import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { TestApp } from './support/app.js';
import { form, FORM, picture } from './support/images.js';
import { until } from './support/until.js';

const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-avatars-'));
const MAX_BYTES = 1024 * 1024;
const BLOCK = Buffer.alloc(64 * 1024);
/** A form up to the content of its file. */
const OPENING = form({ filename: 'a.png', content: '' }).subarray(0, -form().length - 2);

let service: TestApp;
let port: number;

beforeAll(async () => {
  service = await TestApp.start({ UPLOAD_FOLDER: folder, MAX_CONTENT_LENGTH: `${MAX_BYTES}` });
  await service.app.listen(0, '127.0.0.1');
  ({ port } = service.app.getHttpServer().address() as AddressInfo);
});
afterAll(async () => {
  await service.stopAndDrop();
  rmSync(folder, { recursive: true });
});

const framed = (data: Buffer) =>
  Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n')]);

/**
 * Sends an upload in blocks until `bytes` are sent or the connection is closed.
 * @param announced the `Content-Length`; undefined for a chunked body
 */
async function send(token: string, bytes: number, announced?: number, address = '/users/profile/avatar') {
  const socket = connect(port, '127.0.0.1');
  let [answer, sent] = ['', 0];
  socket.on('data', (data) => (answer += data)).on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const length = announced === undefined ? 'Transfer-Encoding: chunked' : `Content-Length: ${announced}`;
  const head = [`POST ${address} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${token}`, length];
  socket.write(`${[...head, `Content-Type: ${FORM['content-type']}`].join('\r\n')}\r\n\r\n`);
  for (const next of blocks(bytes)) {
    if (socket.destroyed) break;
    const data = announced === undefined ? framed(next) : next;
    await new Promise((resolve) => socket.write(data, resolve));
    sent += next.length;
  }
  return { answer: () => answer, sent, socket, closed };
}

function* blocks(bytes: number) {
  yield OPENING;
  for (let left = bytes - OPENING.length; left > 0; left -= BLOCK.length) yield BLOCK.subarray(0, left);
}

const upload = async (token: string) =>
  service.request('POST', '/users/profile/avatar', {
    payload: form({ filename: 'a.png', content: await picture('png') }),
    headers: FORM,
    token,
  });

describe('an upload that is too large', () => {
  it('is refused by its Content-Length, and a client that continues still gets the answer', async () => {
    const { access } = await service.member();
    const { answer, sent, socket } = await send(access, 8 * MAX_BYTES, 8 * MAX_BYTES);
    await until(() => answer().includes('payload_too_large'));
    expect(answer()).toMatch(/^HTTP\/1\.1 413 /);
    // All of it was read, and the connection serves the next request: a gateway sees no error.
    expect(sent).toBe(8 * MAX_BYTES);
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(() => answer().includes('HTTP/1.1 200'));
    socket.destroy();
  });

  it.each([
    ['/users/profile/avatar', 413],
    ['/auth/login', 415],
  ])('and endless is refused at %s, and closed later', async (address, status) => {
    const { access } = await service.member();
    const { answer, sent, closed } = await send(access, 300 * MAX_BYTES, undefined, address);
    await closed;
    expect(answer()).toContain(`HTTP/1.1 ${status} `);
    expect(sent).toBeLessThan(150 * MAX_BYTES);
  });
});

describe('an aborted upload', () => {
  it('leaves no file and frees its slot', async () => {
    const { access } = await service.member();
    for (let count = 0; count < 3; count++) {
      const { socket } = await send(access, 128 * 1024, 500_000);
      socket.destroy();
    }
    await until(async () => (await upload(access)).status === 200);
    expect(readdirSync(folder)).toHaveLength(1);
  });
});

describe('slow uploads', () => {
  it('have one slot per member', async () => {
    const { access } = await service.member();
    const slow = () => send(access, 1000, 500_000);
    const three = await Promise.all([slow(), slow(), slow()]);
    const refused = () => three.filter(({ answer }) => answer().includes('"busy"'));
    await until(() => refused().length === 2);
    expect(refused().map(({ answer }) => /^HTTP\/1\.1 429 [^]*retry-after: 1\r\n/i.test(answer()))).toEqual([
      true,
      true,
    ]);
    expect((await upload((await service.member()).access)).status).toBe(200);
    for (const { socket } of three) socket.destroy();
    await until(async () => (await upload(access)).status === 200);
  });
});
