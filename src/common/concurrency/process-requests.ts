import cluster from 'node:cluster';

/** A worker process, or the channel to the primary. */
interface Peer {
  connected?: boolean;
  send?(message: object): boolean;
  on(event: 'message', listener: (message: Message) => void): unknown;
}

/** A request has `ask`, its answer `answers`; both may have a payload. */
interface Message {
  ask?: string;
  answers?: number;
  id?: number;
  payload?: unknown;
  error?: string;
}

type Handler = (payload: never) => Promise<unknown>;

interface Waiter {
  resolve: (payload: never) => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}

/** Requests and answers between a process of node:cluster and its primary. */
export class ProcessRequests {
  private readonly handlers = new Map<string, Handler>();
  private readonly waiting = new Map<number, Waiter>();
  private lastId = 0;

  constructor(private readonly peer: Peer) {
    peer.on('message', (message) => void this.receive(message));
  }

  handle(name: string, handler: Handler): this {
    this.handlers.set(name, handler);
    return this;
  }

  /** @throws Error if the other process fails or does not answer in time */
  ask<T>(name: string, payload: unknown, timeoutMs: number): Promise<T> {
    const id = (this.lastId += 1);
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => this.settle(id)?.reject(new Error(`${name}: no answer`)), timeoutMs);
      this.waiting.set(id, { resolve, reject, timer });
      this.send({ ask: name, id, payload });
    });
  }

  private async receive({ ask, answers, id, payload, error }: Message): Promise<void> {
    if (answers !== undefined) {
      const waiter = this.settle(answers);
      if (error === undefined) waiter?.resolve(payload as never);
      else waiter?.reject(new Error(error));
    }
    const handler = ask && this.handlers.get(ask);
    if (!handler) return;
    try {
      this.send({ answers: id, payload: await handler(payload as never) });
    } catch (thrown) {
      this.send({ answers: id, error: (thrown as Error).message });
    }
  }

  private settle(id: number): Waiter | undefined {
    const waiter = this.waiting.get(id);
    clearTimeout(waiter?.timer);
    this.waiting.delete(id);
    return waiter;
  }

  private send(message: Message): void {
    try {
      this.peer.send?.(message);
    } catch {
      // The other process has ended; requests to it time out.
    }
  }
}

/** The primary, in a process that it has forked. */
export const primary = cluster.isWorker ? new ProcessRequests(process as Peer) : null;
