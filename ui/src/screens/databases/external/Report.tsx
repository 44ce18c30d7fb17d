import { CircleCheck, CircleSlash } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { ReportOut } from "@/api";
import { sentence } from "@/parts/ErrorPanel";
import { CopyButton } from "@/parts/small";

/** What the login may do at that server, and what its operator would run so that it may more. */
export function Report({ report }: { report: ReportOut }) {
  const { t } = useTranslation();
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-3">
      <p className="text-muted text-xs">{t("external:reported", { version: report.version, user: report.user })}</p>
      <ul className="grid gap-2">
        {report.powers.map((power) => (
          <li key={power.name} className="flex items-start gap-2">
            {power.ok ? (
              <CircleCheck className="mt-0.5 size-4 shrink-0 text-good" aria-label={t("external:able")} />
            ) : (
              <CircleSlash className="mt-0.5 size-4 shrink-0 text-warn" aria-label={t("external:unable")} />
            )}
            <div className="min-w-0 flex-1">
              <p className="font-medium">{t(`external:powers.${power.name}`)}</p>
              {power.reason && <p className="text-muted text-xs">{sentence(power.reason)}</p>}
              {power.remedy.length > 0 && (
                <div className="mt-1 flex items-start gap-1 rounded-md bg-sunken pl-2">
                  {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways is reached by keys too */}
                  <pre tabIndex={0} className="min-w-0 flex-1 overflow-x-auto py-1.5 font-mono text-xs">
                    {power.remedy.join("\n")}
                  </pre>
                  <CopyButton text={power.remedy.join("\n")} label={t("external:copyRemedy")} />
                </div>
              )}
            </div>
          </li>
        ))}
      </ul>
      {report.warnings.map((each) => (
        <p key={each} className="text-warn text-xs">
          {sentence(each)}
        </p>
      ))}
    </div>
  );
}
