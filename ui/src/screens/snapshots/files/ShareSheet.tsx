import { useMutation, useQuery } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type DownloadMadeOut, downloadCreate, downloadCreateZip, downloadLifeGet } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Area, Field, Input, Select } from "@/parts/Field";
import { CopyButton, Time } from "@/parts/small";
import { lasted } from "@/parts/text";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { bodyOf, FRESH, isWhole, type Share } from "./share";

interface Props {
  /** One is its own file, several are one zip. */
  snapshots: readonly string[];
  onClose: () => void;
}

/** Makes a signed link: to whom it is encrypted and how long it lives is said before, the link itself only once. */
export function ShareSheet({ snapshots, onClose }: Props) {
  const { t } = useTranslation();
  const [share, setShare] = useState<Share>(FRESH);
  const [key, setKey] = useState(once);
  const make = useMutation({
    mutationFn: () => {
      const [only] = snapshots;
      return snapshots.length === 1 && only
        ? data(downloadCreate({ path: { snapshot_id: only }, body: bodyOf(share), headers: key }))
        : data(downloadCreateZip({ body: { ...bodyOf(share), snapshot_ids: [...snapshots] }, headers: key }));
    },
    networkMode: "always",
    meta: { quiet: true },
    onError: () => setKey(once()),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ["downloads"] }),
  });
  return (
    <Dialog
      open
      as="sheet"
      onOpenChange={(open) => !open && onClose()}
      title={t("files:new", { count: snapshots.length })}
      lead={make.data ? undefined : t("files:newLead")}
      foot={
        make.data ? (
          <Button onClick={onClose}>{t("shell:close")}</Button>
        ) : (
          <>
            <Button onClick={onClose}>{t("shell:cancel")}</Button>
            <Button look="primary" type="submit" form="share-form" busy={make.isPending} disabled={!isWhole(share)}>
              {t("files:make")}
            </Button>
          </>
        )
      }
    >
      {make.data ? (
        <Made made={make.data} />
      ) : (
        <form
          id="share-form"
          className="grid gap-4"
          onSubmit={(event) => {
            event.preventDefault();
            if (isWhole(share)) make.mutate();
          }}
        >
          <Wishes share={share} set={(patch) => setShare((before) => ({ ...before, ...patch }))} />
          {make.error && <ErrorText error={asError(make.error)} />}
        </form>
      )}
    </Dialog>
  );
}

function Wishes({ share, set }: { share: Share; set: (patch: Partial<Share>) => void }) {
  const { t } = useTranslation();
  const { data: life } = useQuery({ queryKey: ["downloads", "life"], queryFn: () => data(downloadLifeGet()) });
  const choice = (name: "format" | "compression" | "encryption", values: readonly string[]) => (
    <Field label={t(`files:${name}`)} hint={name === "format" ? t(`files:formatHint.${share.format}`) : undefined}>
      {(given) => (
        <Select
          {...given}
          value={share[name]}
          onChange={(event) => set({ [name]: event.target.value } as Partial<Share>)}
        >
          {values.map((value) => (
            <option key={value} value={value}>
              {t(`files:values.${value || "usual"}`)}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
  const keyed = share.encryption === "age" || share.encryption === "gpg";
  return (
    <>
      {choice("format", ["native", "tar", "stored"])}
      {share.format !== "stored" && choice("compression", ["", "zstd", "bzip2", "none"])}
      {choice("encryption", ["none", "age", "gpg", "aes256"])}
      {keyed && (
        <Field label={t("files:recipients")} hint={t(`files:recipientsHint.${share.encryption}`)}>
          {(given) => (
            <Area
              {...given}
              className="font-mono text-xs"
              spellCheck={false}
              value={share.recipients}
              onChange={(event) => set({ recipients: event.target.value })}
            />
          )}
        </Field>
      )}
      {share.encryption !== "none" && !(keyed && share.recipients.trim()) && (
        <Field label={keyed ? t("files:orPassphrase") : t("files:passphrase")}>
          {(given) => (
            <Input
              {...given}
              type="password"
              autoComplete="new-password"
              value={share.passphrase}
              onChange={(event) => set({ passphrase: event.target.value })}
            />
          )}
        </Field>
      )}
      <Field
        label={t("files:hours")}
        hint={life && t("files:hoursHint", { usual: lasted(life.default_seconds), most: lasted(life.most_seconds) })}
      >
        {(given) => (
          <Input
            {...given}
            type="number"
            min={0}
            step="any"
            value={share.hours}
            onChange={(event) => set({ hours: event.target.value })}
          />
        )}
      </Field>
      <label className="flex items-center gap-2">
        <input
          type="checkbox"
          className="size-4 accent-accent"
          checked={share.once}
          onChange={(event) => set({ once: event.target.checked })}
        />
        {t("files:once")}
      </label>
    </>
  );
}

function Made({ made }: { made: DownloadMadeOut }) {
  const { t } = useTranslation();
  const link = made.url ? new URL(made.url, location.origin).href : null;
  return (
    <div className="grid gap-4">
      {link && (
        <>
          <p className="text-muted">
            {t("files:shownOnce")} <Time at={made.download.expires_at} />
          </p>
          <div className="flex items-center gap-1 rounded-md border bg-sunken py-1 pl-3">
            <code className="min-w-0 flex-1 truncate text-xs">{link}</code>
            <CopyButton text={link} label={t("files:copyLink")} />
          </div>
          <div>
            <Button look="primary" asChild>
              <a href={link} download>
                <Download aria-hidden />
                {t("snapshots:download")}
              </a>
            </Button>
          </div>
        </>
      )}
      <details>
        <summary className="font-medium text-muted text-xs hover:text-text">{t("files:howToOpen")}</summary>
        <pre className="mt-2 overflow-x-auto whitespace-pre-wrap rounded-md border bg-sunken p-3 text-xs">
          {made.restore_md}
        </pre>
      </details>
    </div>
  );
}
