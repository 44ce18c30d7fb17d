import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { totpBegin, totpConfirm } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel, ErrorText } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { CopyButton, Skeleton } from "@/parts/small";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { session } from "@/shell/session";

/** Where a second factor is required, nothing works before there is one. */
export function Enrol() {
  const { t } = useTranslation();
  const [code, setCode] = useState("");
  const begun = useQuery({
    queryKey: ["enrol"],
    queryFn: () => data(totpBegin()),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  const confirm = useMutation({ mutationFn: () => data(totpConfirm({ body: { code } })), meta: { quiet: true } });
  const codes = confirm.data?.recovery_codes;
  return (
    <main className="grid h-full place-items-center overflow-y-auto bg-page px-4">
      <div className="grid w-full max-w-[400px] gap-4 py-10">
        <h1 className="font-semibold text-xl tracking-tight">{t("signin:enrol.title")}</h1>
        {codes ? (
          <>
            <p className="text-muted">{t("signin:enrol.codes")}</p>
            <ul className="grid grid-cols-2 gap-1 rounded-lg border bg-panel p-3 font-mono">
              {codes.map((each) => (
                <li key={each}>{each}</li>
              ))}
            </ul>
            <div className="flex justify-end gap-2">
              <CopyButton text={codes.join("\n")} label={t("shell:copy")} />
              <Button look="primary" onClick={() => void queries.invalidateQueries({ queryKey: session.queryKey })}>
                {t("signin:enrol.go")}
              </Button>
            </div>
          </>
        ) : begun.isError ? (
          <ErrorPanel error={begun.error} retry={() => void begun.refetch()} />
        ) : (
          <form
            className="grid gap-3.5"
            onSubmit={(event) => {
              event.preventDefault();
              confirm.mutate();
            }}
          >
            <p className="text-muted">{t("signin:enrol.lead")}</p>
            <div className="flex items-center gap-1 rounded-lg border bg-panel py-1 pr-1 pl-3">
              {begun.data ? (
                <code className="flex-1 break-all">{begun.data.secret}</code>
              ) : (
                <Skeleton className="h-5 flex-1" />
              )}
              <CopyButton text={begun.data?.secret ?? ""} label={t("shell:copy")} />
            </div>
            {begun.data && (
              <a className="text-accent-text text-xs underline" href={begun.data.uri}>
                {t("signin:enrol.open")}
              </a>
            )}
            <Field label={t("signin:code")}>
              {(given) => (
                <Input
                  {...given}
                  inputMode="numeric"
                  autoComplete="one-time-code"
                  required
                  value={code}
                  onChange={(event) => setCode(event.target.value)}
                />
              )}
            </Field>
            {confirm.isError && <ErrorText error={asError(confirm.error)} />}
            <Button look="primary" type="submit" busy={confirm.isPending}>
              {t("signin:enrol.button")}
            </Button>
          </form>
        )}
      </div>
    </main>
  );
}
