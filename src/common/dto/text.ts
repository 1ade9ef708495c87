/** Control characters, lone surrogates, line ends, and bidirectional overrides (UAX #9). */
const UNPRINTABLE = String.raw`\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069`;
const HAS_UNPRINTABLE = new RegExp(`[${UNPRINTABLE}]`, 'u');
const HAS_UNPRINTABLE_BUT_LINES = new RegExp(String.raw`(?![\n\t])[${UNPRINTABLE}]`, 'u');
const BREAKS = /[\s\u0085\u202a-\u202e\u2066-\u2069]+/gu;
const ALL_UNPRINTABLE = new RegExp(`[${UNPRINTABLE}]`, 'gu');

/** U+2800 (blank Braille) and the Hangul fillers are letters or symbols, yet blank. */
const VISIBLE = /[^\p{Cc}\p{Cf}\p{Cs}\p{Z}\p{M}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u2800]/u;

/** More than any stored text has in any normalization form. */
const MAX_TEXT_CHARS = 16_000;
/** Combining marks on one letter (UAX #15, stream-safe text format). */
const MAX_MARKS_CHARS = 30;

/** Normalization sorts combining marks in quadratic time, so texts with very many are not normalized. */
function isEndless(text: string): boolean {
  if (text.length > MAX_TEXT_CHARS) return true;
  return text.match(/\p{M}+/gu)?.some(({ length }) => length > 2 * MAX_MARKS_CHARS) ?? false;
}

/** NFC (UAX #15); an endless text is returned unchanged, and `isOneLine` refuses it. */
export const toNfc = (text: string): string => (isEndless(text) ? text : text.normalize('NFC'));

export const isOneLine = (text: string): boolean => !isEndless(text) && !HAS_UNPRINTABLE.test(text);

/** Like `isOneLine`, but allows line breaks and tabs. */
export const isPlainText = (text: string): boolean => !isEndless(text) && !HAS_UNPRINTABLE_BUT_LINES.test(text);

export const isVisible = (text: string): boolean => isEndless(text) || VISIBLE.test(text);

/** Folds case independently of the locale. */
export const foldCase = (text: string): string => toNfc(text.toUpperCase().toLowerCase());

const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });

/** Cuts between grapheme clusters, so that an emoji of several code points stays whole. */
function truncate(text: string, maxCodePoints: number): string {
  // A text has at least as many UTF-16 units as code points, and a segmenter costs a hundred times this comparison.
  if (text.length <= maxCodePoints) return text;
  let [end, left] = [0, maxCodePoints];
  for (const { segment, index } of graphemes.segment(text)) {
    left -= [...segment].length;
    if (left < 0) break;
    end = index + segment.length;
  }
  return text.slice(0, end).trim();
}

/** Cleans a text that cannot be refused, such as a provider's, to one visible line; empty if nothing remains. */
export function toLine(text: string, maxCodePoints: number): string {
  const line = toNfc(
    text
      .slice(0, 8 * maxCodePoints)
      .replace(BREAKS, ' ')
      .replace(ALL_UNPRINTABLE, '')
      .trim(),
  );
  return isVisible(line) && isOneLine(line) ? truncate(line, maxCodePoints) : '';
}
