import { useTranslation } from "react-i18next";
import { CopyButton } from "@/parts/small";

/** The command that brings code here, ready to be copied. `name`: of the worker it is for. */
export function DeployHint({ name }: { name?: string }) {
  const { t } = useTranslation();
  const line = name ? `holdfast deploy --name ${quoted(name)}` : "holdfast deploy";
  return (
    <span className="inline-flex max-w-full items-center gap-1 rounded-md border bg-sunken py-0.5 pr-0.5 pl-2.5">
      <code className="min-w-0 truncate font-mono text-xs">{line}</code>
      <CopyButton text={line} label={t("workers:copyCommand")} />
    </span>
  );
}

/** For a shell. */
function quoted(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", `'\\''`)}'`;
}
