import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runGuarded } from '../scripts/services/guard.js';
import { freePorts, ready } from '../scripts/services/tools.js';

describe('a guarded server', () => {
  it('stops with its guard, which removes the folder', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-guard-'));
    writeFileSync(path.join(folder, 'data'), '');
    const server = runGuarded(['sh', '-c', 'echo "pid $$"; exec sleep 600'], { folder });
    await ready(async () => {
      if (!server.output().startsWith('pid')) throw new Error('not yet');
    }, server);
    const pid = Number(server.output().slice(4));
    expect(process.kill(pid, 0)).toBe(true);
    await server.stop();
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(existsSync(folder)).toBe(false);
  });

  it('reports its last line when it fails to start', async () => {
    const server = runGuarded(['sh', '-c', 'echo first; echo "port is taken" >&2; exit 3'], {});
    const never = () => Promise.reject(new Error('no answer'));
    await expect(ready(never, server)).rejects.toThrow('it ended: port is taken');
  });
});

it('uses the wanted port, or a free one if it is taken', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const taken = (other.address() as AddressInfo).port;
  const [first, second] = await freePorts(taken, 0);
  expect(new Set([taken, first, second]).size).toBe(3);
  await new Promise((resolve) => other.close(resolve));
  expect(await freePorts(taken)).toEqual([taken]);
});
