import { createHash } from 'node:crypto';
import { html, Html, htmlDocument } from '../../common/http/html.js';
import type { Provider } from '../../config/settings.auth.js';

const NAMES: Record<Provider, string> = { google: 'Google', linkedin: 'LinkedIn' };

/** Submits the form at once; without scripts its button does. */
const SCRIPT = 'document.forms[0].submit()';
const SCRIPT_HASH = createHash('sha256').update(SCRIPT).digest('base64');

/** Allows this script only, by its hash (CSP Level 3). */
export const START_PAGE_CSP = `default-src 'none'; script-src 'sha256-${SCRIPT_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;

/**
 * Carries no state and sets no cookie: a gateway may cache it and serve it to everyone. The form posts to the address of the
 * page, so it works behind any prefix.
 */
export function startPage(provider: Provider): string {
  const title = `Continue to ${NAMES[provider]}`;
  const form = html`<form method="post"><button>${title}</button></form>`;
  return htmlDocument(title, null, html`${form}${new Html(`<script>${SCRIPT}</script>`)}`).markup;
}

/** Leads to the provider without a redirect, which a gateway would follow itself. */
export function toProviderPage(provider: Provider, url: string): string {
  const title = `Continue to ${NAMES[provider]}`;
  const refresh = html`<meta http-equiv="refresh" content="0;url=${url}" />`;
  return htmlDocument(title, refresh, html`<a href="${url}" rel="noreferrer">${title}</a>`).markup;
}
