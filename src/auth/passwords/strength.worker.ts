import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { estimateStrength, MIN_STRENGTH_LEVELS } from './strength.js';

const lines = readFileSync(join(import.meta.dirname, 'common-passwords.txt'), 'utf8').split('\n');
const common = new Set(lines.filter((line) => !line.startsWith('#')));

parentPort!.on('message', ([password, words]: [string, string[]]) => {
  const { levels, advice } = estimateStrength(password, words);
  const isWeak = levels < MIN_STRENGTH_LEVELS;
  parentPort!.postMessage({ isWeak, isCommon: common.has(password.toLowerCase()), advice }, []);
});
