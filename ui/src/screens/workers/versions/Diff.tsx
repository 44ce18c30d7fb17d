import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type DiffOut, type FileChangeOut, type VersionWholeOut, workerVersionDiff } from "@/api";
import { cx } from "@/parts/classes";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Select } from "@/parts/Field";
import { Badge, Skeleton, type Tone } from "@/parts/small";
import { useAddress } from "@/shell/address";
import { data } from "@/shell/api";
import { said } from "../../activity/audit/diff";
import { versionName } from "../listed";
import type { TabProps } from "../tabs";
import { useVersions } from "../useVersions";
import { type DiffLine, numbered } from "./lines";

/** What a version changed against the one before it, or against another one that is chosen. */
export default function Diff({ worker, version }: TabProps & { version: VersionWholeOut }) {
  const { t } = useTranslation();
  const [search, set] = useAddress();
  const { data: versions } = useVersions(worker.id);
  const against = search.against;
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: ["workers", worker.id, "diff", version.id, against ?? null],
    queryFn: () =>
      data(workerVersionDiff({ path: { worker_version_id: version.id }, query: { ...(against && { against }) } })),
  });
  const others = versions?.filter(({ id }) => id !== version.id) ?? [];
  return (
    <section>
      <div className="mb-2 flex flex-wrap items-center justify-between gap-2">
        <h3 className="font-semibold text-sm">{t("workers:changes")}</h3>
        {others.length > 0 && (
          <div className="flex items-center gap-2 text-muted text-xs">
            {t("workers:against")}
            <Select
              aria-label={t("workers:against")}
              className="!w-auto max-w-44"
              value={against ?? ""}
              onChange={(event) => set({ against: event.target.value || undefined })}
            >
              <option value="">{t("workers:theOneBefore")}</option>
              {others.map((each) => (
                <option key={each.id} value={each.id}>
                  {versionName(each)}
                </option>
              ))}
            </Select>
          </div>
        )}
      </div>
      {error ? (
        <ErrorPanel error={error} retry={() => void refetch()} />
      ) : found ? (
        <Changes found={found} />
      ) : (
        <Skeleton className="h-32" />
      )}
    </section>
  );
}

function Changes({ found }: { found: DiffOut }) {
  const { t } = useTranslation();
  const config = Object.entries(found.config);
  if (found.before === null) return <p className="text-muted text-xs">{t("workers:firstOfAll")}</p>;
  if (found.files.length === 0 && config.length === 0)
    return <p className="text-muted text-xs">{t("workers:nothingChanged")}</p>;
  return (
    <div className="grid gap-4">
      {found.files.map((file) => (
        <FileDiff key={file.path} file={file} />
      ))}
      {config.length > 0 && (
        <div>
          <h4 className="mb-1 font-medium text-xs">{t("workers:config")}</h4>
          <dl className="grid gap-2 text-xs">
            {config.map(([name, { before, after }]) => (
              <div key={name} className="min-w-0">
                <dt className="font-mono">{name}</dt>
                <dd className="break-words">
                  <del className="text-bad">{said(before ?? "–")}</del> →{" "}
                  <ins className="text-good no-underline">{said(after ?? "–")}</ins>
                </dd>
              </div>
            ))}
          </dl>
        </div>
      )}
    </div>
  );
}

const TONES: Record<FileChangeOut["change"], Tone> = { added: "good", removed: "bad", changed: "warn" };
const LOOKS: Record<DiffLine["kind"], string> = {
  added: "bg-good-soft text-good",
  removed: "bg-bad-soft text-bad",
  same: "",
  hunk: "bg-sunken text-muted",
};
const SIGNS: Record<DiffLine["kind"], string> = { added: "+", removed: "-", same: " ", hunk: " " };

function FileDiff({ file }: { file: FileChangeOut }) {
  const { t } = useTranslation();
  const lines = useMemo(() => numbered(file.lines ?? []), [file.lines]);
  return (
    <div className="overflow-hidden rounded-md border">
      <div className="flex items-center gap-2 border-b bg-sunken px-3 py-1.5">
        <code className="min-w-0 flex-1 truncate font-mono text-xs">{file.path}</code>
        <Badge tone={TONES[file.change]}>{t(`workers:changeKinds.${file.change}`)}</Badge>
      </div>
      {file.lines === null ? (
        <p className="px-3 py-2 text-muted text-xs">{t("workers:noText")}</p>
      ) : (
        <pre
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
          tabIndex={0}
          className="max-h-96 overflow-auto py-1 font-mono text-xs leading-5"
        >
          {lines.map((line, at) => (
            <span
              // biome-ignore lint/suspicious/noArrayIndexKey: the lines of one diff never move
              key={at}
              className={cx("flex w-max min-w-full pr-3", LOOKS[line.kind])}
            >
              <span className="w-9 shrink-0 select-none pr-2 text-right text-muted" aria-hidden>
                {line.before ?? ""}
              </span>
              <span className="w-9 shrink-0 select-none pr-2 text-right text-muted" aria-hidden>
                {line.after ?? ""}
              </span>
              <span className="w-4 shrink-0 select-none">{SIGNS[line.kind]}</span>
              <span className="whitespace-pre">{line.text || " "}</span>
            </span>
          ))}
        </pre>
      )}
    </div>
  );
}
