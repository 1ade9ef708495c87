// Lints the OpenAPI document on standard input by the recommended rules of Redocly and prints a line a problem. A process of
// its own: the linter ships ES modules only, which Jest does not load.
import { text } from 'node:stream/consumers';
import { createConfig, lintFromString } from '@redocly/openapi-core';

const problems = await lintFromString({
  source: await text(process.stdin),
  absoluteRef: 'openapi.json',
  // /users/sessions/{id} and /users/{id}/validate are both given; an id is a UUID, so no path fits two of them.
  config: await createConfig({ extends: ['recommended'], rules: { 'no-ambiguous-paths': 'off' } }),
});
for (const { severity, ruleId, message, location } of problems)
  console.log(`${severity} ${ruleId}: ${message} at ${location[0]?.pointer}`);
