/** Variables failed their checks; the message has one line for each fault. */
export class SettingsError extends Error {}

/**
 * Typed reads from the environment, where an empty value counts as unset. Each fault names its variable and is collected; what
 * is returned instead is never used.
 */
export class EnvReader {
  constructor(
    private readonly values: Record<string, string | undefined>,
    readonly faults: string[] = [],
  ) {}

  fault(message: string): void {
    // A secret whose file cannot be read is not missing as well.
    const isKnown = this.faults.some((fault) => fault.startsWith(`${message.split(' ')[0]}_FILE `));
    if (!isKnown && !this.faults.includes(message)) this.faults.push(message);
  }

  /** Collects the SettingsError of a check. */
  attempt<T>(check: () => T): T | undefined {
    try {
      return check();
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      this.fault(error.message);
      return undefined;
    }
  }

  text(name: string): string | undefined {
    const value = this.values[name]?.trim();
    return value === '' ? undefined : value;
  }

  number(name: string, fallback: number, min: number, max: number): number {
    const value = this.text(name);
    if (value === undefined) return fallback;
    const number = Number(value);
    if (Number.isInteger(number) && number >= min && number <= max) return number;
    this.fault(`${name} must be a whole number from ${min} to ${max}, not "${value}"`);
    return fallback;
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.text(name)?.toLowerCase();
    if (value === undefined) return fallback;
    if (['true', '1', 'yes', 'on'].includes(value)) return true;
    if (['false', '0', 'no', 'off'].includes(value)) return false;
    this.fault(`${name} must be true or false, not "${value}"`);
    return fallback;
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], fallback: T): T {
    const value = this.text(name);
    if (value === undefined) return fallback;
    const found = allowed.find((item) => item.toLowerCase() === value.toLowerCase());
    if (!found) this.fault(`${name} must be one of ${allowed.join(', ')}, not "${value}"`);
    return found ?? fallback;
  }

  list(name: string, fallback: string[] = []): string[] {
    const value = this.text(name);
    if (value === undefined) return fallback;
    return value
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  }

  startingWith(prefix: string): Record<string, string> {
    const found = Object.entries(this.values).filter(([name, value]) => name.startsWith(prefix) && value !== undefined);
    return Object.fromEntries(found) as Record<string, string>;
  }

  /** Two variables that must be set together; null if neither is. */
  pair(first: string, second: string): [string, string] | null {
    const [one, other] = [this.text(first), this.text(second)];
    if (!one !== !other) this.fault(`${first} and ${second} must be set together`);
    return one && other ? [one, other] : null;
  }

  /** An absolute URL with one of the protocols (`http:`, …), unchanged. Errors leave it out: it may hold a password. */
  url(name: string, protocols: readonly string[], fallback?: string): string | undefined {
    const value = this.text(name);
    if (value === undefined) return fallback;
    // Without slashes a host can be missing, or be taken for a path.
    if (!/^\w+:\/\/./.test(value) || !URL.canParse(value) || !protocols.includes(new URL(value).protocol)) {
      this.notUrl(name, value, protocols);
      return fallback;
    }
    return this.hasValidCredentials(name, value) ? value : fallback;
  }

  notUrl(name: string, value: string, protocols: readonly string[]): void {
    const hint = value.includes('@') ? ', with the special characters of its password percent-encoded' : '';
    this.fault(`${name} must be a URL that starts with ${protocols.map((p) => `${p}//`).join(' or ')}${hint}`);
  }

  /** Drivers fail on a bare `%` in a password without naming the variable, and look for a host before its `/` and `#`. */
  hasValidCredentials(name: string, url: string): boolean {
    const { username, password, hash } = new URL(url);
    try {
      decodeURIComponent(username + password);
      if (!hash.includes('@')) return true;
    } catch {
      // The fault below says so.
    }
    this.fault(`${name} must have the special characters of its password percent-encoded, "%" as "%25"`);
    return false;
  }

  /** A URL that paths are appended to, without its trailing slash. */
  baseUrl(name: string, fallback?: string): string | undefined {
    const value = this.url(name, ['http:', 'https:'], fallback);
    if (value?.includes('?')) this.fault(`${name} must be a URL without a query`);
    return value?.replace(/\/+$/, '');
  }
}
