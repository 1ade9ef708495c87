import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { chromiumPath } from './environment.js';

export const launchChromium = (): Promise<Browser> =>
  chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox', '--disable-gpu'] });

/** `PICTURES=docs/pictures npx jest test/release/page-pictures test/release/swagger-ui` renews those of the documentation. */
export class PictureFolder {
  private readonly folder = process.env.PICTURES ?? mkdtempSync(path.join(tmpdir(), 'meetinity-pictures-'));

  constructor() {
    mkdirSync(this.folder, { recursive: true });
  }

  file(name: string): string {
    return path.join(this.folder, `${name}.png`);
  }

  /** Removes the folder unless the documentation keeps it. */
  remove(): void {
    if (!process.env.PICTURES) rmSync(this.folder, { recursive: true });
  }
}
