import { useTranslation } from "react-i18next";
import { Section } from "@/parts/Page";
import { CopyButton } from "@/parts/small";

const COMMANDS = {
  look: "holdfast recover --from REPOSITORY --kit kit.age --data /srv/holdfast --dry-run",
  recover: "holdfast recover --from REPOSITORY --kit kit.age --data /srv/holdfast",
  restic: "restic -r REPOSITORY --password-file password snapshots",
} as const;

/** Read before it is needed: on the day itself this page is lost too. */
export function Lost() {
  const { t } = useTranslation();
  return (
    <Section title={t("recovery:lost")}>
      <p className="mb-3 max-w-2xl text-muted">{t("recovery:lostLead")}</p>
      <ol className="grid max-w-3xl list-decimal gap-3 pl-5">
        <li>{t("recovery:steps.off")}</li>
        <li>
          {t("recovery:steps.look")}
          <Command text={COMMANDS.look} />
        </li>
        <li>
          {t("recovery:steps.recover")}
          <Command text={COMMANDS.recover} />
        </li>
        <li>
          {t("recovery:steps.without")}
          <Command text={COMMANDS.restic} />
        </li>
      </ol>
    </Section>
  );
}

function Command({ text }: { text: string }) {
  const { t } = useTranslation();
  return (
    <div className="mt-1 flex items-center gap-1">
      <code className="min-w-0 flex-1 whitespace-pre-wrap break-words rounded-md bg-sunken px-2 py-1.5 font-mono text-xs">
        {text}
      </code>
      <CopyButton text={text} label={t("shell:copy")} />
    </div>
  );
}
