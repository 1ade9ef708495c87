import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { SECURITY_EVENT_TYPES } from '../src/events/security-events.js';
import { TestApp } from './support/app.js';
import { describeUnless } from './support/environment.js';

const documents = [
  ...readdirSync('.').filter((name) => name.endsWith('.md')),
  ...readdirSync('docs', { encoding: 'utf8', recursive: true })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const section = (file: string, title: string) =>
  readFileSync(file, 'utf8')
    .split(new RegExp(`^## ${title}\n`, 'm'))[1]!
    .split(/^## /m)[0]!;
const block = (text: string, language: string) => new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(text)![1]!;
const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found]) => found!);

/** The anchor that a heading gets, as code hosts make it. */
const anchor = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, '')
    .replaceAll(' ', '-');

describe('the documents', () => {
  it.each(documents)('%s links to files and headings that exist', (name) => {
    const prose = readFileSync(name, 'utf8').replaceAll(/```[\s\S]*?```/g, '');
    const links = matches(prose, /\]\((?!https?:)([^)]+)\)/g);
    const broken = links.filter((link) => {
      const [file, fragment] = link.split('#');
      const target = file ? path.join(path.dirname(name), file) : name;
      if (!existsSync(target)) return true;
      const headings = matches(readFileSync(target, 'utf8'), /^#{1,4} (.+)$/gm).map(anchor);
      return fragment !== undefined && !headings.includes(fragment);
    });
    expect(broken).toEqual([]);
  });

  it('name files that exist', () => {
    const named = documents.flatMap((name) =>
      matches(readFileSync(name, 'utf8'), /`((?:src|test|migrations|scripts|docs)\/[\w./-]+\.\w+)`/g),
    );
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((file) => !existsSync(file))).toEqual([]);
  });

  it('name every npm script and no unknown one', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
    const text = documents.map((name) => readFileSync(name, 'utf8')).join('\n');
    const told = matches(text, /npm run ([a-z][\w:-]*)/g);
    expect(told.filter((name) => !(name in scripts))).toEqual([]);
    const silent = Object.keys(scripts).filter((name) => !text.includes(name));
    expect(silent).toEqual([]);
  });

  it('list every folder of the source', () => {
    const listed = matches(block(section('CONTRIBUTING.md', 'Layout'), ''), /^ {2}([\w-]+)\/ /gm);
    const folders = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(listed.toSorted()).toEqual(folders.map(({ name }) => name).sort());
  });

  it('name decorators and log lines of the source', () => {
    const files = readdirSync('src', { encoding: 'utf8', recursive: true }).filter((file) => file.endsWith('.ts'));
    const source = files.map((file) => readFileSync(path.join('src', file), 'utf8')).join('\n');
    const text = documents.map((name) => readFileSync(name, 'utf8')).join('\n');
    const decorators = matches(text, /`(@[A-Z]\w+)\(/g).filter((name) => !source.includes(`  ${name}(`));
    const lines = matches(text, /`((?:this|the) [a-z]+ [a-z ]+)`/g);
    expect(lines.length).toBeGreaterThan(3);
    expect([...decorators, ...lines.filter((line) => !source.includes(line))]).toEqual([]);
  });

  it('list every mail with a link for "this was not me"', () => {
    const listed = new Set(matches(readFileSync('docs/security.md', 'utf8').split('\n# ')[1]!, /`([a-z_]+)`/g));
    const source = readFileSync('src/mail/messages.ts', 'utf8');
    const notices = matches(source, /\(to: Recipient, notice: Notice[^)]*\) =>\s+compose(?:Notice)?\(\s*'(\w+)'/g);
    expect(notices.length).toBeGreaterThan(10);
    expect(notices.filter((kind) => !listed.has(kind))).toEqual([]);
  });

  it('agree on the memory of an instance, and explain each of the NODE_OPTIONS of the image', () => {
    const [README, operations, dockerfile] = ['README.md', 'docs/operations.md', 'Dockerfile'].map((name) =>
      readFileSync(name, 'utf8'),
    );
    const figures = /memory after load, idle \| (\d+)–(\d+) MiB, (\d+)–(\d+) MiB/.exec(README!)!.slice(1);
    const [loadMin, loadMax, idle, idleWithAll] = figures;
    expect(operations).toContain(
      `(${idle} MiB idle alone, ${idleWithAll} MiB with Redis and Kafka, ${loadMin} to ${loadMax} MiB after load)`,
    );
    const [options] = matches(dockerfile!, /NODE_OPTIONS="([^"]+)"/g);
    for (const option of options!.split(' ')) expect(operations).toContain(`\`${option}\``);
  });

  it('list every security event', () => {
    const listed = matches(section('docs/events.md', 'Security events'), /^\| `([^|]+)` \|/gm);
    expect(listed.flatMap((names) => names.split('`, `')).filter((name) => name.includes('.'))).toEqual(
      expect.arrayContaining(SECURITY_EVENT_TYPES),
    );
  });

  it('show the model of a use case as it is in the source', () => {
    const lines = (text: string) => text.split('\n').map((line) => line.trim());
    const source = new Set(lines(readFileSync('src/users/profile.service.ts', 'utf8')));
    const shown = lines(block(section('CONTRIBUTING.md', 'Adding a feature'), 'ts'));
    expect(shown.filter((line) => !source.has(line))).toEqual([]);
  });
});

