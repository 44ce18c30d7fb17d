import { useTranslation } from "react-i18next";
import type { RepositoryOut } from "@/api";
import { Section } from "@/parts/Page";
import { Badge, Time, type Tone } from "@/parts/small";

interface Finding {
  check: string;
  result: string;
  message: string;
  hint?: string | null;
}
const TONES: Record<string, Tone> = { danger: "bad", missing: "bad", excess: "warn" };
const WORST = ["danger", "missing", "excess"];

/** What the last test of the credential found: rules of the bucket that would eat snapshots come first. */
export function Findings({ of }: { of: RepositoryOut }) {
  const { t } = useTranslation();
  const found = (of.last_test?.findings ?? []) as Finding[];
  const some = found
    .filter(({ result }) => WORST.includes(result))
    .sort((a, b) => WORST.indexOf(a.result) - WORST.indexOf(b.result));
  if (some.length === 0) return null;
  return (
    <Section title={t("repositories:found")} aside={<Time at={String(of.last_test?.at ?? "")} />}>
      <ul className="grid max-w-3xl gap-3">
        {some.map(({ check, result, message, hint }) => (
          <li key={`${check} ${message}`} className="flex items-start gap-2">
            <Badge tone={TONES[result] ?? "plain"}>{t(`repositories:results.${result}`)}</Badge>
            <span className="min-w-0">
              <span className={result === "danger" ? "font-medium text-bad" : ""}>{message}</span>
              {hint && <span className="block text-muted text-xs">{hint}</span>}
            </span>
          </li>
        ))}
      </ul>
    </Section>
  );
}
