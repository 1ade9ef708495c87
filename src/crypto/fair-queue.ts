/** Whose work it is: a client's, for one of the accounts that it wants into. */
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

/** Serves clients in turn, and the accounts of each client in turn: a flood of one delays only itself. */
export class FairQueue<T> {
  /** Whoever was served longest ago comes first. */
  private readonly clients = new Map<string, Accounts<T>>();
  size = 0;

  /** How many that wait now will be served before one that the owner adds. */
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

  /** Takes out what is to be served now. */
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

  /** Lets the others of the owner's client, and the other clients, go first. */
  moveBack({ client, account }: WorkOwner): void {
    const accounts = this.clients.get(client);
    if (accounts) moveToEnd(accounts, account);
    moveToEnd(this.clients, client);
  }
}
