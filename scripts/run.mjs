// Runs scripts/<name>.ts if the development dependencies are installed, else its build in dist/.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const folder = path.dirname(fileURLToPath(import.meta.url));
const [name = '', ...args] = process.argv.slice(2);

function isMissing(error) {
  return error.code === 'ERR_MODULE_NOT_FOUND' && error.message.includes('@swc-node/register');
}

const hasCompiler = await import('@swc-node/register/esm-register').then(
  () => true,
  (error) => {
    if (isMissing(error)) return false;
    throw error;
  },
);
const source = hasCompiler ? folder : path.join(folder, '..', 'dist', 'scripts');
const extension = hasCompiler ? '.ts' : '.js';
const script = path.join(source, name + extension);

if (/^[a-z][a-z-]*$/.test(name) && existsSync(script)) {
  process.argv = [process.argv[0], script, ...args];
  await import(pathToFileURL(script).href);
} else {
  const files = existsSync(source) ? readdirSync(source).filter((file) => file.endsWith(extension)) : [];
  const names = files.map((file) => path.basename(file, extension));
  const usage = `usage: node scripts/run.mjs SCRIPT, one of: ${names.join(', ') || `none, build first (${source})`}`;
  const asked = name === '--help' || name === '-h';
  console[asked ? 'log' : 'error'](usage);
  process.exitCode = asked ? 0 : 2;
}
