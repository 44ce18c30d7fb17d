import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { CopyButton } from "@/parts/small";

interface Props {
  title: string;
  facts: readonly (readonly [string, string])[];
  onClose: () => void;
}

/** What is shown this once and never again: only its own button closes it. */
export function SecretOnce({ title, facts, onClose }: Props) {
  const { t } = useTranslation();
  return (
    <Dialog
      open
      stays
      onOpenChange={() => undefined}
      title={title}
      lead={t("connections:onceLead")}
      foot={
        <Button look="primary" onClick={onClose}>
          {t("connections:onceDone")}
        </Button>
      }
    >
      <dl className="grid gap-3">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt className="text-muted text-xs">{name}</dt>
            <dd className="flex items-start gap-1">
              <code className="min-w-0 flex-1 break-all rounded-md bg-sunken px-2 py-1.5 font-mono text-xs">
                {value}
              </code>
              <CopyButton text={value} label={`${t("shell:copy")}: ${name}`} />
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
