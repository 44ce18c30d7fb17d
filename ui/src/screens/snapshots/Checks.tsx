import { CircleCheck, CircleHelp, CircleX } from "lucide-react";
import { useTranslation } from "react-i18next";
import { type Check, legible } from "./checksOf";

/** What was compared: expected and found where they differ. */
export function Checks({ checks }: { checks: readonly Check[] }) {
  const { t } = useTranslation();
  return (
    <ul className="mt-2 divide-y rounded-md border">
      {checks.map((each) => (
        <li key={each.name} className="flex items-start gap-2.5 px-3 py-1.5 text-xs">
          {each.ok ? (
            <CircleCheck className="mt-0.5 size-3.5 shrink-0 text-good" aria-label={t("restore:same")} />
          ) : each.ok === null ? (
            <CircleHelp className="mt-0.5 size-3.5 shrink-0 text-warn" aria-label={t("restore:notJudged")} />
          ) : (
            <CircleX className="mt-0.5 size-3.5 shrink-0 text-bad" aria-label={t("restore:differs")} />
          )}
          <span className="min-w-0 flex-1 break-words">{each.name}</span>
          <span className="max-w-[50%] break-words text-right text-muted [overflow-wrap:anywhere]">
            {each.ok === false && each.expected
              ? t("restore:insteadOf", {
                  actual: legible(each.actual || each.detail),
                  expected: legible(each.expected),
                })
              : short(legible(each.actual || each.detail))}
          </span>
        </li>
      ))}
    </ul>
  );
}

const MOST = 80;
const short = (text: string) => (text.length > MOST ? `${text.slice(0, MOST)}…` : text);
