import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

const swc = JSON.parse(readFileSync(new URL('test/support/swc.json', import.meta.url), 'utf8'));

// Jest runs in CommonJS mode: jest.mock hoists there and no experimental flag is needed. The packages
// below ship ES modules only and are transformed like our own code.
const esmOnly = [
  '@nestjs',
  'cookie',
  'content-disposition',
  'file-type',
  'strtok3',
  'token-types',
  'uint8array-extras',
  '@tokenizer',
  '@borewit',
  'load-esm',
  'oauth2-mock-server',
  'jose',
  'set-cookie-parser',
  'is-plain-obj',
];

// Modules of the service and of packages are loaded once for each worker, not for each spec file. Coverage needs them for each.
const isShared = !process.argv.includes('--coverage');

// Specs of how the service is installed, started, operated and broken: they start processes, commands and servers of their own,
// or try every route with many values. `.ci/run` has a step for them.
const RELEASE = '/test/release/';

const project = {
  ...(isShared
    ? {
        runtime: '<rootDir>/test/support/shared-runtime.cjs',
        testEnvironment: '<rootDir>/test/support/shared-environment.cjs',
      }
    : {}),
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
  roots: ['<rootDir>/src', '<rootDir>/test'],
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  moduleNameMapper: {
    '^file-type$': '<rootDir>/node_modules/file-type/index.js',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  transformIgnorePatterns: [`/node_modules/(?!(${esmOnly.join('|')})/)`],
  transform: {
    '^.+\\.(ts|js|mjs)$': ['@swc/jest', { ...swc, sourceMaps: true, module: { type: 'commonjs' } }],
  },
};

export default {
  projects: [
    {
      ...project,
      displayName: 'service',
      testRegex: '\\.spec\\.ts$',
      testPathIgnorePatterns: ['/node_modules/', RELEASE],
    },
    { ...project, displayName: 'release', testRegex: `${RELEASE}.*\\.spec\\.ts$` },
  ],
  testTimeout: 30_000,
  coverageProvider: 'v8',
  collectCoverageFrom: ['src/**/*.ts', 'migrations/**/*.ts'],
  coverageReporters: ['text', 'html'],
  // Two more than there are cores: specs wait for servers about half of the time. Redis has 16 databases, one for each worker.
  maxWorkers: Math.min(availableParallelism() + 2, 16),
};
