// Removes the files of packages in node_modules that neither stay outside the bundle nor are needed by one that does. What names
// and licenses a package stays, since the bundle contains it.
//   node scripts/image/empty-packages.mjs FOLDER    the folder of node_modules
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { EXTERNAL } from './bundle.mjs';

const root = path.resolve(process.argv[2]);
const needed = new Set();

/** @param {string} name of a package @param {string} from folder of the one that needs it */
function keep(name, from) {
  const parents = [...`${from}/`.matchAll(/\/node_modules\/|\/$/g)].map(({ index }) => from.slice(0, index));
  const found = parents
    .map((parent) => path.join(parent, 'node_modules', name))
    .findLast((folder) => existsSync(folder));
  if (!found || needed.has(found)) return;
  needed.add(found);
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(path.join(found, 'package.json'), 'utf8'));
  for (const other of Object.keys({ ...dependencies, ...optionalDependencies })) keep(other, found);
}

for (const name of EXTERNAL) keep(name, root);
for (const entry of readdirSync(path.join(root, 'node_modules'), { recursive: true, withFileTypes: true })) {
  const file = path.join(entry.parentPath ?? entry.path, entry.name);
  const owner = /^.*\/node_modules\/(@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0];
  if (!entry.isDirectory() && !needed.has(owner) && !/^(package\.json|(licen[cs]e|notice).*)$/i.test(entry.name))
    rmSync(file);
}
