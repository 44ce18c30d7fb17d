import { useMutation } from "@tanstack/react-query";
import { Eye } from "lucide-react";
import { useTranslation } from "react-i18next";
import { type RepositoryOut, repositoryKeyReveal } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { CopyButton } from "@/parts/small";
import { asError, data } from "@/shell/api";

/** The repository's password. It is asked for only when wanted, kept only while this is open, and written to the log. */
export function RevealKey({ repository, onClose }: { repository: RepositoryOut; onClose: () => void }) {
  const { t } = useTranslation();
  const reveal = useMutation({
    mutationFn: () => data(repositoryKeyReveal({ path: { repository_id: repository.id } })),
    networkMode: "always",
    gcTime: 0,
    meta: { quiet: true },
  });
  const found = reveal.data;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t("repositories:key")}
      lead={t("repositories:keyLead")}
      foot={
        found ? (
          <Button onClick={onClose}>{t("shell:close")}</Button>
        ) : (
          <Button look="primary" icon={<Eye />} busy={reveal.isPending} onClick={() => reveal.mutate()}>
            {t("repositories:reveal")}
          </Button>
        )
      }
    >
      {reveal.error && <ErrorText error={asError(reveal.error)} />}
      {found && (
        <dl className="grid gap-3">
          {[
            [t("repositories:password"), found.password],
            [t("repositories:where"), found.path],
          ].map(([name, value]) => (
            <div key={name}>
              <dt className="text-muted text-xs">{name}</dt>
              <dd className="flex items-center gap-1">
                <code className="min-w-0 flex-1 break-all rounded-md bg-sunken px-2 py-1.5 font-mono text-xs">
                  {value}
                </code>
                <CopyButton text={value ?? ""} label={t("shell:copy")} />
              </dd>
            </div>
          ))}
        </dl>
      )}
    </Dialog>
  );
}
