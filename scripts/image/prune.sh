#!/bin/sh
# Removes from node_modules (in the folder given, default the current one) what Node.js never loads in production. LICENSE files stay.
# By name, because each package ships its sources, types, source maps and builds for browsers and other module systems.
set -eu
cd "${1:-.}/node_modules"

# Only @nestjs/swagger's compiler plugin and the CLI load it, at build time.
rm -rf typescript
find . -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.flow' \) -delete
find . -type f \( -iname '*.md' -o -iname '*.markdown' \) ! -iname 'license*' ! -iname 'licence*' ! -iname 'notice*' -delete

# libphonenumber-js/es6 stays: class-validator loads it.
rm -rf rxjs/src rxjs/dist/esm rxjs/dist/esm5 rxjs/dist/bundles \
  typeorm/browser es-toolkit/src \
  libphonenumber-js/bundle libphonenumber-js/source libphonenumber-js/es6-modern \
  class-validator/esm2015 class-validator/esm5 class-validator/bundles \
  class-transformer/esm2015 class-transformer/esm5 class-transformer/bundles \
  swagger-ui-dist/swagger-ui-es-bundle*.js
find . -path '*/node_modules/.bin' -prune -o -type d \( -path '*@aws-sdk/*' -o -path '*@smithy/*' \) \
  \( -name dist-es -o -name dist-types \) -prune -exec rm -rf {} +
# Of packages only: a folder of this name deeper in one may be loaded.
for package in [!@]*/ @*/*/; do
  rm -rf "${package}test" "${package}tests" "${package}__tests__" "${package}example" "${package}examples" "${package}.github"
done