describe('the routes', () => {
  let paths: Record<string, object>;
  let schemas: Record<string, { properties: object }>;

  beforeAll(async () => {
    const service = await TestApp.start();
    ({
      paths,
      components: { schemas },
    } = (await service.get('/docs-json')).body);
    await service.stopAndDrop();
  });

  it('are all in the table of docs/api.md', () => {
    const rows = readFileSync('docs/api.md', 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    const routes = Object.keys(paths).map((route) => route.replace(/\b(google|linkedin)\b/, '{provider}'));
    const missing = routes.filter((route) => {
      const [parent, last] = [path.posix.dirname(route), path.posix.basename(route)];
      // A row may spell a path out, or a parent once and then only the ends.
      return !rows.some((row) => row.includes(`${route}\``) || (row.includes(parent) && row.includes(last)));
    });
    expect(missing).toEqual([]);
  });

  it('are named in the documents with their method and path', () => {
    const normal = (route: string) => route.replaceAll(/\{\w+\}|\b(google|linkedin)\b/g, '{}');
    const known = new Set(
      Object.entries(paths).flatMap(([route, methods]) =>
        Object.keys(methods).map((method) => `${method.toUpperCase()} ${normal(route)}`),
      ),
    );
    const named = documents.flatMap((name) =>
      matches(readFileSync(name, 'utf8'), /`((?:GET|POST|PUT|DELETE) \/[\w{}./-]*)/g).map(normal),
    );
    expect(named.length).toBeGreaterThan(80);
    expect(named.filter((route) => !known.has(route) && !route.startsWith('GET /docs'))).toEqual([]);
  });

  it('have the fields of the export in docs/people.md', () => {
    const [listed] = matches(section('docs/people.md', 'Export'), /is a file with the fields `([^`]+)`/g);
    expect(listed!.split(', ')).toEqual(Object.keys(schemas.ExportBody!.properties));
  });
});

const lacks = ['bash', 'curl', 'node'].find((name) => spawnSync('which', [name]).status !== 0);

describeUnless(lacks ? `no ${lacks}` : null, 'the five minutes', () => {
  it('gives the results that the README shows', async () => {
    const service = await TestApp.start();
    await service.app.listen(0, '127.0.0.1');
    const { port } = service.app.getHttpServer().address() as { port: number };
    const tour = block(section('README.md', 'Five minutes'), 'bash');
    const script = tour.replace('http://localhost:8081', `http://127.0.0.1:${port}`);
    expect(script).not.toBe(tour);
    // Its input is a socket here, for which bash reads the user's files as if it ran under rshd.
    const { stdout, stderr } = await promisify(execFile)('bash', ['--norc', '-euo', 'pipefail', '-c', script]);
    await service.stopAndDrop();
    expect(stderr).toBe('');
    const profile = { email: 'user@example.com', name: 'John Doe', job_title: null, phone: null };
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject([
      { access_token: expect.any(String), user: profile },
      profile,
      { ...profile, job_title: 'Senior Software Engineer', phone: '+14155552671', bio: null },
      { error: { code: 400, type: 'validation_failed', details: [{ field: 'email' }] } },
      204,
      { error: { code: 401, type: 'unauthenticated' } },
      { status: 'ok', metrics: { total_users: 1 } },
    ]);
  });
});
