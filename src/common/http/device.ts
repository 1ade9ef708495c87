import { BROWSER_MAP, OS_MAP, parse } from 'bowser';

/** Long ones take milliseconds to parse. */
const MAX_AGENT_CHARS = 256;
/** Other names would be the client's own words. */
const NAMES = new Set<string>([...Object.values(BROWSER_MAP), ...Object.values(OS_MAP)]);

/** Names of the browser and of the system, without versions: several clients report false ones. */
export interface Device {
  browser: string | null;
  system: string | null;
}

const known = (name?: string) => (name && NAMES.has(name) ? name : null);

/** @returns null if neither is known */
export function deviceOf(userAgent: string | null): Device | null {
  // Bowser throws for an empty text.
  if (!userAgent) return null;
  const { browser, os } = parse(userAgent.slice(0, MAX_AGENT_CHARS));
  const device = { browser: known(browser.name), system: known(os.name) };
  return device.browser || device.system ? device : null;
}

/** In English words, such as `Chrome on Windows`. */
export function deviceName(userAgent: string | null): string | null {
  const device = deviceOf(userAgent);
  return device && [device.browser, device.system].filter(Boolean).join(' on ');
}
