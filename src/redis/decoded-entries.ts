/** About a kilobyte each. */
const MAX_ENTRIES = 5000;

/**
 * What entries of Redis decode to, by key, for the text they had last. Most reads find the same text again, and comparing two
 * strings costs a hundredth of parsing one and checking its MAC.
 */
export class DecodedEntries<T> {
  private readonly entries = new Map<string, { text: string; decoded: T }>();

  /** @returns undefined where this text was not the last one of the key */
  get(key: string, text: string): T | undefined {
    const found = this.entries.get(key);
    return found?.text === text ? found.decoded : undefined;
  }

  set(key: string, text: string, decoded: T): T {
    this.entries.set(key, { text, decoded });
    if (this.entries.size > MAX_ENTRIES) this.entries.delete(this.entries.keys().next().value!);
    return decoded;
  }
}
