import { readFileSync } from 'node:fs';
import { weaknesses } from './thief/weaknesses.js';

describe('the weaknesses that the thief must find', () => {
  it('are at least ten', () => expect(weaknesses.length).toBeGreaterThanOrEqual(10));

  it.each(weaknesses.map((weakness) => [weakness.name, weakness] as const))('fit the source: %s', (_, weakness) => {
    for (const file of weakness.files) {
      const places = readFileSync(`src/${file}`, 'utf8').split(weakness.replace).length - 1;
      expect(weakness.all ? Math.min(places, 1) : places).toBe(1);
    }
  });
});
