import { useMutation, useQuery } from "@tanstack/react-query";
import { QRCodeSVG } from "qrcode.react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { totpBegin, totpConfirm } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorPanel, ErrorText } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { CopyButton, Skeleton } from "@/parts/small";
import { asError, data } from "@/shell/api";

/** A secret for the phone, and its first code. `onDone` gets recovery codes, or none when there were some. */
export function SetUpTotp({ onDone, onClose }: { onDone: (codes: readonly string[]) => void; onClose: () => void }) {
  const { t } = useTranslation();
  const [code, setCode] = useState("");
  const begun = useQuery({
    queryKey: ["totp-setup"],
    queryFn: () => data(totpBegin()),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0, // a secret is not kept after the dialog
    retry: false,
  });
  const confirm = useMutation({
    mutationFn: () => data(totpConfirm({ body: { code: code.replaceAll(" ", "") } })),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: ({ recovery_codes }) => onDone(recovery_codes),
  });
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={t("factors:app")}
      lead={t("factors:setUpLead")}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" type="submit" form="totp-form" disabled={!begun.data} busy={confirm.isPending}>
            {t("factors:confirm")}
          </Button>
        </>
      }
    >
      {begun.isError ? (
        <ErrorPanel error={begun.error} retry={() => void begun.refetch()} />
      ) : (
        <form
          id="totp-form"
          className="grid gap-3.5"
          onSubmit={(event) => {
            event.preventDefault();
            confirm.mutate();
          }}
        >
          {begun.data ? <Code uri={begun.data.uri} /> : <Skeleton className="mx-auto size-48" />}
          <div>
            <p className="text-muted text-xs">{t("factors:noScan")}</p>
            <div className="mt-1 flex items-center gap-1 rounded-lg border bg-panel py-0.5 pr-1 pl-3">
              <code className="min-h-5 min-w-0 flex-1 break-all">{begun.data?.secret}</code>
              <CopyButton text={begun.data?.secret ?? ""} label={t("shell:copy")} />
            </div>
            {begun.data && (
              <a className="text-accent-text text-xs underline" href={begun.data.uri}>
                {t("factors:open")}
              </a>
            )}
          </div>
          <Field label={t("factors:code")}>
            {(given) => (
              <Input
                {...given}
                required
                autoFocus
                inputMode="numeric"
                autoComplete="one-time-code"
                maxLength={7}
                value={code}
                onChange={(event) => setCode(event.target.value)}
              />
            )}
          </Field>
          {confirm.isError && <ErrorText error={asError(confirm.error)} />}
        </form>
      )}
    </Dialog>
  );
}

/** Dark on light in every theme: many apps read no inverted code. The quiet zone around it is four modules. */
function Code({ uri }: { uri: string }) {
  const { t } = useTranslation();
  return (
    <QRCodeSVG
      value={uri}
      marginSize={4}
      level="M"
      role="img"
      aria-label={t("factors:qr")}
      className="mx-auto size-48 rounded-lg"
    />
  );
}
