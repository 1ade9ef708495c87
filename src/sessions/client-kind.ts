/** The first match counts: browsers also name those they are compatible with. */
const FAMILIES = [
  ['edge', /\bEdg(e|A|iOS)?\//],
  ['opera', /\b(OPR|OPT|OPiOS|Opera)\//],
  ['samsung', /\bSamsungBrowser\//],
  ['firefox', /\b(Firefox|FxiOS)\//],
  ['chrome', /\b(Chrome|Chromium|CriOS)\//],
  ['safari', /\bSafari\//],
] as const;

const PLATFORMS = [
  ['windows', /\bWindows\b/],
  ['android', /\bAndroid\b/],
  ['ios', /\b(iPhone|iPad|iPod)\b/],
  ['chromeos', /\bCrOS\b/],
  ['macos', /\bMacintosh\b/],
  ['linux', /\b(Linux|X11)\b/],
] as const;

const nameOf = (table: readonly (readonly [string, RegExp])[], userAgent: string) =>
  table.find(([, pattern]) => pattern.test(userAgent))?.[0] ?? 'unknown';

/** Browser family and platform, without versions: an updated browser is the same client. */
export function clientKind(userAgent: string | null): string {
  return `${nameOf(FAMILIES, userAgent ?? '')} on ${nameOf(PLATFORMS, userAgent ?? '')}`;
}
