/** Collects the parameters of a composed statement. */
export class SqlParams {
  readonly list: unknown[] = [];

  /** @returns the placeholder, such as `$3` */
  add(value: unknown): string {
    return `$${this.list.push(value)}`;
  }
}
