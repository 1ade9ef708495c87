import { type Options, transformFileSync } from '@swc/core';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
const FOLDERS = ['src', 'scripts', 'migrations', 'bench', 'test/support', 'test/chaos', 'test/checks', 'test/thief'];

/**
 * A folder with the sources as JavaScript, for specs that start processes: all of them take half a second here, and several in
 * each process that compiles for itself. Any account may read it.
 */
export function compileSources(): { folder: string; remove(): void } {
  const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-compiled-'));
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
  return { folder, remove: () => rmSync(folder, { recursive: true }) };
}
