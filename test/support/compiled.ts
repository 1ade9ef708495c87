import { type Options, transformFileSync } from '@swc/core';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
const bundleScript = path.join(root, 'scripts/image/bundle.mjs');
const FOLDERS = ['src', 'scripts', 'migrations', 'bench', 'test/support', 'test/chaos', 'test/checks', 'test/thief'];

/**
 * A folder with the sources as JavaScript and bundled as in the image, for specs that start processes: that takes four seconds
 * of a processor here, and one or two in each process that compiles or loads thousands of modules for itself. Any account may read it.
 */
export async function compileSources(): Promise<{ folder: string; stop(): void }> {
  const folder = mkdtempSync(path.join(realpathSync(tmpdir()), 'meetinity-compiled-'));
  chmodSync(folder, 0o755);
  copyFileSync(path.join(root, 'package.json'), path.join(folder, 'package.json'));
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  const swc = JSON.parse(readFileSync(path.join(import.meta.dirname, 'swc.json'), 'utf8')) as Options;
  for (const name of FOLDERS) {
    const target = path.join(folder, name);
    cpSync(path.join(root, name), target, { recursive: true, filter: (file) => !file.endsWith('.ts') });
    for (const file of readdirSync(path.join(root, name), { encoding: 'utf8', recursive: true })) {
      if (!file.endsWith('.ts') || file.endsWith('.spec.ts')) continue;
      const { code } = transformFileSync(path.join(root, name, file), { ...swc, module: { type: 'es6' } });
      writeFileSync(path.join(target, file.replace(/ts$/, 'js')), code);
    }
  }
  const { bundle } = (await import(bundleScript)) as { bundle(root: string, sourcemap: boolean): Promise<string[]> };
  await bundle(folder, false);
  return { folder, stop: () => rmSync(folder, { recursive: true }) };
}
