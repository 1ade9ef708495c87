import './support/log-file-only.js';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestApp } from './support/app.js';
import { until } from './support/until.js';

it('logs what failed and where for a failed statement, without its values', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'meetinity-errors-'));
  const service = await TestApp.start({ LOG_LEVEL: 'error', LOG_FILE: join(folder, 'log') });
  await service.sql(`ALTER TABLE users ADD CONSTRAINT a_bug CHECK (email NOT LIKE 'refused%')`);
  const body = { email: 'refused@example.com', name: 'Ada Refused', password: 'correct horse battery' };
  expect((await service.post('/auth/register', body)).body.error.type).toBe('internal_error');
  const text = await until(() => readFile(join(folder, 'log'), 'utf8'));
  const { err } = JSON.parse(text.split('\n')[0]!);
  expect(err).toMatchObject({ type: 'QueryFailedError', error_code: '23514', constraint: 'a_bug', table: 'users' });
  expect(err.stack).toContain('register.service');
  for (const secret of ['refused@', 'Ada Refused', '$2b$', body.password]) expect(text).not.toContain(secret);
  await service.stopAndDrop();
  await rm(folder, { recursive: true });
});

it('says nothing of clients that leave in the middle of a body', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'meetinity-errors-'));
  const service = await TestApp.start({ LOG_LEVEL: 'warn', LOG_FILE: join(folder, 'log') });
  await service.app.listen(0, '127.0.0.1');
  const { port } = service.app.getHttpServer().address() as AddressInfo;
  const { access } = await service.member();
  for (const line of ['POST /profile/avatar', 'PUT /users/preferences', 'POST /auth/login']) {
    const arrived = once(service.app.getHttpServer(), 'request');
    const socket = connect(port, '127.0.0.1');
    const head = `${line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${access}\r\nContent-Type: application/json\r\n`;
    socket.write(`${head}Content-Length: 9000\r\n\r\n{"image":"data:image/png;base64,AAAA`);
    const [request] = await arrived;
    const left = new Promise((resolve) => request.once('close', resolve));
    // The handler has begun to read.
    await until(() => request.readableFlowing !== null || request.readableDidRead);
    await new Promise((resolve) => setTimeout(resolve, 100));
    socket.destroy();
    await left;
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  await service.stopAndDrop();
  expect(await readFile(join(folder, 'log'), 'utf8').catch(() => '')).not.toMatch(
    /database_unavailable|PostgreSQL refused/,
  );
  await rm(folder, { recursive: true });
});
