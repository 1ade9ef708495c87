/** Controls, halves of surrogate pairs, line ends, and what turns the direction of the text around it (UAX #9). */
const UNPRINTABLE = String.raw`\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069`;
const HAS_UNPRINTABLE = new RegExp(`[${UNPRINTABLE}]`, 'u');
const HAS_UNPRINTABLE_BUT_LINES = new RegExp(String.raw`(?![\n\t])[${UNPRINTABLE}]`, 'u');
const BREAKS = /[\s\u0085\u202a-\u202e\u2066-\u2069]+/gu;
const ALL_UNPRINTABLE = new RegExp(`[${UNPRINTABLE}]`, 'gu');

/** U+2800 is a pattern of Braille without dots; it and the fillers of Hangul are letters or symbols, and yet blank. */
const VISIBLE = /[^\p{Cc}\p{Cf}\p{Cs}\p{Z}\p{M}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u2800]/u;

/** More than any text that is kept has in any normal form. */
const MAX_TEXT_CHARS = 16_000;
/** Marks upon one letter (UAX #15, stream-safe text format). */
const MAX_MARKS_CHARS = 30;

/** Normalizing puts marks in order, in time by the square of their number. */
function isEndless(text: string): boolean {
  if (text.length > MAX_TEXT_CHARS) return true;
  return text.match(/\p{M}+/gu)?.some(({ length }) => length > 2 * MAX_MARKS_CHARS) ?? false;
}

/** NFC (UAX #15); a text that is too long, or has too many marks on a letter, stays as it is and is no line of text. */
export const toNfc = (text: string): string => (isEndless(text) ? text : text.normalize('NFC'));

export const isOneLine = (text: string): boolean => !isEndless(text) && !HAS_UNPRINTABLE.test(text);

/** Like `isOneLine`, with line breaks and tabs. */
export const isPlainText = (text: string): boolean => !isEndless(text) && !HAS_UNPRINTABLE_BUT_LINES.test(text);

/** False for a text that shows nothing. */
export const isVisible = (text: string): boolean => isEndless(text) || VISIBLE.test(text);

/** The same for texts that differ in case only; the same everywhere, whatever the locale. */
export const foldCase = (text: string): string => toNfc(text.toUpperCase().toLowerCase());

const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });

/** As much of a text as fits, cut between what a reader takes for characters, such as an emoji of several code points. */
function cut(text: string, maxCodePoints: number): string {
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

/** What can be shown in one line of a text from elsewhere, which is not refused; empty where that is nothing. */
export function toLine(text: string, maxCodePoints: number): string {
  const line = toNfc(
    text
      .slice(0, 8 * maxCodePoints)
      .replace(BREAKS, ' ')
      .replace(ALL_UNPRINTABLE, '')
      .trim(),
  );
  return isVisible(line) && isOneLine(line) ? cut(line, maxCodePoints) : '';
}
