import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, Server } from 'node:http';
import { AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AvatarStorage, newAvatarName } from '../src/users/avatars/avatar-storage.js';
import { UploadsController } from '../src/users/avatars/uploads.controller.js';
import { TestApp } from './support/app.js';
import { dropWorkerDatabase } from './support/environment.js';
import { answering, drip } from './support/faults.js';
import type { Fault } from './support/oidc-provider.js';
import { until, within } from './support/until.js';
// Which Node the service runs on is not for the specs to say.
import './support/s3-server.js';

const address = () => `/uploads/${newAvatarName()}`;
let service: TestApp;

afterEach(() => service.stop());
afterAll(dropWorkerDatabase);

describe('a bucket', () => {
  let s3: Server;
  let answer: Fault;

  beforeEach(async () => {
    s3 = createServer((request, response) => answer(request, response)).listen(0, '127.0.0.1');
    await until(() => s3.listening);
    service = await TestApp.start({
      S3_BUCKET: 'pictures',
      S3_ENDPOINT: `http://127.0.0.1:${(s3.address() as AddressInfo).port}`,
      S3_ACCESS_KEY_ID: 'key',
      S3_SECRET_ACCESS_KEY: 'secret',
    });
  });
  afterEach(() => {
    s3.closeAllConnections();
    s3.close();
  });

  it.each<[string, Fault]>([
    [
      'stops in the middle of a picture',
      (_, response) => response.writeHead(200, { 'content-length': 9 }).write('half'),
    ],
    [
      'breaks off in the middle of one',
      (_, response) => {
        response.writeHead(200, { 'content-length': 9 }).write('half');
        setTimeout(() => response.destroy(), 50);
      },
    ],
    ['sends one for ever', drip],
  ])('that %s counts as unavailable', async (_, fault) => {
    answer = fault;
    const { status, body } = await within(8000, () => service.get(address()));
    expect([status, body.error.type]).toEqual([424, 'storage_unavailable']);
  });

  it('stays available while clients do not read', async () => {
    answer = answering(200, 'x'.repeat(300_000));
    const storage = service.app.get(AvatarStorage);
    const readers = await Promise.all(Array.from({ length: 60 }, () => storage.open(newAvatarName())));
    expect(readers.every((reader) => reader?.size === 300_000)).toBe(true);
    expect((await service.get(address())).status).toBe(200);
  });
});

describe('a download', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-avatars-'));
  const name = newAvatarName();
  const SIZE = 16 * 1024 * 1024;
  let port: number;

  beforeEach(async () => {
    // More than the buffers of two sockets hold.
    writeFileSync(path.join(folder, name), Buffer.alloc(SIZE));
    service = await TestApp.start({ UPLOAD_FOLDER: folder });
    service.app.get(UploadsController).patience = 400;
    await service.app.listen(0, '127.0.0.1');
    ({ port } = service.app.getHttpServer().address() as AddressInfo);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const connections = () =>
    new Promise<number>((resolve) =>
      service.app.getHttpServer().getConnections((_: unknown, open: number) => resolve(open)),
    );
  const ask = () => connect(port, '127.0.0.1').setNoDelay(true);
  const request = (target: string) => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`;

  it('closes the connection of a client that stops reading', async () => {
    const socket = ask().pause();
    socket.write(request(`/uploads/${name}`));
    await until(async () => (await connections()) === 1);
    await until(async () => (await connections()) === 0);
    socket.destroy();
  });

  it('is complete for a slow client, which may send more requests', async () => {
    const socket = ask();
    let received = 0;
    let last = '';
    socket.on('data', (chunk) => {
      received += chunk.length;
      last = chunk.toString('latin1');
      // Two seconds in all, five times the timeout.
      if (received < SIZE && Math.trunc(received / 400_000) > Math.trunc((received - chunk.length) / 400_000)) {
        socket.pause();
        setTimeout(() => socket.resume(), 50);
      }
    });
    socket.write(request(`/uploads/${name}`));
    await until(() => received > SIZE);
    await new Promise((resolve) => setTimeout(resolve, 600));
    socket.write(request('/healthz'));
    await until(() => last.startsWith('HTTP/1.1 200'));
    socket.destroy();
  });
});
