/** Safe markup; only `html` creates it. */
export class Html {
  constructor(readonly markup: string) {}

  toString(): string {
    return this.markup;
  }
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function markupOf(value: unknown): string {
  if (value instanceof Html) return value.markup;
  if (Array.isArray(value)) return value.map(markupOf).join('');
  return value === null || value === undefined ? '' : String(value).replace(/[&<>"']/g, (sign) => ENTITIES[sign]!);
}

/** A template tag that escapes values for text and quoted attributes; nested templates and lists of them stay markup. */
export function html(parts: TemplateStringsArray, ...values: unknown[]): Html {
  return new Html(parts.map((part, index) => part + (index < values.length ? markupOf(values[index]) : '')).join(''));
}

/** A whole document; `head` is added to the head. */
export function htmlDocument(title: string, head: Html | null, body: Html, lang = 'en', dir = 'ltr'): Html {
  return html`<!doctype html>
    <html lang="${lang}" dir="${dir}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${title} – Meetinity</title>
        ${head}
      </head>
      <body>
        ${body}
      </body>
    </html> `;
}
