/** Colours people give databases, by the names the server keeps. Each is seen on light and dark ground. */
export const COLOURS: Readonly<Record<string, string>> = {
  red: "#d1483f",
  orange: "#c76a12",
  yellow: "#a98600",
  green: "#2e8b57",
  teal: "#0f8a86",
  blue: "#3b7dd8",
  purple: "#8257d6",
  pink: "#c94f92",
};

/** How to draw what the server keeps: one of ours, or the hexadecimal colour it is. */
export function drawn(colour: string | null): string | null {
  if (!colour) return null;
  return COLOURS[colour] ?? (/^#[0-9a-f]{6}$/.test(colour) ? colour : null);
}
