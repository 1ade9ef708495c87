import { createHash } from 'node:crypto';
import { Html } from '../../common/http/html.js';

const STYLE = `
:root{color-scheme:light dark}
body{margin:0;font:16px/1.5 system-ui,sans-serif;background:#f1f5f9;color:#0f172a}
main{max-width:26rem;margin:10vh auto 0;padding:2rem;background:#fff;border-radius:12px}
h1{font-size:1.4rem;margin:0 0 1rem}
label{display:block;font-weight:600;margin-top:1rem}
input[readonly]{border-style:dashed}
input{box-sizing:border-box;width:100%;font:inherit;padding:.6rem;border:1px solid #64748b;border-radius:6px}
button{margin-top:1.5rem;width:100%;font:inherit;font-weight:600;padding:.7rem;border:0;border-radius:6px;background:#1d4ed8;color:#fff;cursor:pointer}
:focus-visible{outline:3px solid #f59e0b;outline-offset:2px}
.hint{font-size:.875rem;color:#475569;margin:.25rem 0 0}
.errors{background:#fef2f2;color:#991b1b;border-radius:6px;padding:.75rem 1rem;margin:0}
.errors ul{margin:0;padding-left:1.2rem}
@media(prefers-color-scheme:dark){body{background:#0f172a;color:#f1f5f9}main{background:#1e293b}.hint{color:#cbd5e1}input{background:#0f172a;color:inherit}a{color:#93c5fd}}
`;

/** On one line: white space added by a formatter would change the hash. */
export const STYLE_ELEMENT = new Html(`<style>${STYLE}</style>`);

export const SCRIPT_ELEMENT = new Html('<script src="../pages/passkey.js" defer></script>');
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** Allows no script and no resource, only the style sheet by its hash (CSP Level 3). */
export const PAGE_CSP =
  `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action 'self'; ` +
  `base-uri 'none'; frame-ancestors 'none'`;

/** Also allows our own scripts and their requests, on pages that offer a passkey. */
const PASSKEY_PAGE_CSP = `${PAGE_CSP}; script-src 'self'; connect-src 'self'`;

export const cspOf = (page: Html) => (page.markup.includes(SCRIPT_ELEMENT.markup) ? PASSKEY_PAGE_CSP : PAGE_CSP);
