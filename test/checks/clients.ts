/**
 * Generates clients from the OpenAPI document, compiles each, and uses those in TypeScript and Python against the running service. Needs
 * Java with Maven, Python 3 and the package registries; it says which client could not be checked, and exits with 1 then.
 */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { prepareBench } from '../../bench/lib/arguments.js';
import { freePorts } from '../../scripts/services/tools.js';

const GENERATOR = 'org.openapitools:openapi-generator-cli:7.15.0:jar';
const DEPENDENCY_PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy';
const OPENAPI_TYPESCRIPT = 'openapi-typescript@7.13.0';
const MAX_STEP_MS = 300_000;

prepareBench({
  call: 'npm run clients:check --',
  does: 'generates clients from the OpenAPI document, compiles them, and uses those in TypeScript and Python',
  options: {},
});

const root = path.resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-clients-'));
const at = (...parts: string[]) => path.join(folder, ...parts);
const document = at('openapi.json');
const picture = at('me.png');

function run(command: string, args: string[], options: { cwd?: string; env?: Record<string, string> } = {}): void {
  const env = { ...process.env, ...options.env };
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: folder,
    timeout: MAX_STEP_MS,
    ...options,
    env,
  });
  if (error) throw error;
  if (status !== 0)
    throw new Error(`${command} ${args[0]}: ${String(stdout).slice(-2000)}${String(stderr).slice(-2000)}`);
}

function generate(generator: string, ...args: string[]): void {
  const options = [
    '-i',
    document,
    '-g',
    generator,
    '-o',
    at(generator),
    '--additional-properties=hideGenerationTimestamp=true',
  ];
  run('java', ['-jar', at('jar', 'openapi-generator-cli-7.15.0.jar'), 'generate', ...options, ...args]);
}

function compileTypescript(): void {
  const compilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    target: 'es2022',
    module: 'esnext',
    moduleResolution: 'bundler',
    lib: ['es2022', 'dom', 'dom.iterable'],
    types: ['node'],
  };
  writeFileSync(at('tsconfig.json'), JSON.stringify({ compilerOptions, include: ['generated/**/*.ts', '*.ts'] }));
  run(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', at('tsconfig.json')]);
}

/** Each client, by the tool that makes it. */
const CLIENTS: Record<string, (service: string) => void> = {
  'openapi-typescript': () => {
    run('npx', ['--yes', OPENAPI_TYPESCRIPT, document, '-o', at('schema.ts')]);
    compileTypescript();
  },
  'typescript-fetch': (service) => {
    generate('typescript-fetch', '--additional-properties=importFileExtension=.js');
    cpSync(at('typescript-fetch'), at('generated'), { recursive: true });
    cpSync(path.join(root, 'test/clients/smoke.ts.txt'), at('smoke.ts'));
    compileTypescript();
    run(process.execPath, ['--import', '@swc-node/register/esm-register', at('smoke.ts'), service, picture]);
  },
  python: (service) => {
    generate('python');
    run('python3', ['-m', 'venv', at('venv')]);
    run(at('venv/bin/pip'), ['install', '--quiet', at('python')]);
    run(at('venv/bin/python'), [path.join(root, 'test/clients/smoke.py'), service, picture]);
  },
  java: () => {
    generate('java', '--library=native');
    run('mvn', ['-q', '-B', '-DskipTests', 'compile'], { cwd: at('java') });
  },
  kotlin: () => {
    generate('kotlin');
    cpSync(path.join(root, 'test/clients/kotlin-pom.xml'), at('kotlin', 'pom.xml'));
    run('mvn', ['-q', '-B', 'compile'], { cwd: at('kotlin') });
  },
};

const [port] = await freePorts(0);
const service = `http://127.0.0.1:${port}`;
const values = {
  APP_PORT: String(port),
  DATA_DIR: at('data'),
  UPLOAD_FOLDER: at('uploads'),
  ENV_FILE: '',
  DOCS_ENABLED: 'true',
};
const server = spawn(process.execPath, [path.join(root, 'dist/src/main.js')], {
  env: { ...process.env, ...values },
  stdio: 'ignore',
});
let failed = 0;
try {
  mkdirSync(at('jar'));
  symlinkSync(path.join(root, 'node_modules'), at('node_modules'));
  writeFileSync(at('package.json'), JSON.stringify({ type: 'module' }));
  await sharp({ create: { width: 64, height: 64, channels: 3, background: '#08f' } }).toFile(picture);
  run('mvn', ['-q', '-B', DEPENDENCY_PLUGIN, `-Dartifact=${GENERATOR}`, `-DoutputDirectory=${at('jar')}`]);
  const ready = () =>
    fetch(`${service}/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  for (let count = 0; count < 60 && !(await ready()); count += 1) await sleep(500);
  writeFileSync(document, await (await fetch(`${service}/docs-json`)).text());
  process.stdout.write('| client | result |\n| --- | --- |\n');
  for (const [name, check] of Object.entries(CLIENTS))
    try {
      check(service);
      process.stdout.write(`| ${name} | works |\n`);
    } catch (error) {
      failed += 1;
      process.stdout.write(`| ${name} | failed |\n\n${String((error as Error).message)}\n\n`);
    }
} finally {
  server.kill('SIGTERM');
  await new Promise((resolve) => server.once('exit', resolve));
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failed > 0 ? 1 : 0;
