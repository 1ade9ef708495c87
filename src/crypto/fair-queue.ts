/** The client that causes the work, and the account it tries to sign in to. */
export interface WorkOwner {
  client: string;
  account: string;
}

type Accounts<T> = Map<string, Set<T>>;

function sizeOf(accounts: Accounts<unknown>): number {
  let size = 0;
  for (const items of accounts.values()) size += items.size;
  return size;
}

function moveToEnd<V>(map: Map<string, V>, key: string): void {
  const value = map.get(key);
  if (value === undefined) return;
  map.delete(key);
  map.set(key, value);
}

/** Fair queueing (RFC 970): serves clients in turn, and the accounts of each in turn, so that a flood delays only itself. */
export class FairQueue<T> {
  /** Least recently served first. */
  private readonly clients = new Map<string, Accounts<T>>();
  size = 0;

  /** The number of waiting items that would be served before a new one of this owner. */
  ahead({ client, account }: WorkOwner): number {
    const accounts: Accounts<T> = this.clients.get(client) ?? new Map();
    const rounds = (accounts.get(account)?.size ?? 0) + 1;
    let own = rounds - 1;
    for (const [name, items] of accounts) if (name !== account) own += Math.min(items.size, rounds);
    let ahead = own;
    for (const [name, others] of this.clients) if (name !== client) ahead += Math.min(sizeOf(others), own + 1);
    return ahead;
  }

  add({ client, account }: WorkOwner, item: T): void {
    const accounts: Accounts<T> = this.clients.get(client) ?? new Map();
    const items = accounts.get(account) ?? new Set();
    this.clients.set(client, accounts.set(account, items.add(item)));
    this.size += 1;
  }

  remove({ client, account }: WorkOwner, item: T): void {
    const accounts = this.clients.get(client);
    const items = accounts?.get(account);
    if (!items?.delete(item)) return;
    this.size -= 1;
    if (items.size === 0) accounts!.delete(account);
    if (accounts!.size === 0) this.clients.delete(client);
  }

  next(): T | undefined {
    const [entry] = this.clients;
    if (!entry) return undefined;
    const [client, accounts] = entry;
    const [account, items] = accounts.entries().next().value!;
    const [item] = items;
    this.remove({ client, account }, item!);
    this.moveBack({ client, account });
    return item;
  }

  /** Ends the turn of the owner's client, and of the account among that client's. */
  moveBack({ client, account }: WorkOwner): void {
    const accounts = this.clients.get(client);
    if (accounts) moveToEnd(accounts, account);
    moveToEnd(this.clients, client);
  }
}
