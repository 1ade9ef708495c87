import { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { adjacencyGraphs, dictionary as common } from '@zxcvbn-ts/language-common';
import { dictionary as english, translations } from '@zxcvbn-ts/language-en';
import { dictionary as french } from '@zxcvbn-ts/language-fr';

/** log10 of the guesses that a password must withstand. */
export const MIN_STRENGTH_LEVELS = 5;

const MIN_CORE_CHARS = 4;

/** log10 of the guesses that each ending adds: some 50 years, and ten of each other kind. */
const YEAR_LEVELS = 1.7;
const ENDING_LEVELS = 1;

const DECORATED = 'A common word with digits or signs around it is easy to guess. Add more words that are less common.';

const ENDINGS = /(?<year>(?:19|20)\d\d)|123\d*|[^]/gu;

// With the default of 100, 128 characters can take four seconds. The results are the same.
const zxcvbn = new ZxcvbnFactory({
  dictionary: { ...common, ...english, ...french },
  graphs: adjacencyGraphs,
  translations,
  l33tMaxSubstitutions: 4,
});

/**
 * Estimates guesses with zxcvbn (Wheeler, USENIX Security 2016), which takes the year and the sign of `Summer2026!` for random
 * characters: a word is therefore also judged without what stands around it.
 * @param words the person's own, in lower case
 * @returns log10 of the guesses, and what would help
 */
export function estimateStrength(password: string, words: string[]) {
  const { guessesLog10: whole, feedback } = zxcvbn.check(password, words);
  const advice = [feedback.warning, ...feedback.suggestions].filter(Boolean).join(' ');
  const core = password.replace(/^\P{L}+|\P{L}+$/gu, '');
  if (whole < MIN_STRENGTH_LEVELS || core === password || core.length < MIN_CORE_CHARS)
    return { levels: whole, advice };
  let { guessesLog10: levels } = zxcvbn.check(core, words);
  for (const { groups } of password.replace(core, '').matchAll(ENDINGS))
    levels += groups?.year ? YEAR_LEVELS : ENDING_LEVELS;
  return levels < whole ? { levels, advice: DECORATED } : { levels: whole, advice };
}
