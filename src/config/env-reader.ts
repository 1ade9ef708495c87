/** A variable failed its check; the process exits with this one-line message. */
export class SettingsError extends Error {}

/** Typed reads from the environment. Every failure names the variable. An empty value counts as unset. */
export class EnvReader {
  constructor(private readonly values: Record<string, string | undefined>) {}

  text(name: string): string | undefined {
    const value = this.values[name]?.trim();
    return value === '' ? undefined : value;
  }

  number(name: string, fallback: number, min: number, max: number): number {
    const value = this.text(name);
    if (value === undefined) return fallback;
    const number = Number(value);
    if (!Number.isInteger(number) || number < min || number > max)
      throw new SettingsError(`${name} must be a whole number from ${min} to ${max}, not "${value}"`);
    return number;
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.text(name)?.toLowerCase();
    if (value === undefined) return fallback;
    if (['true', '1', 'yes', 'on'].includes(value)) return true;
    if (['false', '0', 'no', 'off'].includes(value)) return false;
    throw new SettingsError(`${name} must be true or false, not "${value}"`);
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], fallback: T): T {
    const value = this.text(name);
    if (value === undefined) return fallback;
    const found = allowed.find((item) => item.toLowerCase() === value.toLowerCase());
    if (!found) throw new SettingsError(`${name} must be one of ${allowed.join(', ')}, not "${value}"`);
    return found;
  }

  list(name: string, fallback: string[] = []): string[] {
    const value = this.text(name);
    if (value === undefined) return fallback;
    return value
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  }

  /** Two variables that must be set together; null if neither is. */
  pair(first: string, second: string): [string, string] | null {
    const [one, other] = [this.text(first), this.text(second)];
    if (!one !== !other) throw new SettingsError(`${first} and ${second} must be set together`);
    return one && other ? [one, other] : null;
  }

  /** An absolute URL with one of the protocols (`http:`, …), unchanged. Errors leave it out: it may hold a password. */
  url(name: string, protocols: readonly string[], fallback?: string): string | undefined {
    const value = this.text(name);
    if (value === undefined) return fallback;
    if (!URL.canParse(value) || !protocols.includes(new URL(value).protocol))
      throw new SettingsError(`${name} must be a URL that starts with ${protocols.map((p) => `${p}//`).join(' or ')}`);
    this.checkCredentials(name, value);
    return value;
  }

  /** Drivers percent-decode credentials and fail on a bare `%` without naming the variable. */
  checkCredentials(name: string, url: string): void {
    const { username, password } = new URL(url);
    try {
      decodeURIComponent(username + password);
    } catch {
      throw new SettingsError(`${name} must have the special characters of its password percent-encoded, "%" as "%25"`);
    }
  }

  /** A URL that paths are appended to, without its trailing slash. */
  baseUrl(name: string, fallback?: string): string | undefined {
    const value = this.url(name, ['http:', 'https:'], fallback);
    if (value?.includes('?')) throw new SettingsError(`${name} must be a URL without a query`);
    return value?.replace(/\/+$/, '');
  }
}
