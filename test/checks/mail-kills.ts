import 'reflect-metadata';
import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SMTPServer } from 'smtp-server';
import { DataSource } from 'typeorm';
import { migrations } from '../../migrations/index.js';
import { numberOption, readArguments, withDefault } from '../../scripts/lib/arguments.js';
import { runCommand } from '../../scripts/lib/command.js';
import type { Logger } from '../../src/common/logging/logger.js';
import { readSettings } from '../../src/config/settings.js';
import { FieldCipher } from '../../src/crypto/field-cipher.js';
import { runInTransaction } from '../../src/database/transaction.js';
import { startEmbeddedPostgres } from '../../src/dev/embedded-postgres.js';
import { MailQueue } from '../../src/mail/mail-queue.js';
import { addressTakenMail } from '../../src/mail/messages.js';

const COMMAND = {
  call: 'npm run check:mail-kills --',
  does: 'kills senders (SIGKILL) while mails are queued, and counts lost and doubled mails at a real SMTP listener',
  options: {
    kills: withDefault(numberOption('how many', 1, 10_000), 100),
    senders: withDefault(numberOption('processes at once', 1, 10), 2),
    lease: withDefault(numberOption('seconds of a lease, 120 in the service', 1, 600), 10),
  },
};

/** How long the listener takes to accept a mail: time for a kill to fall into. */
const ACCEPT_MS = 20;
const QUEUE_PAUSE_MS = 20;
const MAX_LIFE_MS = 600;

async function measure(kills: number, count: number, lease: number): Promise<boolean> {
  const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-mail-kills-'));
  chmodSync(folder, 0o755);
  const copies = new Map<string, number>();
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData: (stream, _, done) => {
      let text = '';
      stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
      stream.on('end', () => {
        // Counted before the reply: a sender that is killed now has sent the mail.
        const id = /^message-id: <([^@]+)@/im.exec(text)![1]!;
        copies.set(id, (copies.get(id) ?? 0) + 1);
        setTimeout(done, ACCEPT_MS);
      });
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const postgres = await startEmbeddedPostgres({ dataDir: path.join(folder, 'postgres'), log: console.error });
  const values = {
    NODE_ENV: 'test',
    DATABASE_URL: postgres.url,
    JWT_SECRET: randomUUID(),
    ENCRYPTION_KEYS: `bench:${Buffer.alloc(32, 'bench').toString('base64')}`,
    SMTP_URL: `smtp://127.0.0.1:${(server.server.address() as { port: number }).port}`,
  };
  const database = new DataSource({ type: 'postgres', url: postgres.url, migrations, poolSize: 3 });
  const children = new Set<ChildProcess>();
  const start = async () => {
    const child = fork(path.resolve('test/support/mail-sender-process.ts'), [String(lease)], {
      env: { PATH: process.env.PATH, ...values },
      execArgv: ['--import', '@swc-node/register/esm-register'],
    });
    children.add(child);
    await once(child, 'message');
    return child;
  };
  const killOne = async (child: ChildProcess) => {
    children.delete(child);
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  try {
    await database.initialize();
    await database.runMigrations({ transaction: 'each' });
    const queue = new MailQueue(
      database,
      new FieldCipher(readSettings(values).encryptionKeys),
      console as never as Logger,
    );
    const state = { queued: 0, killed: 0, rolledBack: 0 };
    const write = async () => {
      for (let n = 0; state.killed < kills; n += 1) {
        const mail = addressTakenMail({ id: randomUUID(), email: `m${n}@example.com`, name: 'Ada', locale: 'en' });
        const work = runInTransaction(database, async (tx) => {
          await queue.add(tx, mail);
          if (n % 10 === 9) throw new Error('rolled back');
        });
        await work.then(
          () => (state.queued += 1),
          () => (state.rolledBack += 1),
        );
        await sleep(QUEUE_PAUSE_MS);
      }
    };
    const disturb = async () => {
      while (state.killed < kills) {
        const child = await start();
        await sleep(Math.random() * MAX_LIFE_MS);
        await killOne(child);
        state.killed += 1;
      }
    };
    await Promise.all([write(), ...Array.from({ length: count }, disturb)]);
    await start();
    const left = async () => (await database.query<[{ n: number }]>('SELECT count(*)::int AS n FROM mail_queue'))[0].n;
    while ((await left()) > 0) await sleep(500);
    const sent = [...copies.values()];
    const [lost, doubled] = [state.queued - copies.size, sent.filter((n) => n > 1).length];
    console.log(
      `${state.killed} kills, ${state.queued} mails committed, ${state.rolledBack} rolled back: ` +
        `${lost} lost, ${doubled} sent more than once (at most ${Math.max(...sent)} copies, one Message-ID)`,
    );
    return lost === 0;
  } finally {
    for (const child of children) await killOne(child);
    if (database.isInitialized) await database.destroy();
    await postgres.stop();
    await new Promise<void>((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  }
}

await runCommand('check:mail-kills', async () => {
  const { kills, senders, lease } = readArguments(COMMAND);
  return (await measure(kills, senders, lease)) ? 0 : 1;
});
