import path from 'node:path';

export interface SourceFile {
  /** Relative to the project, with slashes. */
  path: string;
  text: string;
}

interface Import {
  /** A path relative to the project, or a package. */
  target: string;
  /** Names that exist at run time; a type import has none. */
  values: string[];
}

/** Returns one line per violation. */
export type Rule = (files: SourceFile[]) => string[];

/** A folder imports only from folders to its left; the files beside the folders wire everything together. */
const ORDER =
  'common tracing config crypto database dev redis rate-limit cache mail audit events users preferences sessions services auth privacy admin compat health'.split(
    ' ',
  );
export const MAX_FILE_LINES = 250;

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s(?<clause>[^'";]*?)\bfrom\s*'(?<from>[^']+)'|\bimport\s*\(?\s*'(?<bare>[^']+)'/g;

export function importsOf(file: SourceFile): Import[] {
  return [...file.text.matchAll(IMPORT)].map(({ groups }) => {
    const { clause = '', from, bare } = groups as Record<string, string | undefined>;
    const target = (from ?? bare)!;
    const names = clause.replace(/[{}]/g, ',').split(',');
    return {
      target: target.startsWith('.') ? path.posix.join(path.posix.dirname(file.path), target) : target,
      values: /^type\s/.test(clause)
        ? []
        : names.map((name) => name.trim()).filter((name) => /^(?!type\s)\w/.test(name)),
    };
  });
}

const sourceOf = (target: string) => target.replace(/\.js$/, '.ts');
const folderOf = (file: string) => (/^src\/[^/]+\//.test(file) ? file.split('/')[1]! : null);
const rankOf = (file: string) => (folderOf(file) === null ? ORDER.length : ORDER.indexOf(folderOf(file)!));
const inSource = (files: SourceFile[]) => files.filter((file) => file.path.startsWith('src/'));
const matching = (files: SourceFile[], pattern: RegExp) =>
  files.filter(({ text }) => pattern.test(text)).map((file) => `${file.path}: ${pattern.exec(file.text)![0].trim()}`);

export const importsWalkOneWay: Rule = (files) =>
  inSource(files).flatMap((file) => {
    if (rankOf(file.path) < 0) return [`${file.path}: the folder has no place in the order`];
    const bad = importsOf(file).filter(({ target }) => {
      if (target.startsWith('src/')) return rankOf(target) > rankOf(file.path) || rankOf(target) < 0;
      return folderOf(file.path) !== null && /^(test|scripts|migrations|bench|\.\.)/.test(target);
    });
    return bad.map(({ target }) => `${file.path} imports ${target}`);
  });

export const noCycle: Rule = (files) => {
  const graph = new Map(files.map((file) => [file.path, importsOf(file).map(({ target }) => sourceOf(target))]));
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, trail: string[]): void => {
    if (trail.includes(file)) cycles.push([...trail.slice(trail.indexOf(file)), file].join(' -> '));
    if (done.has(file) || trail.includes(file)) return;
    for (const next of graph.get(file) ?? []) if (graph.has(next)) visit(next, [...trail, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return cycles;
};

export const environmentStaysInConfig: Rule = (files) =>
  matching(
    inSource(files).filter(({ path: file }) => folderOf(file) !== 'config'),
    /\bprocess\s*(?:\.\s*env\b|\[)|from 'node:process'|\{[^}]*\benv\b[^}]*\}\s*=\s*process\b/,
  );

export const controllersKnowNoDatabase: Rule = (files) =>
  files
    .filter((file) => file.path.endsWith('.controller.ts'))
    .flatMap((file) =>
      importsOf(file)
        .filter(({ target }) => /^(typeorm|@nestjs\/typeorm|pg)$|^src\/database\//.test(target))
        .map(({ target }) => `${file.path} imports ${target}`),
    );

/** Entities and src/entities.ts need the class; `import type` is always allowed. */
export const entitiesStayAtHome: Rule = (files) => {
  const homes = new Map<string, string | null>();
  for (const file of files.filter((candidate) => candidate.path.endsWith('.entity.ts')))
    for (const [, name] of file.text.matchAll(/\bexport class (\w+)/g)) homes.set(name!, folderOf(file.path));
  const guests = inSource(files).filter((file) => !/\.entity\.ts$|^src\/entities\.ts$/.test(file.path));
  return guests.flatMap((file) => {
    const foreign = (name: string) => homes.has(name) && homes.get(name) !== folderOf(file.path);
    const imported = importsOf(file)
      .filter(({ target }) => target.endsWith('.entity.js'))
      .flatMap(({ values }) => values.map((value) => value.split(' ')[0]!));
    const typed = [...file.text.matchAll(/\bRepository<\s*(\w+)/g)].map(([, name]) => name!);
    return [...imported, ...typed].filter(foreign).map((name) => `${file.path} works on ${name}`);
  });
};

export const filesStayShort: Rule = (files) =>
  files
    .filter((file) => !file.path.endsWith('.md'))
    .map((file) => ({ ...file, lines: file.text.split('\n').length - 1 }))
    .filter(({ lines }) => lines > MAX_FILE_LINES)
    .map(({ path: file, lines }) => `${file}: ${lines} lines`);

export const specsAllRun: Rule = (files) =>
  matching(
    files.filter(({ path: file }) => file.endsWith('.spec.ts')),
    /\b(?:describe|it|test)(?:\.\w+)*\.(?:only|skip|todo|failing)\b|\b(?:fdescribe|xdescribe|fit|xit|xtest)\s*\(/,
  );

export const noBarrels: Rule = (files) => [
  ...inSource(files)
    .filter((file) => file.path.endsWith('/index.ts'))
    .map((file) => file.path),
  ...matching(files, /\bexport\s*\*\s*(?:as\s+\w+\s*)?from\b/),
];

export const noForwardRef: Rule = (files) => matching(inSource(files), /\bforwardRef\b/);

export const namesSaySomething: Rule = (files) => [
  ...files
    .filter(({ path: file }) => /(?:^|[-.])(?:helpers?|utils?|managers?|base)(?=[-.])/.test(path.basename(file)))
    .map((file) => file.path),
  ...matching(
    files,
    /\b(?:class|interface|type|enum)\s+(?:\w*(?:Helper|Util|Manager)s?|\w*Base|Base[A-Z]\w*)(?=[\s<={])/,
  ),
];

/** Tables by the folder that owns them, as the entities say. */
function tableOwners(files: SourceFile[]): Map<string, string> {
  const owners = new Map<string, string>();
  for (const file of files.filter((candidate) => candidate.path.endsWith('.entity.ts')))
    for (const [, table] of file.text.matchAll(/@Entity\('(\w+)'\)/g)) owners.set(table!, folderOf(file.path)!);
  return owners;
}

/** A folder writes and locks only rows of its own tables; reads may join tables of folders to its left. */
export const tablesAreWrittenAtHome: Rule = (files) => {
  const owners = tableOwners(files);
  return inSource(files).flatMap((file) => {
    const folder = folderOf(file.path);
    if (folder === null || file.path.endsWith('.spec.ts')) return [];
    const written = file.text.matchAll(
      /\b(?:INSERT INTO|UPDATE|DELETE FROM|TRUNCATE)\s+(\w+)|\bFROM\s+(\w+)(?=[^;`']*\bFOR (?:NO KEY )?UPDATE\b)|\[\s*'(\w+)',/g,
    );
    return [...written]
      .map(([, changed, locked, listed]) => (changed ?? locked ?? listed)!)
      .filter((table) => owners.has(table) && owners.get(table) !== folder)
      .map((table) => `${file.path} writes ${table}`);
  });
};

/** Bounds are named MAX or MIN. Spelled in pieces, so that the rule does not find itself. */
export const boundsAreMaxOrMin: Rule = (files) =>
  matching(
    files,
    new RegExp(
      `\\b(?:\\w+_)?(?:${['MO', 'LONGE', 'LARGE', 'LATE'].map((start) => `${start}ST`).join('|')})(?:_\\w+)?\\b`,
    ),
  );

/** Normalization takes quadratic time in combining marks; these files bound its input. */
export const normalizationIsBounded: Rule = (files) =>
  matching(
    files.filter(
      (file) =>
        file.path.startsWith('src/') &&
        !/common\/dto\/(text|email-address)|provider-account|runtime-role/.test(file.path),
    ),
    /\.normalize\((['"]NF|\))/,
  );

/** Vague subjects; the Unix account in quotes is none. Spelled in pieces like the bounds. */
export const proseNamesItsSubject: Rule = (files) =>
  matching(
    files.filter((file) => /^(?:src|docs)\/|^README\.md$/.test(file.path)),
    new RegExp(
      `(?<!['"](?=\\w+['"]))\\b(?:${['no|body', 'some|body', 'who|ever', 'what|ever', 'mean|while'].map((word) => word.replace('|', '')).join('|')})\\b`,
      'i',
    ),
  );

/** The last word of a constant that holds a number: what it counts, or the unit it is measured in. */
const UNITS =
  'MS SECONDS MINUTES HOURS DAYS YEARS BYTES CHARS ROWS ENTRIES ATTEMPTS LEVELS LINES PX PIXELS PERCENT RATIO PER_SECOND KEY COST SEED VERSION CONNECTIONS THREADS PLACES PARTITIONS INSTANCES USERS UID ITERATIONS ARITY'.split(
    ' ',
  );

export const numbersNameTheirUnit: Rule = (files) =>
  files.flatMap((file) =>
    [...file.text.matchAll(/^(?:export )?const ([A-Z][A-Z0-9_]*)(?:: number)? = [-+*/ ()\d_.]*\d[-+*/ ()\d_.]*;/gm)]
      .map(([, name]) => name!)
      .filter((name) => !UNITS.some((unit) => name === unit || name.endsWith(`_${unit}`)))
      .map((name) => `${file.path}: ${name}`),
  );

const ROLES = 'Service Guard Store Repository HealthIndicator Filter Pipe Strategy Interceptor Controller Module'.split(
  ' ',
);
const kebab = (name: string) => name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, '-').toLowerCase();

/** A class that ends in the name of a role stands in `x.<role>.ts`, and such a file holds a class of that role. */
export const rolesMatchTheirFiles: Rule = (files) =>
  inSource(files)
    .filter((file) => !file.path.endsWith('.spec.ts'))
    .flatMap((file) => {
      const classes = [...file.text.matchAll(/^export (?:abstract )?class (\w+)/gm)].map(([, name]) => name!);
      const role = /\.([a-z-]+)\.ts$/.exec(path.basename(file.path))?.[1];
      const expected = ROLES.find((candidate) => kebab(candidate) === role);
      const strays = classes.filter((name) => {
        const own = ROLES.find((candidate) => name.endsWith(candidate));
        return own !== undefined && kebab(own) !== role;
      });
      const missing = expected !== undefined && !classes.some((name) => name.endsWith(expected));
      return [
        ...strays.map((name) => `${file.path} declares ${name}`),
        ...(missing ? [`${file.path} declares no ${expected}`] : []),
      ];
    });
