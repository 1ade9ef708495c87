import { randomUUID } from 'node:crypto';
import { access, mkdir, opendir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../common/logging/logger.js';
import { PeriodicTask } from '../common/concurrency/periodic-task.js';
import type { Settings } from '../config/settings.js';
import { ERASURE_NOTICE, type Mail } from './mail.js';
import { loadLibrary, type MailTransport, toOptions } from './transports.js';

/** For which erasure notices and marks are kept: as long as mail waits in the queue. */
const MAX_AGE_MS = 86_400_000;
const CLEANUP_INTERVAL_MS = 3_600_000;

/** Writes each message to an .eml file, for use without a mail server. */
export class FileTransport implements MailTransport {
  private readonly directory: string;
  private readonly cleanup: PeriodicTask;

  constructor(
    private readonly settings: Settings,
    private readonly logger: Logger,
  ) {
    this.directory = settings.mail.directory;
    this.cleanup = new PeriodicTask(CLEANUP_INTERVAL_MS, logger, 'cleaning up MAIL_DIR failed', () => this.removeOld());
    this.cleanup.start();
  }

  async probe(): Promise<void> {}

  async send(mail: Mail, messageId: string, date: Date): Promise<void> {
    const { createTransport } = await loadLibrary();
    const composer = createTransport({ streamTransport: true, buffer: true, newline: 'windows' });
    const { message } = await composer.sendMail(toOptions(mail, this.settings.mail.from, messageId, date));
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    const moment = new Date().toISOString().replaceAll(':', '-');
    const file = join(this.directory, `${moment}-${mail.kind}-${mail.userId}-${randomUUID().slice(0, 8)}.eml`);
    await writeFile(file, message as Buffer, { mode: 0o600 });
    // Checked after the write: a later erasure finds the file, an earlier one has left its mark.
    if (mail.kind !== ERASURE_NOTICE && (await exists(this.markOf(mail.userId)))) return rm(file, { force: true });
    // A link gives access to the account, so it is not logged in production.
    const link = this.settings.production ? undefined : (mail.link ?? undefined);
    this.logger.info({ mail: mail.kind, user_id: mail.userId, file, link }, 'mail written to a file');
  }

  async erase(userId: string): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    await writeFile(this.markOf(userId), '', { mode: 0o600 });
    for await (const { name } of await opendir(this.directory))
      if (name.includes(`-${userId}-`) && !name.includes(`-${ERASURE_NOTICE}-`))
        await rm(join(this.directory, name), { force: true });
  }

  close(): void {
    void this.cleanup.stop();
  }

  private markOf(userId: string): string {
    return join(this.directory, `${userId}.erased`);
  }

  private async removeOld(): Promise<void> {
    if (!(await exists(this.directory))) return;
    for await (const { name } of await opendir(this.directory)) {
      if (!name.endsWith('.erased') && !name.includes(`-${ERASURE_NOTICE}-`)) continue;
      const file = join(this.directory, name);
      // Another instance may have deleted it.
      const found = await stat(file).catch(() => null);
      if (found && found.mtimeMs < Date.now() - MAX_AGE_MS) await rm(file, { force: true });
    }
  }
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
