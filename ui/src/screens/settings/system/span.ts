import { lasted } from "@/parts/text";
import { language } from "@/shell/words";

const DAY = 86_400;

/** A span that was chosen: "10 s", "1 h", "7 days". Without the empty end that a measured one has. */
export function spanText(seconds: number, locale: string = language()): string {
  if (seconds > DAY && seconds % DAY === 0)
    return new Intl.NumberFormat(locale, { style: "unit", unit: "day", unitDisplay: "long" }).format(seconds / DAY);
  return lasted(seconds, locale).replace(/ 0 (s|min)$/, "");
}
