const path = require('node:path');
const vm = require('node:vm');
const { default: Runtime } = require('jest-runtime');
const SharedEnvironment = require('./shared-environment.cjs');

const root = path.resolve(__dirname, '../..');
const SHARED = ['src', 'migrations', 'node_modules'].map((folder) => path.join(root, folder) + path.sep);

let loader;

/** Jest compiles its own modules again for each spec file. */
const compiled = new Map();
const { compileFunction } = vm;
vm.compileFunction = (source, parameters, options) => {
  const { filename, parsingContext } = options;
  const known = compiled.get(filename);
  if (known?.source === source && known.parsingContext === parsingContext) return known.compiled;
  const made = compileFunction(source, parameters, options);
  if (filename?.startsWith(SHARED.at(-1))) compiled.set(filename, { source, parsingContext, compiled: made });
  return made;
};

/**
 * Jest's runtime, but the modules of the service and of packages are loaded once for all spec files of a worker, which takes half
 * of the time. Specs and test/support are loaded for each file. `jest.mock` works on a shared module only where a spec file asks
 * for an environment of its own: `@jest-environment node`.
 */
module.exports = class SharedRuntime extends Runtime {
  constructor(config, environment, resolver, ...others) {
    super(config, environment, resolver, ...others);
    this.resolver = resolver;
    this.isSharing = environment instanceof SharedEnvironment;
    this.conditions = ['require', 'default', ...environment.exportConditions()];
    if (this.isSharing) loader ??= new Runtime(config, environment, resolver, ...others);
  }

  /** jest-runtime 30 calls it for each `require` and `import` of a module that it has loaded. */
  requireModuleOrMock(from, name) {
    return this.isSharing && this.isShared(from, name)
      ? loader.requireModuleOrMock(from, name)
      : super.requireModuleOrMock(from, name);
  }

  isShared(from, name) {
    if (name === '@jest/globals' || this.resolver.isCoreModule(name)) return false;
    const file = this.resolver.resolveModule(from, name, { conditions: this.conditions });
    return SHARED.some((folder) => file.startsWith(folder));
  }
};
