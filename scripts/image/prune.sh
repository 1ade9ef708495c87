#!/bin/sh
# Removes from node_modules (in the folder given, default the current one) what the bundle contains, and from the packages that are
# left what Node.js never loads in production: sources, types, source maps, builds for browsers, tests. LICENSE files stay.
set -eu
node "$(dirname "$0")/empty-packages.mjs" "${1:-.}"
cd "${1:-.}/node_modules"

find . -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.flow' \) -delete
find . -type f \( -iname '*.md' -o -iname '*.markdown' \) ! -iname 'license*' ! -iname 'licence*' ! -iname 'notice*' -delete
rm -f swagger-ui-dist/swagger-ui-es-bundle*.js
find . -path '*/node_modules/.bin' -prune -o -type d \( -path '*@aws-sdk/*' -o -path '*@smithy/*' \) \
  \( -name dist-es -o -name dist-types \) -prune -exec rm -rf {} +
# Of packages only: a folder of this name deeper in one may be loaded.
for package in [!@]*/ @*/*/; do
  rm -rf "${package}test" "${package}tests" "${package}__tests__" "${package}example" "${package}examples" "${package}.github"
done
find . -type d -empty -delete
