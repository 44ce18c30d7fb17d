import { useTranslation } from "react-i18next";
import { cx } from "@/parts/classes";
import { briefly, count } from "@/parts/text";
import { type Counts, classes, endings } from "./answered";

/** `2xx 90 · 5xx 2`: what was answered; a dash where nothing was. */
export function Statuses({ of, brief }: { of: Counts | undefined; brief?: boolean }) {
  const found = classes(of ?? {});
  if (found.length === 0) return <span className="text-faint">–</span>;
  return (
    <span className={cx("inline-flex gap-x-2.5 tabular-nums", !brief && "flex-wrap")}>
      {found.map(({ name, colour, count: many }) => (
        <span key={name} className="whitespace-nowrap" title={brief ? count(many) : undefined}>
          <span style={{ color: `var(${colour})` }} className="font-medium">
            {name}
          </span>{" "}
          {brief ? briefly(many) : count(many)}
        </span>
      ))}
    </span>
  );
}

/** `Exception 3 · Timeout 1`: what did not end well. */
export function Endings({ of }: { of: Counts }) {
  const { t } = useTranslation();
  const found = endings(of);
  if (found.length === 0) return <span className="text-faint">–</span>;
  return (
    <span className="inline-flex flex-wrap gap-x-2.5 tabular-nums">
      {found.map(([outcome, many]) => (
        <span key={outcome} className="whitespace-nowrap">
          <span className="font-medium text-bad">{t(`workers:outcomes.${outcome}`, { defaultValue: outcome })}</span>{" "}
          {count(many)}
        </span>
      ))}
    </span>
  );
}
