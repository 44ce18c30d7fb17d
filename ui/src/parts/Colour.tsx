import { cx } from "./classes";

/** Names the API knows colours by, and the theme's own of each; another is taken as it is written. */
const NAMED: Record<string, string> = {
  red: "bg-bad-fill",
  orange: "bg-warn",
  yellow: "bg-warn",
  green: "bg-good",
  blue: "bg-info",
};
const HEX = /^#[0-9a-f]{6}$/;

/** A role of the theme for a colour's name, or the colour itself; an unknown word is plain. */
export function ground(colour: string): { className?: string; style?: { background: string } } {
  if (NAMED[colour]) return { className: NAMED[colour] };
  return HEX.test(colour) ? { style: { background: colour } } : { className: "bg-info" };
}

export function Dot({ colour }: { colour: string }) {
  const { className, style } = ground(colour);
  return <span aria-hidden className={cx("size-2 shrink-0 rounded-full", className)} style={style} />;
}
