import { type Guarded, guardFolder, runGuarded } from './guard.js';
import { ready } from './tools.js';

/** What a fault campaign does to a server of its own. */
export interface Crashable {
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data; resolves when it answers. */
  start(): Promise<void>;
}

/** A guarded server that may be killed and started again; its folder stays until `stop`, or until this process ends. */
export class Restartable implements Guarded {
  private readonly folder: Guarded;
  private server: Guarded;

  constructor(
    private readonly command: string[],
    folder: string,
  ) {
    this.folder = guardFolder(folder);
    this.server = runGuarded(command, {});
  }

  exited(): boolean {
    return this.server.exited();
  }

  output(): string {
    return this.server.output();
  }

  async kill(): Promise<void> {
    // What a guard does at its end is kill -9.
    await this.server.stop();
  }

  restart(): void {
    this.server = runGuarded(this.command, {});
  }

  async stop(): Promise<void> {
    await this.server.stop();
    await this.folder.stop();
  }
}

/** @param check resolves once the server answers */
export function crashable(server: Guarded, check: () => Promise<unknown>): Crashable | undefined {
  if (!(server instanceof Restartable)) return undefined;
  return {
    kill: () => server.kill(),
    start: async () => {
      server.restart();
      await ready(check, server);
    },
  };
}
