const { AsyncLocalStorage } = require('node:async_hooks');
const { TestEnvironment } = require('jest-environment-node');

let shared;

/** Those that have run something. jest-circus makes one for each spec file, and Node 20 copies the value of each to every promise. */
const storages = new Set();
const { run } = AsyncLocalStorage.prototype;
AsyncLocalStorage.prototype.run = function (...args) {
  storages.add(this);
  return run.apply(this, args);
};

/** Jest's environment for Node.js, one for all spec files of a worker: what `instanceof` compares is the same in all of them. */
module.exports = class SharedEnvironment extends TestEnvironment {
  constructor(config, context) {
    if (shared) return shared;
    super(config, context);
    this.variables = { ...this.global.process.env };
    shared = this;
  }

  /** Undoes what a spec file did to the clock, to objects and to variables. */
  async teardown() {
    this.fakeTimersModern.useRealTimers();
    this.moduleMocker.restoreAllMocks();
    const { env } = this.global.process;
    for (const name of Object.keys(env)) if (!(name in this.variables)) delete env[name];
    Object.assign(env, this.variables);
    for (const storage of storages) storage.disable();
    storages.clear();
  }
};
