import { isEmail } from 'class-validator';
import tr46 from 'tr46';

const MAX_ADDRESS_CHARS = 254;
const MAX_LOCAL_PART_CHARS = 64;
/** More than any address has in any spelling. Normalizing takes time by the square of the length. */
const MAX_SPELLING_CHARS = 320;

/** Not shown by everybody: UTS #46 drops many of them silently, so that one mailbox would have any number of spellings. */
const UNSEEN = String.raw`[\p{C}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]`;
const HAS_UNSEEN = new RegExp(UNSEEN, 'u');
const ALL_UNSEEN = new RegExp(UNSEEN, 'gu');

/** RFC 5321, §4.1.2: Dot-string. A quoted one spells one mailbox in any number of ways. */
const LOCAL_PART = /^[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*$/;
/** A single label, a label with a hyphen at its end, or what URLs read as an IPv4 address. */
const NO_MAIL_DOMAIN = /^[^.]*$|(^|\.)-|-(\.|$)|\.(\d+|0x[\da-f]*)$/;

// No checkHyphens: it refuses real domains such as ab--c.org.
const DOMAIN_RULES = { checkBidi: true, checkJoiners: true, useSTD3ASCIIRules: true, verifyDNSLength: true };

/**
 * The one spelling of a mailbox: lower case, the domain as its A-label (UTS #46).
 * @returns null for what is no address, or has characters that are not shown
 */
export function canonicalEmail(spelling: string): string | null {
  // These count as white space, and would be trimmed.
  if (spelling.length > MAX_SPELLING_CHARS || /[\ufeff\u2028\u2029]/.test(spelling)) return null;
  const address = spelling.trim();
  const [local = '', domain = '', ...more] = address.split('@');
  if (more.length > 0 || local.length > MAX_LOCAL_PART_CHARS || !LOCAL_PART.test(local) || HAS_UNSEEN.test(domain))
    return null;
  const ascii = tr46.toASCII(domain, DOMAIN_RULES);
  if (ascii === null || NO_MAIL_DOMAIN.test(ascii)) return null;
  const email = `${local.toLowerCase()}@${ascii}`;
  return email.length <= MAX_ADDRESS_CHARS ? email : null;
}

export const isEmailAddress = (value: unknown): boolean => typeof value === 'string' && canonicalEmail(value) !== null;

/** The spelling under which an address was kept before `canonicalEmail` was the rule; some accounts keep theirs. */
export function legacyEmail(spelling: string): string {
  if (spelling.length > MAX_SPELLING_CHARS) return spelling;
  return spelling.normalize('NFKC').trim().toLowerCase().normalize('NFKC');
}

/** True for any spelling that an account may have. */
export const isKnownSpelling = (value: unknown): boolean =>
  isEmailAddress(value) || (isEmail(value) && !(value as string).startsWith('"'));

/** What limits count by: the same for all spellings of a mailbox, also for those that are refused to new accounts. */
export function mailboxOf(spelling: string): string {
  const seen = legacyEmail(spelling.replace(ALL_UNSEEN, ''));
  return canonicalEmail(seen) ?? seen;
}
