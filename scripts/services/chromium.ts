import { existsSync } from 'node:fs';
import { install, type Log, pathOf } from './tools.js';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const ON_A_MAC = [
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

const find = () => NAMES.map(pathOf).find(Boolean) ?? ON_A_MAC.find(existsSync);

/**
 * Path of a browser for tests of pages. It is a large package, so it is installed in CI only.
 * @throws Error that says why there is none
 */
export async function findChromium(log: Log): Promise<string> {
  const mayInstall = process.env.CI === 'true';
  if (!find() && mayInstall) await install({ apt: ['chromium'], apk: ['chromium'], dnf: ['chromium'] }, log);
  const found = find();
  const hint = mayInstall ? 'none could be installed' : 'CI=true installs one';
  if (!found) throw new Error(`no Chromium on the PATH; ${hint}`);
  return found;
}
