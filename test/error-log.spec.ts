import './support/log-file-only.js';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
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
