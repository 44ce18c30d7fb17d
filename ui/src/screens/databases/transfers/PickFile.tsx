import { FileUp } from "lucide-react";
import { type DragEvent, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { type DatabaseOut, type UploadOut, uploadList } from "@/api";
import { Button } from "@/parts/Button";
import { cx } from "@/parts/classes";
import { ErrorText } from "@/parts/ErrorPanel";
import { Progress } from "@/parts/RunState";
import { isOf, lineTo, sent } from "@/parts/uploading";
import { type ApiError, asError, data } from "@/shell/api";
import { queries } from "@/shell/query";

const TAKES = ".csv,.tsv,.txt,.json,.ndjson,.jsonl,.parquet,.sql,.gz,.zst";

interface Props {
  database: DatabaseOut;
  /** One that broke off; the same file goes on with it. */
  unfinished: UploadOut | null;
  onBusy: (busy: boolean) => void;
  onDone: (upload: UploadOut) => void;
}

/** Chooses a file and sends it. The same file again goes on where it broke off. */
export function PickFile({ database, unfinished, onBusy, onDone }: Props) {
  const { t } = useTranslation();
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const [sending, setSending] = useState<{ file: File; done: number; from: number; since: number } | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const stop = useRef<AbortController | null>(null);
  useEffect(() => () => stop.current?.abort(), []);

  async function take(file: File) {
    const control = new AbortController();
    stop.current = control;
    setError(null);
    onBusy(true);
    try {
      const known = await data(uploadList({ query: { limit: 200 } }));
      const from = known.items.find((each) => each.resource_id === database.id && isOf(each, file)) ?? null;
      const since = Date.now();
      const seen = (done: number) => setSending({ file, done, from: from?.received ?? 0, since });
      onDone(await sent(file, lineTo(database.id), { from, seen, signal: control.signal }));
    } catch (thrown) {
      if (!control.signal.aborted) setError(asError(thrown));
    } finally {
      void queries.invalidateQueries({ queryKey: ["uploads"] });
      setSending(null);
      onBusy(false);
    }
  }
  function drop(event: DragEvent) {
    event.preventDefault();
    setOver(false);
    const [file] = event.dataTransfer.files;
    if (file) void take(file);
  }
  if (sending)
    return (
      <div className="grid gap-3">
        <p className="break-words font-medium">{sending.file.name}</p>
        <Progress of={asProgress(sending, t("transfers:sending"))} label={t("transfers:sending")} />
        {sending.from > 0 && <p className="text-muted text-xs">{t("transfers:goesOn")}</p>}
        <Button className="justify-self-start" onClick={() => stop.current?.abort()}>
          {t("transfers:pause")}
        </Button>
      </div>
    );
  return (
    <div className="grid gap-3">
      {unfinished && <p className="text-muted">{t("transfers:again", { name: unfinished.name })}</p>}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: dropping is the mouse's way; the button is everybody's */}
      <div
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
        className={cx(
          "grid min-h-48 place-items-center rounded-lg border border-dashed p-6 text-center",
          over ? "border-accent bg-accent-soft" : "border-strong-line",
        )}
      >
        <div className="grid justify-items-center gap-2">
          <FileUp className="size-6 text-accent-text" aria-hidden />
          <p className="text-muted">{t("transfers:drop")}</p>
          <Button look="primary" onClick={() => input.current?.click()}>
            {t("transfers:choose")}
          </Button>
          <p className="text-muted text-xs">{t("transfers:takes")}</p>
        </div>
      </div>
      <input
        ref={input}
        type="file"
        accept={TAKES}
        aria-label={t("transfers:choose")}
        tabIndex={-1}
        className="sr-only"
        onChange={(event) => {
          const [file] = event.target.files ?? [];
          if (file) void take(file);
          event.target.value = "";
        }}
      />
      {error && <ErrorText error={error} />}
    </div>
  );
}

function asProgress(
  { file, done, from, since }: { file: File; done: number; from: number; since: number },
  phase: string,
) {
  const seconds = (Date.now() - since) / 1000;
  const rate = seconds > 1 ? Math.round((done - from) / seconds) : null;
  const eta_seconds = rate ? (file.size - done) / rate : null;
  return { phase, done, total: file.size, unit: "bytes", rate, eta_seconds };
}
